"""The genome as its real files give it."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.genome import STANDARD_CODE, YEAST_MITOCHONDRIAL_CODE, translate


def test_there_are_6600_genes_and_none_is_quarantined(read):
    from torchcell_assets.steps.datasets import GENOME

    genome = read(GENOME)
    assert genome.kept.height == GENOME.published_records == 6_600
    assert genome.quarantined.is_empty()


def test_every_coding_sequence_translates_from_its_first_codon_to_one_stop(genes):
    ends = genes.select(
        gene="gene",
        nuclear=pl.col("chromosome") != "mito",
        start=pl.col("cds").str.head(3),
        stop=pl.col("cds").str.tail(3),
    )
    assert ends.filter("nuclear")["stop"].is_in(["TAA", "TAG", "TGA"]).all()
    assert ends.filter(~pl.col("nuclear"))["stop"].is_in(["TAA", "TAG"]).all()
    assert ends.filter("nuclear")["start"].eq("ATG").mean() > 0.999
    assert not genes["protein"].str.contains(r"\*").any()


def test_qualifiers_and_chromosomes_are_those_of_sgd(genes):
    assert dict(genes["qualifier"].cast(pl.String).value_counts().iter_rows()) == {
        "Verified": 5_155,
        "Uncharacterized": 728,
        "Dubious": 717,
    }
    assert genes["chromosome"].n_unique() == 17
    assert genes.filter(pl.col("chromosome") == "mito").height == 28


def test_cdc28_is_where_sgd_has_it(genes):
    [cdc28] = genes.filter(pl.col("name") == "CDC28").to_dicts()
    assert (cdc28["gene"], cdc28["chromosome"], cdc28["start"], cdc28["end"], cdc28["strand"]) == (
        "YBR160W",
        "II",
        560_078,
        560_974,
        "+",
    )
    assert cdc28["protein"].startswith(
        "MSGELANYKRLEKVGEGTYGVVYKALDLRPGQGQRVVALKKIRLESEDEGVPSTAIREISLLKELKDDNIVRLYDIVHSDAHKLYLVFEFLDL"
    )
    assert len(cdc28["protein"]) == 298
    assert {"CDK1", "SRM5", "HSL5"} <= set(cdc28["aliases"])
    assert cdc28["sgd_id"] == "S000000364"
    assert "Cyclin-dependent kinase" in cdc28["description"]


def test_a_spliced_gene_on_the_reverse_strand_has_its_exons_joined(genes):
    [act1] = genes.filter(pl.col("name") == "ACT1").to_dicts()  # one intron after its tenth base
    assert act1["strand"] == "-"
    assert len(act1["protein"]) == 375
    assert act1["protein"].startswith("MDSEVAALVIDNGSGMCKAGFAGDDAPRAVFPSIVGRPRH")


def test_a_mitochondrial_gene_is_read_with_its_own_code(genes):
    [cox1] = genes.filter(pl.col("gene") == "Q0045").to_dicts()
    assert len(cox1["protein"]) == 534
    assert cox1["protein"].startswith("MVQRWLYSTNAKDIAVLYFMLAIFSGMAGTAMSLIIRLELAAPGSQYLHGNSQLFNVLVVGHAVLMIFFL")


@pytest.mark.parametrize(("code", "protein"), [(STANDARD_CODE, "MLIW*X"), (YEAST_MITOCHONDRIAL_CODE, "MTMWWX")])
def test_translation_uses_the_named_code(code: str, protein: str):
    assert translate(["ATGCTAATATGGTGANNN", "", "ATG"], code) == [protein, "", "M"]
