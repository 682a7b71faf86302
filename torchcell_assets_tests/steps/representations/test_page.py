"""The page of a representation: what it says, that it says what it lacks, and that nothing on it decides what is stored."""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.definitions import build_defs
from torchcell_assets.schema import Gene
from torchcell_assets.sources import Sources
from torchcell_assets.staleness.provenance import USES_METADATA
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.representations import figures, known_partners, page, table
from torchcell_assets.steps.representations.known_partners import PARTNERS, Known
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.raw_files import COMPLEXES, GO_SLIM, OF_THE_PAGE, OHNOLOGS, STRING_PHYSICAL
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets_tests.steps.representations.test_known_partners import (  # noqa: F401
    COMPLEXES_TEXT,
    SLIM_TEXT,
    annotations,
)
from torchcell_assets_tests.steps.trained.synthetic import gene_names

NAMES = [*page.SHOWN_GENES.values(), *gene_names(60)]
CODE = RECIPES["random_10"]


def genome() -> pl.DataFrame:
    types = {name: column.dtype for name, column in Gene.columns().items()}
    names = {gene: name for name, gene in page.SHOWN_GENES.items()}
    columns = {"gene": NAMES, "name": [names.get(gene) for gene in NAMES], "aliases": [[] for _ in NAMES]}
    columns["cds"] = [
        "ATG" + codon * (at + 1) + "TAA" for at, codon in enumerate(["GCT", "AAA", "TTG"] * 22) if at < len(NAMES)
    ]
    return pl.DataFrame({name: columns.get(name, [None] * len(NAMES)) for name in types}, schema=types)


def partners(*pairs: tuple[str, str]) -> pl.DataFrame:
    rows = [*pairs, *((other, one) for one, other in pairs)]
    return pl.DataFrame(rows, schema={"gene": pl.String, "partner": pl.String}, orient="row")


CDC28, CLN2, RPN11 = (page.SHOWN_GENES[name] for name in ("CDC28", "CLN2", "RPN11"))


@pytest.fixture
def known(monkeypatch) -> Known:
    found = Known({"complex partner": partners((CDC28, CLN2)), "ohnolog": partners((NAMES[9], NAMES[10]))}, None, [])
    monkeypatch.setattr(known_partners, "known", lambda sources: found)
    return found


@pytest.fixture
def nowhere(tmp_path) -> Sources:
    return Sources(cache=tmp_path / "cache", mirror=tmp_path / "mirror", offline=True)


def built(key: str = "random_10") -> table.GeneEmbedding:
    return table.build(RECIPES[key], genome())


def test_the_nearest_genes_are_named_and_marked_as_what_they_are(known):
    embedding = built()
    at = embedding.genes.index
    embedding.vectors[at(CLN2)] = embedding.vectors[at(CDC28)] * 2
    lines = dict(line.split(" | ") for line in page.nearest(embedding, genome(), known).splitlines()[2:])
    assert lines.keys() == page.SHOWN_GENES.keys()
    assert lines["CDC28"].startswith("CLN2 (1.000, **complex partner**), ")
    assert lines["CDC28"].count("(") == 10 and "ohnolog" not in lines["CDC28"]
    fewer = replace(embedding, genes=[name.replace(RPN11, "YAL999C") for name in embedding.genes])
    assert "RPN11 | is not described" in page.nearest(fewer, genome(), known)


def test_the_shares_stand_beside_a_random_code_of_the_same_width_and_chance():
    """Of 65 genes in pairs that have one vector: 100 % here; of a random code what is expected of it, and not nothing."""
    genes = [f"G{at}" for at in range(300)]
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors[1::2] = vectors[::2]
    twins = partners(*((f"G{at}", f"G{at + 1}") for at in range(0, 300, 2)))
    embedding = table.GeneEmbedding("twins", genes, vectors, {})
    known = Known({"ohnolog": twins}, None, ["The raw file X cannot be had."])
    header, _, row, *rest = page.shares(embedding, known).splitlines()
    assert header == "partners | here | random code, 8 wide | by chance | genes looked at | pairs"
    kind, here, random, chance, looked_at, pairs = row.split(" | ")
    assert (kind, here, chance, looked_at, pairs) == ("ohnologs", "100.0 %", "3.3 %", "300", "150")
    assert 0.5 < float(random.removesuffix(" %")) < 8
    assert OHNOLOGS.doi in rest[1] and COMPLEXES.doi not in rest[1]
    assert rest[-1] == "Not looked at: The raw file X cannot be had."


