"""Diploid deletion strains of Deutschbauer et al. 2005, as the real sheet gives them."""

import polars as pl

from torchcell_assets.steps.datasets.publications.deutschbauer2005 import FITNESS, VIABILITY


def test_every_average_is_a_record_or_not_determined(read):
    found = read(FITNESS)
    assert found.kept.height == FITNESS.published_records == 20_858
    assert found.blank == 145 + 1_187 + 250 + 1_248
    assert found.quarantined.is_empty()
    assert found.kept.height + found.blank == 4 * 5_922
    assert dict(found.kept["column"].value_counts().iter_rows()) == {
        "HET_AV": 5_777,
        "HOM_AV": 4_735,
        "het_mm_B": 5_672,
        "hom_mm_D": 4_674,
    }


def test_an_average_keeps_its_replicates_beside_it(read):
    [row] = read(FITNESS).kept.filter(pl.col("id") == "fitness_deutschbauer2005:2:HOM_AV").to_dicts()
    assert (row["strain"], row["value"], row["replicates"], row["samples"]) == ("YAL002W", 0.983, [0.976, 0.991], 2)
    assert row["genotype"] == "YAL002W:deletion:delta:homozygous"
    assert (row["medium_class"], row["temperature"], row["reference"]) == ("YPD liquid", 30.0, "diploid wild type")
    averages = read(FITNESS).kept.filter(pl.col("column") == "HOM_AV", pl.col("replicates").list.len() > 0)
    # the sheet's averages are of numbers with more digits than it prints
    off = (averages["value"] - averages["replicates"].list.mean()).abs() > 0.002
    assert off.sum() == 266


def test_zygosity_and_medium_follow_the_column(read):
    seen = read(FITNESS).kept.select(
        "column",
        pl.col("perturbations").list.first().struct.field("zygosity").cast(pl.String),
        pl.col("medium_class").cast(pl.String),
    )
    assert set(seen.unique().rows()) == {
        ("HET_AV", "heterozygous", "YPD liquid"),
        ("HOM_AV", "homozygous", "YPD liquid"),
        ("het_mm_B", "heterozygous", "minimal liquid"),
        ("hom_mm_D", "homozygous", "minimal liquid"),
    }


def test_names_are_upper_case_without_spaces(read):
    kept = read(FITNESS).kept
    assert {"YAL034W-A", "YML009C", "YMR169C", "YMR174C"} <= read(FITNESS).genes
    assert kept.filter(pl.col("genes") == "YML009C")["strain"].unique().sort().to_list() == ["YML009C", "YML009c"]
    assert not kept["strain"].str.contains(r"\s").any()


def test_an_essential_gene_is_a_viability_record_and_no_fitness(read):
    found = read(VIABILITY)
    assert found.kept.height == VIABILITY.published_records == 5_859
    assert dict(found.kept["viable"].value_counts().iter_rows()) == {False: 1_102, True: 4_757}
    assert found.blank == 62
    essential = found.kept.filter(~pl.col("viable"))["genes"]
    homozygous = read(FITNESS).kept.filter(pl.col("column") == "HOM_AV", pl.col("genes").is_in(essential.implode()))
    assert homozygous.filter(pl.col("value") == 0).is_empty()


def test_the_garbled_call_is_quarantined(read):
    quarantined = read(VIABILITY).quarantined
    assert quarantined["genes"].to_list() == ["YKL134C"]
    assert quarantined.height == VIABILITY.quarantine_limit
    assert read(VIABILITY).kept.height + read(VIABILITY).blank + quarantined.height == 5_922


def test_genes_that_the_annotation_has_by_no_name_are_kept(read, genes):
    assert len(read(FITNESS).genes - set(genes["gene"])) == 24
    assert len(read(VIABILITY).genes - set(genes["gene"])) == 24
