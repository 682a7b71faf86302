"""What a notebook asks of a data root, in the forms in which people write it, and what it is told."""

import inspect
import shutil
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.notebook import predict, tables
from torchcell_assets.schema import Gene
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import model_store
from torchcell_assets.steps.trained.cells import Cell
from torchcell_assets.steps.trained.model_store import ModelFileError
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets_tests.steps.merged.test_subsets import BASE, merged_file
from torchcell_assets_tests.steps.merged.test_viability import stored
from torchcell_assets_tests.steps.trained.fits import config, fit_cell
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, rows
from torchcell_assets_tests.steps.trained.test_families import SMALL
from torchcell_assets_tests.steps.trained.test_mutants import board

NAMES = gene_names(40)
MODEL = "elastic_net/1e3/one_hot/pert_sum"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Genes are called GENE0, GENE1 ... beside their systematic names."""
    root = tmp_path_factory.mktemp("data")
    (root / "datasets").mkdir()
    columns = {"gene": NAMES, "name": [f"GENE{at}" for at in range(len(NAMES))], "aliases": [[] for _ in NAMES]}
    types = {name: column.dtype for name, column in Gene.columns().items()}
    filled = {name: columns.get(name, [None] * len(NAMES)) for name in types}
    pl.DataFrame(filled, schema=types).write_parquet(root / "datasets" / "genome.parquet")
    embedding = one_hot_embedding(NAMES)
    store(root, embedding)
    fitted = fit_cell(rows(250, genes=len(NAMES)), embedding, "elastic_net", SMALL, "pert_sum")
    cell = Cell(root / "trained", "elastic_net", "1e3", "one_hot")
    manifest = model_store.manifest_of(fitted, embedding, config("elastic_net", SMALL), {})
    model_store.write(cell.folder / "pert_sum.skops", model_store.Model(fitted.model, manifest))
    return root


def store(root: Path, embedding: table.GeneEmbedding) -> None:
    with atomic_write(vectors(root)) as temporary:
        table.write(temporary, embedding)


def vectors(root: Path) -> Path:
    return root / "representations" / "gene_embedding" / "one_hot.safetensors"


def test_mutants_are_predicted_by_any_gene_name(root):
    found = predict.predict([["gene1", NAMES[0]], ["GENE2"]], MODEL, root)
    assert found["genes"].to_list() == [f"{NAMES[0]}+{NAMES[1]}", NAMES[2]]
    assert found["order"].to_list() == [2, 1]


def test_vectors_of_another_gene_list_are_refused_although_the_recipe_is_the_same(root):
    stored = table.read(vectors(root))
    try:
        store(root, one_hot_embedding(NAMES[::-1]))
        with pytest.raises(TorchcellError, match=r"^The model was trained on one_hot .*, not on one_hot .*again\.$"):
            predict.predict([["GENE1", "GENE2"]], MODEL, root)
    finally:
        store(root, stored)
    assert predict.predict([["GENE1"]], MODEL, root).height == 1


OUTSIDE = "YIL168W"


@pytest.fixture
def known(root, tmp_path) -> Path:
    """The same data root with a merged table, a call that GENE3 is essential, and a scoreboard."""
    shutil.copytree(root, tmp_path / "data")
    root = tmp_path / "data"
    (root / "merged").mkdir()
    of = {"genes": NAMES[0], "genotype": f"{NAMES[0]}:deletion:delta:haploid", "value": 0.7}
    merged_file(root / "merged", [BASE | of, BASE | {"genes": OUTSIDE, "genotype": OUTSIDE}])
    stored(root / "datasets" / "viability_deletion_project.parquet", (False, [(NAMES[3], "deletion", "haploid")]))
    board(*({"model": name, "rmse": error} for name, error in (("elastic_net", 0.1), ("x", 0.2)))).write_parquet(
        root / "trained" / "scoreboard.parquet"
    )
    return root


def test_beside_a_prediction_stands_what_is_known_of_the_mutant_and_which_model_was_asked(known):
    found = predict.predict([["GENE3", "GENE0"], ["GENE0", "GENE5"]], root=known)
    assert found["model"].to_list() == [MODEL] * 2
    assert found["essential"].to_list() == [True, None]
    assert found["essential_source"].to_list() == [f"{NAMES[3]}: essential in viability_deletion_project", None]
    assert found["predicted"].is_null().to_list() == found["reason"].is_not_null().to_list() == [True, False]
    assert [[one["value"] for one in nearest] for nearest in found["nearest_measured"]] == [[0.7], [0.7]]


def test_a_name_of_the_merged_table_that_is_no_orf_of_today_is_answered(known, root):
    found = predict.predict([[OUTSIDE.lower(), "GENE0"]], root=known)
    assert found.select("genes", "genes_unseen", "genes_unknown").row(0) == (
        f"{NAMES[0]}+{OUTSIDE}",
        [OUTSIDE],
        [OUTSIDE],
    )
    for place, name in ((known, "YIL169W"), (root, OUTSIDE)):
        with pytest.raises(TorchcellError, match=f"No gene is called '{name}'"):
            predict.predict([[name]], MODEL, place)


@pytest.mark.parametrize("model", ["elastic_net", "elastic_net/1e3/one_hot", f"{MODEL}/pert_sum"])
def test_what_names_no_model_is_said(root, model):
    with pytest.raises(tables.NotThere, match=f"'{model}' names no model: give family/size/representation/aggreg"):
        predict.predict([["GENE1"]], model, root)


CALLS = [tables.open_table, tables.dataset, tables.gene, predict.predict]


@pytest.fixture
def bare(tmp_path):
    (tmp_path / "datasets").mkdir()
    names = {"gene": ["YBR160W", "YAL040C"], "name": ["CDC28", "CLN3"], "aliases": [["CDK1"], []]}
    pl.DataFrame(names, schema_overrides={"aliases": pl.List(pl.String)}).write_parquet(
        tmp_path / "datasets" / "genome.parquet"
    )
    return tmp_path


def test_a_root_may_be_a_text_or_a_path(bare, monkeypatch):
    monkeypatch.setenv("HOME", str(bare.parent))
    for one in (bare, str(bare), f"~/{bare.name}"):
        assert tables.open_table("datasets/genome", root=one).height == 2
        assert tables.gene("cdc28", root=one)["gene"] == "YBR160W"
        with pytest.raises(ModelFileError, match=str(bare / "trained")):
            predict.predict([["CDC28"]], MODEL, root=one)
        with pytest.raises(
            tables.NotThere, match=f"No model stands on a scoreboard in {bare / 'trained'}: run `make run`"
        ):
            predict.predict([["CDC28"]], root=one)
    assert {inspect.signature(call).parameters["root"].annotation for call in CALLS} == {Path | str | None}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["CDC28", "CLN3"], "give a list of lists, one list per mutant: [['CDC28', 'CLN3']] is one mutant, "
         "[['CDC28'], ['CLN3']] are 2."),
        (["CDC28"], "give a list of lists, one list per mutant: [['CDC28']]"),
        ("CDC28", "give a list of lists, one list per mutant: [['CDC28']]"),
        ([["CLN3"], "CDC28"], "'CDC28' stands where a mutant should: give a list of lists"),
    ],
)  # fmt: skip
def test_genotypes_that_are_no_list_of_lists_are_never_taken_apart_into_letters(bare, given, said):
    with pytest.raises(predict.NotGenotypes) as refusal:
        predict.predict(given, root=bare)
    assert said in str(refusal.value)