def test_a_random_code_is_beside_a_random_code_another_one():
    genes = [f"G{at}" for at in range(200)]
    pairs = partners(*((f"G{at}", f"G{at + 100}") for at in range(100)))
    recipe = RECIPES["random_10"]
    embedding = table.build(recipe, pl.DataFrame({"gene": genes}))
    own = page.neighbourhoods.shares(genes, embedding.vectors, {"ohnolog": pairs})
    assert page.random_shares(embedding, Known({"ohnolog": pairs}, None, [])) != own


def test_missing_genes_are_named_with_the_reason():
    embedding = table.build(
        RECIPES["codon_frequency"], genome().with_columns(cds=pl.col("cds").replace({"ATGGCTTAA": "ATGGC"}))
    )
    assert page.missing(RECIPES["codon_frequency"], embedding, genome()) == (
        "- it has no coding sequence of whole codons (1): CDC28"
    )
    assert page.missing(CODE, built(), genome()) == "None: every gene is described."
    many = replace(embedding, manifest={"genes_missing": [f"G{at}" for at in range(70)]})
    assert page.missing(RECIPES["codon_frequency"], many, genome()).endswith(
        "G59 and 10 more, which the manifest names"
    )


def test_genes_without_a_protein_are_told_from_those_that_are_left_out_by_rule():
    notes = {"left_out_by_rule": {"rule": "Dubious", "genes": ["B", "A"]}, "without_sequence": ["C"]}
    found = page.reasons(RECIPES["esm2_650M_no_dubious"], {"genes_missing": ["A", "B", "C"], "notes": notes})
    assert found == {"it has no protein": ["C"], "left out by rule, as dubious genes": ["A", "B"]}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_says_why_a_gene_is_missing_and_what_is_to_be_cited(recipe):
    assert recipe.family in ("one_hot", "random_code") or page.why_missing(recipe).startswith(("it ", "the DNA "))
    said = page.cited(recipe)
    model = MODELS.get(recipe.parameters.get("model"))
    for one in [*recipe.files, *([model.weights] if model else [])]:
        assert one.name in said and one.licence in said and one.citation in said and one.doi in said


def test_what_a_worker_said_of_its_cost_is_said_in_words():
    estimate = {"said": "All 3 sequences are in the cache: nothing is computed."}
    said = page.cost({"computed": 0, "seconds": 0.2, "device": "cpu", "dtype": "float32", "estimate": estimate})
    assert said == f"{estimate['said']} 0 vectors were computed in 0.2 s on cpu, in float32."


def test_where_no_file_can_be_had_the_page_says_so_and_the_rest_stands(nowhere):
    told = page.of_embedding(CODE, built(), genome(), nowhere)
    assert all(source.name in told["partners_among_the_nearest"].value for source, _ in PARTNERS.values())
    assert told["nearest_genes"].value.startswith("gene | its nearest genes")
    assert told["map"].value.startswith("![random_10: 10 dimensions](data:image/png;base64,")


def test_a_judgement_that_fails_fails_nothing(monkeypatch, nowhere):
    monkeypatch.setattr(figures, "place", lambda vectors: 1 / 0)
    monkeypatch.setattr(known_partners, "known", lambda sources: 1 / 0)
    told = page.of_embedding(CODE, built(), genome(), nowhere)
    for name in ("map", "partners_among_the_nearest", "nearest_genes"):
        assert "ZeroDivisionError" in told[name].value and "the data are stored" in told[name].value
    assert told["genes_missing_and_why"].value == "None: every gene is described."


# ---- the real genome ----------------------------------------------------------------------------------------------------
DOCUMENTED = Path(__file__).parents[3] / "docs" / "representations.md"


