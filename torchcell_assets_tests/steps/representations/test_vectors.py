"""From a request to the cache, and from the cache to genes: with UniRep, whose weights ship in a package."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Sources
from torchcell_assets.steps.representations import language_model, table, unirep, vectors
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.raw_files import UNIREP_WEIGHTS
from torchcell_assets.steps.representations.recipes import DUBIOUS, RECIPES
from torchcell_assets.steps.representations.sequence_cache import SequenceCache

KEY = "unirep_64"
AMINO = list("ACDEFGHIKLMNPQRSTVWY")


def protein(seed, length):
    return "".join(np.random.default_rng(seed).choice(AMINO, length))


def genome(root, proteins, qualifiers=None):
    """A genome of these proteins in a data root."""
    names = [f"YAL{at + 1:03}C" for at in range(len(proteins))]
    genes = pl.DataFrame(
        {"gene": names, "protein": proteins, "qualifier": qualifiers or ["Verified"] * len(names)},
        schema={"gene": pl.String, "protein": pl.String, "qualifier": pl.String},
    )
    place = layout.dataset_table(root, "genome")
    place.parent.mkdir(parents=True, exist_ok=True)
    genes.write_parquet(place)
    return genes


def asked(root, key=KEY, **told):
    return vectors.Request(root=root, key=key, **told).model_dump_json()


def worked(root, key=KEY, **told):
    return vectors.work(asked(root, key, **told), lambda done, total, text: None)


def built(root, genes, said, recipe=RECIPES[KEY]):
    path = Sources(cache=root / "raw", offline=True).path(UNIREP_WEIGHTS[64])
    folder = layout.vectors_folder(root) / said["cache"]
    return table.build(recipe, genes, {UNIREP_WEIGHTS[64].name: path, language_model.VECTORS: folder})


PROTEINS = ["MKV", "MKVLAW", None, "MKV", "MAAAW", "MWWWLK"]


def test_every_protein_is_computed_once_and_never_again(tmp_path):
    genes = genome(tmp_path, PROTEINS)
    said = worked(tmp_path)
    assert (said["computed"], said["device"], said["dtype"]) == (4, "cpu", "float32")
    assert worked(tmp_path)["computed"] == 0
    embedding = built(tmp_path, genes, said)
    weights = unirep.read(Sources(cache=tmp_path / "raw", offline=True).path(UNIREP_WEIGHTS[64]))
    kept = [one for one in PROTEINS if one]
    np.testing.assert_allclose(embedding.vectors, unirep.vectors(kept, weights), atol=1e-6)
    assert embedding.genes == ["YAL001C", "YAL002C", "YAL004C", "YAL005C", "YAL006C"]
    assert embedding.manifest["genes_missing"] == embedding.manifest["notes"]["without_sequence"] == ["YAL003C"]
    assert embedding.manifest["notes"]["weights_sha256"] == {
        UNIREP_WEIGHTS[64].name: UNIREP_WEIGHTS[64].sha256[0],
    }
    assert "CC BY-NC 4.0" in embedding.manifest["notes"]["licence"]


def test_of_a_changed_genome_the_changed_sequences_alone_are_computed(tmp_path):
    genome(tmp_path, PROTEINS)
    first = worked(tmp_path)
    genome(tmp_path, [*PROTEINS[:4], "MAAAWK", "MW"])
    again = worked(tmp_path)
    assert (again["computed"], again["cache"]) == (2, first["cache"])


def test_a_key_without_dubious_genes_shares_the_vectors_and_says_which_are_left_out_by_rule(tmp_path):
    genes = genome(tmp_path, PROTEINS, ["Verified", DUBIOUS, DUBIOUS, "Verified", "Uncharacterized", DUBIOUS])
    said = worked(tmp_path)
    parameters = {**RECIPES[KEY].parameters, "without": DUBIOUS}
    recipe = replace(RECIPES[KEY], key="unirep_64_no_dubious", parameters=parameters)
    assert recipe.fingerprint != RECIPES[KEY].fingerprint
    embedding = built(tmp_path, genes, said, recipe)
    assert embedding.genes == ["YAL001C", "YAL004C", "YAL005C"]
    notes = embedding.manifest["notes"]
    assert notes["left_out_by_rule"] == {"rule": DUBIOUS, "genes": ["YAL002C", "YAL003C", "YAL006C"]}
    assert notes["without_sequence"] == []
    whole = built(tmp_path, genes, said)
    np.testing.assert_array_equal(embedding.vectors, whole.vectors[[0, 2, 3]])


def test_shards_are_disjoint_and_together_all(tmp_path):
    genome(tmp_path, [protein(at, 20) for at in range(40)])
    parts = [worked(tmp_path, shard=(at, 3))["computed"] for at in range(3)]
    assert sum(parts) == 40 and min(parts) > 0
    assert worked(tmp_path)["computed"] == 0


def test_an_estimate_computes_the_probe_alone_and_says_what_the_rest_costs(tmp_path):
    key, probe, lengths = "unirep_1900", 32_768 // 1900, range(20, 120)
    genome(tmp_path, [protein(at, at) for at in lengths])
    told = []
    said = vectors.work(asked(tmp_path, key, estimate=True), lambda *one: told.append(one))
    estimate = said["estimate"]
    assert said["computed"] == 2 * probe and estimate["missing"] == estimate["sequences"] == 100
    assert estimate["seconds"] > 0 and estimate["tokens"] == sum(lengths)
    assert estimate["operations"] == pytest.approx(sum(MODELS[key].width.operations([at]) for at in lengths))
    assert told == [(0, estimate["tokens"], estimate["said"])]
    assert "100 of 100 sequences (6,950 tokens) are computed on cpu" in estimate["said"]
    assert (
        vectors.work(asked(tmp_path, key, estimate=True), lambda *one: None)["estimate"]["missing"] == 100 - 2 * probe
    )


def test_where_nothing_is_missing_nothing_is_computed(tmp_path):
    genome(tmp_path, PROTEINS)
    worked(tmp_path)
    assert worked(tmp_path)["estimate"]["said"] == "All 4 sequences are in the cache: nothing is computed."


def test_what_was_killed_goes_on_with_what_is_missing(tmp_path):
    """A worker of a shell, of a model that takes some seconds, killed once the first vectors are stored."""
    count = 2600
    genome(tmp_path, [protein(at, 30) for at in range(count)])
    request = tmp_path / "request.json"
    request.write_text(asked(tmp_path, "unirep_256"))
    command = [sys.executable, "-m", "torchcell_assets", "worker", str(request)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    place = layout.vectors_folder(tmp_path)
    deadline = time.monotonic() + 120
    while not any(shard.stat().st_size > 1_000_000 for shard in place.glob("*/*.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = place.iterdir()
    held = SequenceCache(folder, 256)
    before = held.known()
    assert 0 < len(before) < count
    kept = held.vectors(sorted(before)[:50])
    finished = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=True)
    assert json.loads(finished.stdout)["computed"] == count - len(before)
    np.testing.assert_array_equal(held.vectors(sorted(before)[:50]), kept)


def test_vectors_that_are_not_computed_are_never_guessed(tmp_path):
    genes = genome(tmp_path, PROTEINS)
    said = worked(tmp_path)
    longer = pl.concat([genes, genes.head(1).with_columns(gene=pl.lit("YAR001W"), protein=pl.lit("MNEW"))])
    with pytest.raises(language_model.VectorsMissing, match=r"1 of 6 vectors of unirep_64 are not computed yet"):
        built(tmp_path, longer, said)


# ---- rounding is no change ------------------------------------------------------------------------------------------------
@pytest.fixture
def stored(tmp_path):
    """A stored embedding, and its file."""
    genes = genome(tmp_path, [protein(at, 30) for at in range(30)])
    embedding = built(tmp_path, genes, worked(tmp_path))
    place = layout.embedding_file(tmp_path, KEY)
    place.parent.mkdir(parents=True)
    table.write(place, embedding)
    return embedding, place


def noisy(embedding, relative):
    """Every vector, off by this much of its distance to the mean."""
    noise = np.random.default_rng(1).normal(size=embedding.vectors.shape)
    spread = np.linalg.norm(embedding.vectors - embedding.vectors.mean(axis=0), axis=1)
    noise *= (relative * spread / np.linalg.norm(noise, axis=1))[:, None]
    return replace(embedding, vectors=(embedding.vectors + noise).astype(np.float32))


def version(embedding, place):
    return table.content_hash(language_model.unless_noise(embedding, place))


@pytest.mark.parametrize("relative", [0, 1e-6, 1e-3, 0.009])
def test_another_device_keeps_the_data_version_and_what_is_stored(stored, relative):
    embedding, place = stored
    assert version(noisy(embedding, relative), place) == table.content_hash(embedding)


@pytest.mark.parametrize("relative", [0.011, 0.1])
def test_what_differs_by_more_is_another_version(stored, relative):
    embedding, place = stored
    made = noisy(embedding, relative)
    assert version(made, place) == table.content_hash(made)


def test_another_pooling_is_another_version(stored, tmp_path):
    """Without the start: what a mean over the residues alone would be."""
    embedding, place = stored
    read = pl.read_parquet(layout.dataset_table(tmp_path, "genome"))["protein"]
    weights = unirep.read(Sources(cache=tmp_path / "raw", offline=True).path(UNIREP_WEIGHTS[64]))
    start = unirep.vectors(["M"], weights)[0]  # the mean of the states after the start and after one residue
    other = np.stack([(v * (len(s) + 1) - start) / len(s) for v, s in zip(embedding.vectors, read, strict=True)])
    made = replace(embedding, vectors=other.astype(np.float32))
    assert version(made, place) == table.content_hash(made) != table.content_hash(embedding)


@pytest.mark.parametrize("part", ["fingerprint", "gene_list_hash", "weights_sha256", "sequences_sha256"])
def test_vectors_of_another_recipe_weight_or_sequence_are_not_taken_for_rounding(stored, part):
    embedding, place = stored
    manifest = json.loads(json.dumps(embedding.manifest))
    (manifest if part in manifest else manifest["notes"])[part] = "another"
    made = replace(noisy(embedding, 1e-6), manifest=manifest)
    assert version(made, place) == table.content_hash(made)


def test_a_damaged_file_is_replaced(stored):
    embedding, place = stored
    place.write_bytes(b"torn")
    made = noisy(embedding, 1e-6)
    assert version(made, place) == table.content_hash(made)


# ---- refusals ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"key": "unirep_65"}, r"no representation 'unirep_65'.*unirep_64"),
        ({"key": "one_hot"}, "one_hot needs no model: materialize it"),
        ({"shard": [2, 2]}, "no shard 2 of 2"),
        ({"shard": [0, 0]}, "cannot be used: shard.1"),
        ({"device": "tpu"}, "cannot be used: device"),
        ({"colour": "red"}, "cannot be used: colour"),
        ({}, r"genome.parquet: materialize datasets/genome first"),
        ({"key": "nt_3prime_300"}, r"genome.parquet: materialize datasets/genome first"),
    ],
)
def test_a_request_that_cannot_be_answered_is_one_sentence(tmp_path, told, says):
    request = json.dumps({"work": "embed", "root": str(tmp_path), "key": KEY, **told})
    with pytest.raises(TorchcellError, match=says) as refused:
        vectors.work(request, lambda done, total, text: None)
    assert "\n" not in str(refused.value)


NEED_WEIGHTS = [name for name, model in MODELS.items() if model.architecture != "unirep"]


@pytest.mark.parametrize("key", [*NEED_WEIGHTS, "esm2_650M_no_dubious", "prot_t5_no_dubious"])
def test_every_key_without_its_weights_says_the_one_sentence(tmp_path, key, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    genome(tmp_path, PROTEINS).with_columns(
        cds=pl.lit("ATGTAA"), chromosome=pl.lit("I"), start=1, end=6, strand=pl.lit("+")
    ).write_parquet(layout.dataset_table(tmp_path, "genome"))
    chromosomes = pl.DataFrame({"chromosome": ["I"], "sequence": ["ATGTAA" * 900], "circular": [False]})
    chromosomes.write_parquet(layout.dataset_table(tmp_path, "chromosomes"))
    with pytest.raises(TorchcellError) as refused:
        worked(tmp_path, key)
    said, weights = str(refused.value), MODELS[RECIPES[key].parameters["model"]].weights
    assert "\n" not in said
    for part in (weights.repository, weights.revision, f"{weights.bytes / 1e9:.2g} GB", weights.licence):
        assert part in said
    assert ("make weights MODEL=" if weights.pickles else "TORCHCELL_WEIGHTS") in said
    assert not list(layout.vectors_folder(tmp_path).glob("*/*"))
