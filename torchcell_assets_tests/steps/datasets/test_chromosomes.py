"""The chromosomes as their real file gives them."""

import hashlib

import polars as pl

from torchcell_assets.steps.datasets import CHROMOSOME_SEQUENCES


def test_there_are_17_and_none_is_quarantined(read):
    found = read(CHROMOSOME_SEQUENCES)
    assert found.kept.height == CHROMOSOME_SEQUENCES.published_records == 17
    assert found.quarantined.is_empty()
    assert found.kept["length"].sum() == 12_157_105


def test_the_mitochondrial_dna_alone_has_no_ends(read):
    kept = read(CHROMOSOME_SEQUENCES).kept
    assert kept.filter("circular").select("chromosome", "length").rows() == [("mito", 85_779)]


def test_lengths_and_digests_are_those_of_the_sequences(read):
    kept = read(CHROMOSOME_SEQUENCES).kept
    assert kept.select((pl.col("sequence").str.len_bytes() == pl.col("length")).all()).item()
    of = dict(kept.select("chromosome", "sequence").iter_rows())
    assert of["I"].startswith("CCACACCACACCCACACACCCACACACCACACCACACACCACACCACACC") and len(of["I"]) == 230_218
    digests = dict(kept.select("chromosome", "sha256").iter_rows())
    assert digests == {name: hashlib.sha256(bases.encode()).hexdigest() for name, bases in of.items()}


def test_every_gene_lies_on_one_of_them(read, genes):
    lengths = read(CHROMOSOME_SEQUENCES).kept.select("chromosome", "length")
    placed = genes.join(lengths, on="chromosome", how="left")
    assert placed.select((pl.col("end") <= pl.col("length")).all()).item()
    assert placed["length"].null_count() == 0
