"""Which genes are essential: whose call counts, and what is told where calls disagree; and on the two published tables."""

from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.schema import Viability
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.datasets.publications import deutschbauer2005, viability_deletion_project
from torchcell_assets.steps.merged import viability
from torchcell_assets_tests.steps.datasets.conftest import read, sources  # noqa: F401 - fixtures

HAPLOID = ("deletion", "haploid")


def stored(path: Path, *calls: tuple[bool, list[tuple[str, str, str]]]) -> Path:
    """A table of `Viability` as far as it is read: whether a strain lives, and gene, kind, zygosity of its perturbations."""
    plain = {"allele": "delta", "name": None, "marker": None, "role": None}
    rows = [
        {"viable": viable, "perturbations": [plain | {"gene": g, "kind": k, "zygosity": z} for g, k, z in perturbed]}
        for viable, perturbed in calls
    ]
    types = polars_schema(Viability)
    pl.DataFrame(rows, schema={name: types[name] for name in ("viable", "perturbations")}).write_parquet(path)
    return path


def test_a_call_counts_where_nothing_of_one_gene_is_left(tmp_path):
    path = stored(
        tmp_path / "a.parquet",
        (False, [("YAL001C", *HAPLOID)]),
        (False, [("YAL002W", "deletion", "homozygous")]),
        (False, [("YAL003W", "deletion", "heterozygous")]),
        (False, [("YAL004W", "temperature_sensitive", "haploid")]),
        (False, [("YAL005C", *HAPLOID), ("YAL007C", *HAPLOID)]),
        (True, [("YAL008W", *HAPLOID)]),
    )
    calls = viability.read({"a": path})
    assert calls.essential == {"YAL001C": ("a",), "YAL002W": ("a",)}
    assert calls.viable == {"YAL008W": ("a",)}
    assert [calls.of(gene) for gene in ("YAL001C", "YAL008W", "YAL003W")] == [True, False, None]


def test_where_datasets_disagree_a_gene_is_essential_and_both_are_named(tmp_path):
    one = stored(tmp_path / "one.parquet", (False, [("YAL001C", *HAPLOID)]), (True, [("YAL002W", *HAPLOID)]))
    two = stored(tmp_path / "two.parquet", (True, [("YAL001C", *HAPLOID)]), (True, [("YAL002W", *HAPLOID)]))
    calls = viability.read({"two": two, "one": one})
    assert (calls.of("YAL001C"), calls.disputed) == (True, ["YAL001C"])
    assert calls.summary("YAL001C") == "essential in one, viable in two"
    assert calls.summary("YAL002W") == "viable in one and two"
    assert calls.summary("YAL003W") == ""


def test_of_two_strains_of_one_gene_one_that_dies_is_enough(tmp_path):
    calls = [(True, [("YAL001C", *HAPLOID)]), (False, [("YAL001C", *HAPLOID)]), (True, [("YAL001C", *HAPLOID)])]
    found = viability.read({"a": stored(tmp_path / "a.parquet", *calls)})
    assert (found.essential, found.viable) == ({"YAL001C": ("a",)}, {})


def test_without_a_table_nothing_is_known():
    assert viability.read({}) == viability.Calls()
    assert viability.Calls().of("YAL001C") is None


@pytest.fixture(scope="module")
def published(read, tmp_path_factory) -> viability.Calls:  # noqa: F811
    folder, tables = tmp_path_factory.mktemp("viability"), {}
    for dataset in (viability_deletion_project.DATASET, deutschbauer2005.VIABILITY):
        tables[dataset.name] = folder / f"{dataset.name}.parquet"
        read(dataset).kept.write_parquet(tables[dataset.name])
    return viability.read(tables)


def test_the_published_tables_call_cdc28_essential_and_disagree_on_eleven_genes(published):
    both = "viability_deletion_project", "viability_deutschbauer2005"
    assert published.essential["YBR160W"] == both
    assert published.viable["YML032C"] == both
    assert len(published.disputed) == 11
    assert len(published.essential) == len(set(published.essential) | set(published.disputed)) > 1_100
