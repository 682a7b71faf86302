"""A request for the vectors of a transformer, from a snapshot to the cache; and the conversion of a pickle. `make test-deep`."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Snapshot
from torchcell_assets.sources.converted import convert
from torchcell_assets.sources.snapshots import Snapshots
from torchcell_assets.sources.source import SourceUnavailable
from torchcell_assets.steps.representations import language_model, table, vectors
from torchcell_assets.steps.representations.language_models import registry
from torchcell_assets.steps.representations.language_models.alphabets import ALPHABETS
from torchcell_assets.steps.representations.language_models.cost import Width
from torchcell_assets.steps.representations.recipes import RECIPES, Recipe
from torchcell_assets.storage.hashing import sha256_of
from torchcell_assets_tests.steps.representations.language_models import tiny
from torchcell_assets_tests.steps.representations.test_vectors import PROTEINS, genome, protein

REPOSITORY, REVISION = "lab/tiny", "a" * 40


def snapshot(folder, **changes):
    files = {one.name: sha256_of(one) for one in folder.iterdir()}
    stated = {"repository": REPOSITORY, "revision": REVISION, "files": files, "bytes": 1, "licence": "MIT"}
    return Snapshot(**(stated | {"citation": "A lab", "doi": ""} | changes))


@pytest.fixture
def tiny_esm(tmp_path, monkeypatch):
    """A key of a tiny ESM2 whose weights lie in `TORCHCELL_WEIGHTS`; gives that folder."""
    torch.manual_seed(0)
    place = tmp_path / "weights" / REPOSITORY
    tiny.esm2(place)
    width = Width(3, 64, 64, 256)
    model = registry.LanguageModel("tiny", "esm", "protein", "esm", snapshot(place), width, "a tiny ESM2")
    monkeypatch.setitem(registry.MODELS, "tiny", model)
    recipe = Recipe("tiny", language_model.FAMILY, 64, parameters=model.describe())
    monkeypatch.setitem(RECIPES, "tiny", recipe)
    return place


def worked(root, weights, **told):
    request = vectors.Request(root=root, key="tiny", weights=weights.parents[1], device="cpu", **told)
    return vectors.work(request.model_dump_json(), lambda done, total, text: None)


def test_the_vectors_of_a_snapshot_are_those_of_transformers_and_its_manifest_says_which_bytes_made_them(
    tmp_path, tiny_esm
):
    root = tmp_path / "root"
    genes = genome(root, PROTEINS)
    said = worked(root, tiny_esm)
    assert (said["computed"], said["device"], said["dtype"]) == (4, "cpu", "float32")
    embedding = table.build(
        RECIPES["tiny"], genes, {language_model.VECTORS: layout.vectors_folder(root) / said["cache"]}
    )
    alphabet = ALPHABETS["esm"]
    expected = [
        tiny.alone("esm2", tiny_esm, alphabet.tokens(one), alphabet.head, alphabet.tail) for one in PROTEINS if one
    ]
    np.testing.assert_allclose(embedding.vectors, expected, atol=1e-5)
    made_by = embedding.manifest["notes"]["made_by"]
    assert made_by["weights_sha256"] == {one.name: sha256_of(one) for one in tiny_esm.iterdir()}
    assert (made_by["dtype"], made_by["tokens"], made_by["long"]) == ("float32", "esm", "full length")


def test_changed_weights_are_refused_and_what_was_computed_stays(tmp_path, tiny_esm):
    root = tmp_path / "root"
    genome(root, PROTEINS)
    folder = layout.vectors_folder(root) / worked(root, tiny_esm)["cache"]
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    place = tiny_esm / "model.safetensors"
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(TorchcellError, match="truncated or changed"):
        worked(root, tiny_esm)
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


def test_a_device_that_is_not_there_is_one_sentence(tmp_path, tiny_esm):
    assert not torch.cuda.is_available()
    root = tmp_path / "root"
    genome(root, PROTEINS)
    request = vectors.Request(root=root, key="tiny", weights=tiny_esm.parents[1], device="cuda")
    with pytest.raises(vectors.VectorsRefused, match="no device 'cuda' here: unset TORCHCELL_DEVICE"):
        vectors.work(request.model_dump_json(), lambda done, total, text: None)


def test_long_and_short_proteins_are_estimated_by_their_operations(tmp_path, tiny_esm):
    root = tmp_path / "root"
    genome(root, [protein(at, 10 + 5 * at) for at in range(80)])
    estimate = worked(root, tiny_esm, estimate=True)["estimate"]
    assert estimate["seconds"] > 0 and estimate["memory"] == pytest.approx(3 * (4 * 64**2 + 2 * 64 * 256) * 4 / 1e9)


# ---- pickles -----------------------------------------------------------------------------------------------------------------
def pickled(folder, tensors):
    """A snapshot as it is published with pickles: the tensors in two of them."""
    folder.mkdir(parents=True)
    names = sorted(tensors)
    torch.save({name: tensors[name] for name in names[::2]}, folder / "pytorch_model-00001-of-00002.bin")
    torch.save({name: tensors[name] for name in names[1::2]}, folder / "pytorch_model-00002-of-00002.bin")
    (folder / "config.json").write_text("{}")
    return snapshot(folder)


def test_pickles_are_converted_once_and_then_read_as_safetensors(tmp_path):
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"a.weight": shared, "b.weight": shared, "c.bias": torch.ones(3, dtype=torch.float16)}
    wanted = pickled(tmp_path / "weights" / REPOSITORY, tensors)
    snapshots = Snapshots(tmp_path / "cache", tmp_path / "weights")
    with pytest.raises(SourceUnavailable, match="converts it once"):
        snapshots.verified(wanted)
    made = convert(snapshots, wanted)
    assert snapshots.verified(wanted) == (made, wanted.files)
    found = load_file(made / "model.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
    assert sorted(one.name for one in made.iterdir()) == ["config.json", "converted.json", "model.safetensors"]


def test_the_tensors_are_translated_and_a_config_is_written_where_none_is_published(tmp_path):
    folder = tmp_path / "weights" / REPOSITORY
    folder.mkdir(parents=True)
    torch.save({"old": torch.ones(1)}, folder / "calm_weights.pkl")
    snapshots = Snapshots(tmp_path / "cache", tmp_path / "weights")
    made = convert(snapshots, snapshot(folder), lambda tensors: {"new": tensors["old"]}, {"model_type": "esm"})
    assert list(load_file(made / "model.safetensors")) == ["new"]
    assert json.loads((made / "config.json").read_text()) == {"model_type": "esm"}


class Runs:
    """What a pickle can ask for: that something is called when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("content", ["code", "torn", "numbers"])
