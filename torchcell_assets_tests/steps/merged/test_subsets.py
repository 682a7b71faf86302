"""Samples are nested, the same on every machine, and no gene set straddles two splits."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.merged import fitness, subsets
from torchcell_assets.study import Condition

PINNED = [("g0120", "validation"), ("g0121", "validation"), ("g0598", "train")]
ROWS = pl.DataFrame({"genotype": [f"g{i:04d}" for i in range(2000)], "genes": [f"G{i // 2:04d}" for i in range(2000)]})


@given(st.permutations(range(50)))
@settings(max_examples=20)
def test_order_and_split_do_not_depend_on_the_order_of_the_rows(order):
    rows = ROWS.head(50)
    one = subsets.with_split(rows, seed=1)
    other = subsets.with_split(rows[list(order)], seed=1)
    assert one.equals(other)


def test_alleles_of_one_gene_set_share_a_split_and_stand_together():
    table = subsets.with_split(ROWS, seed=1)
    assert table.group_by("genes").agg(pl.col("split").n_unique())["split"].max() == 1
    assert (table["genes"].rle_id().max() or 0) + 1 == table["genes"].n_unique()


def test_samples_are_nested_and_every_sample_has_all_splits():
    table = subsets.with_split(ROWS, seed=1)
    small, large = subsets.subset(table, "1e2", ""), subsets.subset(table, "1e3", "")
    assert large.head(100).equals(small)
    shares = small["split"].value_counts(normalize=True)
    assert dict(shares.iter_rows())["train"] == pytest.approx(0.8, abs=0.12)
    assert set(small["split"]) == set(subsets.SPLITS)
    assert dict(table["split"].value_counts(normalize=True).iter_rows())["test"] == pytest.approx(0.1, abs=0.03)


def test_the_sample_is_the_same_on_every_machine():
    first = subsets.with_split(ROWS, seed=1).head(3)
    assert first.select("genotype", "split").rows() == PINNED


def test_another_seed_is_another_sample():
    assert not subsets.with_split(ROWS, seed=1).equals(subsets.with_split(ROWS, seed=2))


def test_a_size_that_cannot_be_filled_says_how_many_there_are_and_what_would_add_more():
    with pytest.raises(subsets.SubsetError) as refusal:
        subsets.subset(subsets.with_split(ROWS, seed=1), "1e4", "the big screen")
    assert str(refusal.value) == (
        "A subset of 1e4 needs 10,000 genotypes and the merged table holds 2,000 at the standard condition: take a "
        "smaller size, or add the big screen."
    )


def test_one_row_per_genotype_at_the_standard_condition_measured_before_derived(tmp_path):
    base = {
        "temperature": 26.0, "medium_class": "SGA plate", "reference": "wild type", "evidence": "measured", "order": 1,
        "deletions_only": True, "haploid": True, "standard_error": None, "pooling": "single", "measurements": 1,
        "samples": None, "heterogeneity": None, "publications": ["10.1/a"], "records": ["r"],
    }  # fmt: skip
    rows = [
        base | {"genotype": "a", "genes": "a", "value": 0.1, "evidence": "derived"},
        base | {"genotype": "a", "genes": "a", "value": 0.2},
        base | {"genotype": "b", "genes": "b", "value": 0.3, "evidence": "derived"},
        base | {"genotype": "c", "genes": "c", "value": 0.4, "temperature": 30.0},
        base | {"genotype": "d", "genes": "d", "value": 0.5, "haploid": False},
        base | {"genotype": "e", "genes": "e", "value": 0.6, "deletions_only": False},
        base | {"genotype": "f", "genes": "f", "value": 0.7, "evidence": "simulated"},
        base | {"genotype": "g", "genes": "g", "value": 0.8, "medium_class": "YPD liquid"},
    ]
    path = tmp_path / "fitness.duckdb"
    fitness.write(path, pl.DataFrame(rows, schema=polars_schema(MergedFitness)))
    condition = Condition("SGA plate", 26.0, "wild type", ("measured", "derived"))
    assert subsets.standard(path, condition).select("genotype", "value").rows() == [("a", 0.2), ("b", 0.3)]
    with_alleles = subsets.standard(path, condition, deletions_only=False)
    assert with_alleles["genotype"].to_list() == ["a", "b", "e"]