@pytest.mark.parametrize("key", ["amino_acid_composition", "network_proximity", "codon_frequency"])
def test_paralogues_and_complex_partners_come_first_by_the_documented_shares(raw_files, tmp_path, key):
    mirror = os.environ.get("TORCHCELL_MIRROR")
    sources = Sources(cache=tmp_path, mirror=Path(mirror) if mirror else None)
    known = known_partners.known(sources)
    recipe = RECIPES[key]
    genes = GENOME.read(sources.path).records.collect()
    embedding = table.build(recipe, genes, {source.name: sources.path(source) for source in recipe.files})
    found = page.neighbourhoods.shares(embedding.genes, embedding.vectors, known.partners)
    documented = re.search(
        rf"^\| `{key}` \| ([\d.]+) % \| ([\d.]+) % \|$", DOCUMENTED.read_text(), re.MULTILINE
    ).groups()
    assert [100 * found[kind].share for kind in PARTNERS] == pytest.approx([float(one) for one in documented], abs=0.3)
    for kind, control in page.random_shares(embedding, known).items():
        assert control.share < 0.01
        assert found[kind].share > 10 * found[kind].chance > 0


# ---- nothing of this decides what is stored -----------------------------------------------------------------------------
def test_no_recipe_and_no_declaration_names_a_file_of_the_page():
    names = {source.name for source in OF_THE_PAGE}
    assert names == {COMPLEXES.name, OHNOLOGS.name, GO_SLIM.name}
    assert STRING_PHYSICAL.name not in names
    for recipe in RECIPES.values():
        assert not names & recipe.describe()["files"].keys()


def materialized(folder: Path, raw_files: Path, key: str) -> tuple[str, tuple, dict]:
    """Data version, what is stored, and metadata of one representation, made by Dagster."""
    from torchcell_assets.config import study
    from torchcell_assets.steps.vocabulary import KNOWN

    root = DataRoot(path=str(folder))
    path = layout.dataset_table(folder, "genome")
    path.parent.mkdir(parents=True)
    genome().write_parquet(path)
    [asset] = [
        one
        for one in build_defs(study.load("starter", KNOWN)).assets
        if any("gene_embedding" in key.path for key in one.keys)
    ]
    [uses] = [metadata[USES_METADATA].value for metadata in asset.metadata_by_key.values()]
    assert not any(source.name in name for source in OF_THE_PAGE for name in uses)
    instance = dg.DagsterInstance.ephemeral()
    for parent in asset.dependency_keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(parent, tags={"dagster/data_version": "A"}))
    resources = {"root": root, "raw": RawFiles(root=root, mirror=str(raw_files)), "worker": WorkerProcess()}
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    done = dg.materialize([asset], instance=instance, partition_key=key, resources=resources, run_config=quiet)
    [event] = done.get_asset_materialization_events()
    made = event.materialization
    stored = table.read(layout.embedding_file(folder, key))
    content = (stored.genes, stored.vectors.tobytes(), stored.manifest)
    return made.tags["dagster/data_version"], content, {name: value.value for name, value in made.metadata.items()}


def test_files_that_are_there_and_a_map_that_fails_change_no_data_and_no_version(tmp_path, annotations, monkeypatch):  # noqa: F811
    """Once with all three files, once with none, once with a page that cannot be made at all."""
    for source, text in ((COMPLEXES, COMPLEXES_TEXT), (GO_SLIM, SLIM_TEXT)):
        digest = hashlib.sha256(text.encode()).hexdigest()
        monkeypatch.setattr(
            known_partners,
            "GO_SLIM" if source is GO_SLIM else "COMPLEXES",
            replace(source, sha256=(digest,), bytes=len(text)),
        )
    monkeypatch.setitem(PARTNERS, "complex partner", (known_partners.COMPLEXES, known_partners.complex_partners))
    key = "codon_frequency"
    version, stored, told = materialized(tmp_path / "with", annotations, key)
    assert version == table.content_hash(built(key))
    assert "complex partners | " in told["partners_among_the_nearest"]
    assert told["map"].startswith("![codon_frequency")
    monkeypatch.undo()
    monkeypatch.setattr(Sources, "_download", lambda *args: (_ for _ in ()).throw(OSError("no network")))
    assert materialized(tmp_path / "without", tmp_path / "nothing", key)[:2] == (version, stored)
    monkeypatch.setattr(figures, "place", lambda vectors: 1 / 0)
    monkeypatch.setattr(page.neighbourhoods, "shares", lambda *args: 1 / 0)
    failed = materialized(tmp_path / "failing", tmp_path / "nothing", key)
    assert failed[:2] == (version, stored)
    assert "could not be drawn" in failed[2]["map"]
