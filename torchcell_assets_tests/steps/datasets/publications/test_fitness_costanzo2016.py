"""Single mutants of Costanzo et al. 2016, as the real sheet gives them."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.publications.fitness_costanzo2016 import DATASET

PERTURBATION = pl.col("perturbations").list.first()
CODE = pl.col("strain").str.extract(r"_([A-Za-z]+)\d+$")


@pytest.fixture(scope="module")
def kept(read) -> pl.DataFrame:
    return read(DATASET).kept.with_columns(code=CODE, kind=PERTURBATION.struct.field("kind").cast(pl.String))


def test_every_value_cell_is_a_record_or_blank_or_a_repeat(read):
    found = read(DATASET)
    assert found.kept.height == DATASET.published_records == 12_030
    assert (found.blank, found.repeated) == (1_234, 8_454)
    assert found.quarantined.is_empty()
    assert found.kept.height + found.blank + found.repeated == 2 * 10_859


def test_what_is_printed_for_two_temperatures_is_one_measurement_at_30(kept):
    assert kept.filter(pl.col("kind").is_in(["deletion", "damp"]))["temperature"].unique().to_list() == [30.0]
    at_both = kept.group_by("strain").agg(pl.col("temperature").n_unique(), pl.col("kind").first())
    conditional = at_both.filter(pl.col("temperature") == 2)["kind"].value_counts()
    assert dict(conditional.iter_rows()) == {"temperature_sensitive": 1_712, "suppressor": 41}
    assert kept.filter(pl.col("temperature") == 26).height == 1_806


def test_its_stddev_is_kept_and_called_no_standard_error(kept):
    assert set(kept["uncertainty_type"].cast(pl.String)) <= {"unspecified", "none"}


def test_both_temperatures_are_there(kept):
    assert dict(kept["temperature"].value_counts().iter_rows()) == {26.0: 1_806, 30.0: 10_224}
    assert kept["screen"].unique().sort().to_list() == ["fitness_costanzo2016:26C", "fitness_costanzo2016:30C"]


def test_each_strain_code_gives_its_records_and_s_none(kept):
    assert dict(kept["code"].value_counts().iter_rows()) == {
        "damp": 733,
        "tsa": 1_584,
        "tsq": 1_975,
        "dma": 3_893,
        "sn": 3_845,
    }


def test_a_suppressor_is_known_by_its_allele_and_not_by_its_strain_code(sources, kept):
    strains = read_strains(sources.path(COSTANZO_2016_SINGLES))
    suppressors = strains.filter(pl.col("kind") == "suppressor")
    assert dict(suppressors["code"].value_counts().iter_rows()) == {"S": 117, "dma": 59, "sn": 13, "tsa": 17, "tsq": 34}
    [yml122c] = kept.filter(pl.col("id").str.ends_with("30C"), pl.col("strain") == "YML122C_dma3621").to_dicts()
    assert yml122c["genotype"] == "YML122C:suppressor:yml122c-supp1:haploid"
    assert kept.filter(pl.col("kind") == "deletion")["genotype"].str.contains("supp").sum() == 0


def test_the_first_row_reads_as_printed(kept):
    [first] = kept.filter(pl.col("id") == "fitness_costanzo2016:1:30C").to_dicts()
    assert first["strain"] == "YAL001C_damp174"
    assert first["genotype"] == "YAL001C:damp:tfc3_damp:haploid"
    assert (first["value"], first["uncertainty"], first["uncertainty_type"]) == (0.9395, 0.0988, "unspecified")
    assert (first["samples"], first["sample_unit"]) == (17, "screen")


def test_a_temperature_sensitive_allele_keeps_its_name_and_differs_between_temperatures(kept):
    rows = kept.filter(pl.col("strain") == "YAL001C_tsa508").sort("temperature")
    assert rows["value"].to_list() == [0.8658, 0.8285]
    assert rows["genotype"].unique().to_list() == ["YAL001C:temperature_sensitive:tfc3-g349e:haploid"]


def test_two_deletion_strains_of_a_gene_are_one_genotype_with_two_markers(kept):
    rows = kept.filter(pl.col("strain").is_in(["YAL002W_dma23", "YAL002W_sn273"]))
    assert rows["genotype"].unique().to_list() == ["YAL002W:deletion:delta:haploid"]
    marked = rows.sort("strain").select(
        PERTURBATION.struct.field("marker"),
        PERTURBATION.struct.field("role").cast(pl.String),
        PERTURBATION.struct.field("name"),
        "samples",
    )
    assert marked.rows() == [("KanMX", "array", "vps8", 350), ("NatMX", "query", "vps8", 17)]


def test_a_gene_name_that_became_a_date_is_no_name(kept):
    dated = kept.filter(pl.col("genes").is_in(["YER044C-A", "YKL009W", "YPL121C"]), pl.col("kind") == "deletion")
    assert dated.height == 6
    assert dated.select(PERTURBATION.struct.field("name")).to_series().null_count() == 6


def test_several_alleles_of_one_gene_are_several_genotypes(kept):
    at_30 = kept.filter(pl.col("temperature") == 30)
    for strains, genes in (
        (at_30.filter(pl.col("code").is_in(["tsa", "tsq"])), 220),
        (at_30.filter(pl.col("kind") == "temperature_sensitive"), 205),
    ):
        alleles = strains.group_by("genes").agg(pl.col("genotype").n_unique())
        assert alleles.filter(pl.col("genotype") > 1).height == genes


def test_genotypes_at_each_temperature(kept):
    at_30 = kept.filter(pl.col("temperature") == 30)
    assert at_30["genotype"].n_unique() == 6_443
    assert at_30.filter(pl.col("kind") == "deletion")["genotype"].n_unique() == 4_545
    assert kept.filter(pl.col("temperature") == 26)["genotype"].n_unique() == 1_148


def test_genes_that_the_annotation_has_by_no_name_are_kept(read, genes):
    assert len(read(DATASET).genes - set(genes["gene"])) == 29
