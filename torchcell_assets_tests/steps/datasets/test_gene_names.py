"""A gene is found by any of its names, or the refusal helps."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.gene_names import AmbiguousGeneName, GeneNames, UnknownGeneName


@pytest.fixture(scope="module")
def names(genes) -> GeneNames:
    return GeneNames(genes)


@pytest.mark.parametrize("name", ["CDC28", "cdc28", "Cdc28", "YBR160W", "ybr160w", " YBR160W ", "SRM5", "hsl5", "CDK1"])
def test_a_gene_is_found_by_any_name_in_any_case(names: GeneNames, name: str):
    assert names.resolve(name) == "YBR160W"


def test_every_systematic_and_every_standard_name_is_found(names: GeneNames, genes: pl.DataFrame):
    assert [names.resolve(gene) for gene in genes["gene"]] == genes["gene"].to_list()
    named = genes.drop_nulls("name")
    assert [names.resolve(name) for name in named["name"]] == named["gene"].to_list()


def test_a_standard_name_wins_over_an_alias_of_another_gene():
    genes = pl.DataFrame(
        {"gene": ["YAL001C", "YBR160W"], "name": ["AAA1", "BBB1"], "aliases": [["OLD1"], ["AAA1", "OLD2"]]}
    )
    assert GeneNames(genes).resolve("aaa1") == "YAL001C"
    assert GeneNames(genes).resolve("old2") == "YBR160W"


def test_an_alias_of_two_genes_is_refused_with_both():
    genes = pl.DataFrame({"gene": ["YAL001C", "YBR160W"], "name": [None, "BBB1"], "aliases": [["OLD1"], ["OLD1"]]})
    with pytest.raises(AmbiguousGeneName, match="YAL001C, YBR160W"):
        GeneNames(genes).resolve("OLD1")


def test_an_unknown_name_comes_with_close_ones(names: GeneNames):
    with pytest.raises(UnknownGeneName, match="CDC28"):
        names.resolve("CDC28X")
    with pytest.raises(UnknownGeneName, match="systematic name"):
        names.resolve("")