def test_a_pickle_that_holds_more_than_tensors_is_refused_and_nothing_of_it_runs(tmp_path, content):
    folder = tmp_path / "weights" / REPOSITORY
    folder.mkdir(parents=True)
    place, marker = folder / "pytorch_model.bin", tmp_path / "ran"
    torch.save({"code": {"a": Runs(marker)}, "torn": {"a": torch.ones(1000)}, "numbers": {"a": 1}}[content], place)
    if content == "torn":
        place.write_bytes(place.read_bytes()[:-500])
    snapshots = Snapshots(tmp_path / "cache", tmp_path / "weights")
    with pytest.raises(SourceUnavailable, match="is not converted"):
        convert(snapshots, snapshot(folder))
    assert not marker.exists() and not snapshots.converted(snapshot(folder)).exists()


def test_pickles_of_other_bytes_are_not_converted(tmp_path):
    folder = tmp_path / "weights" / REPOSITORY
    wanted = pickled(folder, {"a": torch.ones(2), "b": torch.ones(2)})
    other = dict.fromkeys(wanted.files, "0" * 64)
    with pytest.raises(SourceUnavailable, match="truncated or changed"):
        convert(Snapshots(tmp_path / "cache", tmp_path / "weights"), replace(wanted, files=other))


@pytest.mark.parametrize("name", ["nt_3prime_300", "calm"])
def test_what_is_read_of_dna_reaches_the_model(tmp_path, monkeypatch, name):
    """The registry's own entries, over tiny weights: window or coding sequence, tokens, limit."""
    torch.manual_seed(0)
    place = tmp_path / "weights" / REPOSITORY
    if name == "calm":
        tiny.calm(place)
    else:
        tiny.nucleotide_transformer(place)
    real = registry.MODELS[name]
    width = Width(3, 64, 64, 256)
    monkeypatch.setitem(registry.MODELS, name, replace(real, weights=snapshot(place), width=width))
    root = tmp_path / "root"
    sequence = "".join(np.random.default_rng(0).choice(list("ACGT"), 2400))
    genes = genome(root, ["MKV", "MAW"]).with_columns(
        cds=pl.Series([sequence[300:900], sequence[:60]]),
        chromosome=pl.lit("I"),
        start=pl.Series([301, 1201], dtype=pl.UInt32),
        end=pl.Series([900, 1500], dtype=pl.UInt32),
        strand=pl.Series(["+", "+"]),
    )
    genes.write_parquet(layout.dataset_table(root, "genome"))
    chromosomes = layout.dataset_table(root, "chromosomes")
    pl.DataFrame({"chromosome": ["I"], "sequence": [sequence], "circular": [False]}).write_parquet(chromosomes)
    request = vectors.Request(root=root, key=name, weights=tmp_path / "weights", device="cpu")
    said = vectors.work(request.model_dump_json(), lambda done, total, text: None)
    files = {
        language_model.VECTORS: layout.vectors_folder(root) / said["cache"],
        language_model.CHROMOSOMES: chromosomes,
    }
    embedding = table.build(replace(RECIPES[name], dimension=64), genes, files)
    read = {"nt_3prime_300": [sequence[897:1197], sequence[1497:1797]], "calm": genes["cds"].to_list()}[name]
    alphabet = ALPHABETS[real.alphabet]
    expected = [tiny.alone("esm2", place, alphabet.tokens(one), alphabet.head, alphabet.tail) for one in read]
    np.testing.assert_allclose(embedding.vectors, expected, atol=1e-5)
