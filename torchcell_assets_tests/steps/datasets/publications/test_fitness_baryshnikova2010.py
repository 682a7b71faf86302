"""Single mutants of Baryshnikova et al. 2010, as the real sheet gives them."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.publications import fitness_costanzo2016
from torchcell_assets.steps.datasets.publications.fitness_baryshnikova2010 import DATASET

KIND = pl.col("perturbations").list.first().struct.field("kind").cast(pl.String)


@pytest.fixture(scope="module")
def kept(read) -> pl.DataFrame:
    return read(DATASET).kept.with_columns(kind=KIND, tsq=pl.col("strain").str.contains("_tsq"))


def test_every_row_is_a_record_and_the_first_row_is_data(read, kept):
    assert kept.height == DATASET.published_records == 6_023
    assert read(DATASET).blank == 0
    assert read(DATASET).quarantined.is_empty()
    [first] = kept.filter(pl.col("row") == 1).to_dicts()
    assert (first["strain"], first["value"], first["uncertainty"]) == ("YAL001C_damp", 0.988331, 0.005208)
    assert first["genotype"] == "YAL001C:damp:tfc3_damp:haploid"


def test_suffixes_are_kinds(kept):
    assert dict(kept.filter(~pl.col("tsq"))["kind"].value_counts().iter_rows()) == {"deletion": 4_635, "damp": 1_082}
    assert kept["tsq"].sum() == 306


def test_strains_that_costanzo_2016_knows_have_its_alleles(read, kept):
    unknown = kept.filter("tsq", pl.col("genotype").str.contains(r":tsq\d+:"))
    assert kept["tsq"].sum() - unknown.height == 291
    costanzo = set(read(fitness_costanzo2016.DATASET).kept["genotype"])
    shared = kept.filter("tsq", pl.col("genotype").is_in(costanzo))
    assert shared.height > 250
    [row] = kept.filter(pl.col("strain") == "YAL001C_tsq508").to_dicts()
    assert row["genotype"] == "YAL001C:temperature_sensitive:tfc3-g349e:haploid"


def test_temperature_sensitive_strains_are_grown_at_26_degrees(kept):
    assert kept.filter("tsq")["temperature"].unique().to_list() == [26.0]
    assert kept.filter(~pl.col("tsq"))["temperature"].unique().to_list() == [30.0]


def test_the_control_is_kept_twice(kept):
    told = (
        kept.filter(pl.col("strain").str.starts_with("YDL227C ("))
        .sort("row")
        .select("strain", "value", "genotype")
        .rows()
    )
    ho = "YDL227C:deletion:delta:haploid"
    assert told == [("YDL227C (row 941)", 1.000155, ho), ("YDL227C (row 942)", 1.031582, ho)]


def test_only_deletions_have_a_number_of_screens(kept):
    assert kept.group_by(kind="kind").agg(pl.col("samples").unique()).filter(pl.col("kind") == "deletion")[
        "samples"
    ].to_list() == [[80]]
    assert kept.filter(pl.col("kind") != "deletion")["samples"].null_count() == 6_023 - 4_635


def test_genes_that_the_annotation_has_by_no_name_are_kept(read, genes):
    assert len(read(DATASET).genes - set(genes["gene"])) == 30
