"""What a notebook asks of a data root, in the forms in which people write it."""

import inspect
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets import notebook
from torchcell_assets.steps.trained.model_store import ModelFileError

CALLS = [notebook.open_table, notebook.dataset, notebook.gene, notebook.predict]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "datasets").mkdir()
    names = {"gene": ["YBR160W", "YAL040C"], "name": ["CDC28", "CLN3"], "aliases": [["CDK1"], []]}
    pl.DataFrame(names, schema_overrides={"aliases": pl.List(pl.String)}).write_parquet(
        tmp_path / "datasets" / "genome.parquet"
    )
    return tmp_path


def test_a_root_may_be_a_text_or_a_path(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    for one in (root, str(root), f"~/{root.name}"):
        assert notebook.open_table("datasets/genome", root=one).height == 2
        assert notebook.gene("cdc28", root=one)["gene"] == "YBR160W"
        with pytest.raises(ModelFileError, match=str(root / "trained")):
            notebook.predict([["CDC28"]], root=one)
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
def test_genotypes_that_are_no_list_of_lists_are_never_taken_apart_into_letters(root, given, said):
    with pytest.raises(notebook.NotGenotypes) as refusal:
        notebook.predict(given, root=root)
    assert said in str(refusal.value)
