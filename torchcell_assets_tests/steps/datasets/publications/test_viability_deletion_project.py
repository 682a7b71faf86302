"""Essential genes of the deletion project, as the file inside the installed package gives them."""

import polars as pl

from torchcell_assets.steps.datasets.publications.viability_deletion_project import DATASET


def test_every_orf_is_a_record(read):
    found = read(DATASET)
    assert found.kept.height == DATASET.published_records == 6_128
    assert found.kept["genotype"].n_unique() == 6_128
    assert dict(found.kept["viable"].value_counts().iter_rows()) == {False: 1_123, True: 5_005}
    assert found.quarantined.is_empty()


def test_the_first_row_is_the_first_line_below_the_rule(read):
    [first] = read(DATASET).kept.filter(pl.col("row") == 1).to_dicts()
    assert (first["id"], first["genes"], first["viable"]) == (
        "viability_deletion_project:1:essential",
        "YAL001C",
        False,
    )


def test_a_second_cassette_of_an_orf_is_no_second_record(read):
    assert read(DATASET).kept.filter(pl.col("genes") == "YAL021C").height == 1
    assert read(DATASET).kept["row"].max() <= 6_363


def test_genes_that_the_annotation_has_by_no_name_are_kept(read, genes):
    assert len(read(DATASET).genes - set(genes["gene"])) == 25
