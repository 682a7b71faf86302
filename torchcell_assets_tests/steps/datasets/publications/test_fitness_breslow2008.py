"""Deletion strains of Breslow et al. 2008, as the real sheet gives them."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.publications.fitness_breslow2008 import DATASET


@pytest.fixture(scope="module")
def kept(read) -> pl.DataFrame:
    return read(DATASET).kept


def test_every_strain_is_a_record(read, kept):
    assert kept.height == DATASET.published_records == 4_204
    assert read(DATASET).blank == 0
    assert read(DATASET).quarantined.is_empty()


def test_a_strain_below_the_limit_has_a_bound_and_no_value(kept):
    censored = kept.filter(pl.col("upper_bound").is_not_null()).sort("row")
    assert censored["genes"].to_list() == ["YCR063W", "YDR315C", "YJR073C"]
    assert censored["upper_bound"].to_list() == [0.5, 0.5, 0.5]
    assert censored["value"].null_count() == 3
    assert censored["replicates"].null_count() == 3
    assert kept["value"].min() == 0.403


def test_replicates_are_listed_as_measured(kept):
    [yme1] = kept.filter(pl.col("genes") == "YPR024W").to_dicts()
    assert (yme1["value"], yme1["replicates"], yme1["samples"]) == (0.516, [0.5157, 0.4956, 0.5755], 3)
    lengths = kept.filter(pl.col("value").is_not_null())["replicates"].list.len()
    assert (lengths.min(), lengths.max()) == (1, 6)
    assert lengths.sum() == 4_201 + 1_395 + 521 + 79 + 40 + 1


def test_what_the_table_does_not_state_is_marked_inferred(kept):
    assert kept["temperature_source"].cast(pl.String).unique().to_list() == ["inferred"]
    assert "not stated" in kept["medium"][0]


def test_genes_that_the_annotation_has_by_no_name_are_kept(read, genes):
    assert len(read(DATASET).genes - set(genes["gene"])) == 22
