"""Genotypes as keys: numbered in the order of their text, packed, and taken apart to the text that `with_genotype` writes."""

import random
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from torchcell_assets.schema import with_genotype
from torchcell_assets.schema.genotype import identity
from torchcell_assets.steps.merged import identities
from torchcell_assets.steps.merged.identities import Identities, MergeError, number, packed, starts_of, texts

FIELDS = ("gene", "kind", "allele", "zygosity")
A = ("YAL001C", "deletion", "delta", "haploid")
A_HET = ("YAL001C", "deletion", "delta", "heterozygous")
A_A = ("YAL001C-A", "deletion", "delta", "haploid")
B1 = ("YBR160W", "temperature_sensitive", "cdc28-1", "haploid")
B4 = ("YBR160W", "temperature_sensitive", "cdc28-4", "homozygous")
C = ("YLR113W", "damp", "damp", "haploid")
D = ("YLR113W-B", "deletion", "delta", "haploid")
EVERY = (A, A_HET, A_A, B1, B4, C, D)


def edges(genotypes: list[tuple], start: int = 0) -> pl.DataFrame:
    """One row per perturbation; the ordinals count from `start`."""
    rows = [(start + at, *p) for at, genotype in enumerate(genotypes) for p in genotype]
    return pl.DataFrame(rows, schema={"ordinal": pl.Int64, **dict.fromkeys(FIELDS, pl.String)}, orient="row")


def numbered(folder: Path, *pages: pl.DataFrame, genes_only: bool = False) -> Identities:
    paths = []
    for at, page in enumerate(pages):
        paths.append(folder / f"{at}.parquet")
        page.write_parquet(paths[-1])
    return number(paths, genes_only, duckdb.connect())


def expected(genotypes: list[tuple], genes_only: bool = False) -> pl.DataFrame:
    structs = [[dict(zip(FIELDS, p, strict=True)) for p in genotype] for genotype in genotypes]
    schema = {"perturbations": pl.List(pl.Struct(dict.fromkeys(FIELDS, pl.String)))}
    table = with_genotype(pl.DataFrame({"perturbations": structs}, schema=schema)).collect()
    return table.select(pl.col("genes").alias("genotype") if genes_only else "genotype", "genes", "order")


@pytest.mark.parametrize("genes_only", [False, True])
def test_perturbations_are_those_whose_text_the_genotype_is(tmp_path, genes_only):
    genotypes = [(B4,), (D, A, B1), (C, A, B1, D, A_A), (C, A_HET), (A, B1, A_A, C), (A_A,), (A_A, D)]
    found = numbered(tmp_path, edges(genotypes), genes_only=genes_only)
    keys = packed(edges(genotypes), found)["key"].to_numpy()
    listed = identities.perturbations(keys, found)
    table = texts(keys, found)
    assert [len(one) for one in listed] == [len(one) for one in genotypes]
    if genes_only:
        assert listed.to_list() == [
            [{"gene": gene, **dict.fromkeys(FIELDS[1:])} for gene in one.split("+")] for one in table["genotype"]
        ]
    else:
        written = listed.to_frame().select(
            pl.col("perturbations").list.eval(identity(pl.element().struct.field)).list.join(" + ")
        )
        assert written.to_series().to_list() == table["genotype"].to_list()
    assert identities.perturbations(keys[:0], found).to_list() == []


def test_identities_are_numbered_in_the_order_of_their_text_and_flagged(tmp_path):
    found = numbered(tmp_path, edges([(D, B4)]), edges([(A_HET,), (C,)]))
    assert found.texts.to_list() == [
        "YAL001C:deletion:delta:heterozygous",
        "YBR160W:temperature_sensitive:cdc28-4:homozygous",
        "YLR113W-B:deletion:delta:haploid",
        "YLR113W:damp:damp:haploid",
    ]
    rows = found.perturbations.sort("number").select(*FIELDS, "identity", "number", "flags").rows()
    flags = [identities.DELETION, 0, identities.DELETION | identities.HAPLOID, identities.HAPLOID]
    assert rows == [
        (*p, text, at + 1, flag)
        for at, (p, text, flag) in enumerate(zip((A_HET, B4, D, C), found.texts, flags, strict=True))
    ]
    assert (found.genes_only, found.separator) == (False, " + ")


def test_merged_by_gene_alone_the_identity_is_the_gene(tmp_path):
    found = numbered(tmp_path, edges([(A, B1), (A_HET, B4)]), genes_only=True)
    assert found.texts.to_list() == ["YAL001C", "YBR160W"]
    assert sorted(found.perturbations.select("gene", "zygosity", "number").rows()) == [
        ("YAL001C", "haploid", 1),
        ("YAL001C", "heterozygous", 1),
        ("YBR160W", "haploid", 2),
        ("YBR160W", "homozygous", 2),
    ]
    assert (found.genes_only, found.separator) == (True, "+")


@pytest.mark.parametrize("field", FIELDS)
def test_an_edge_without_a_part_of_its_identity_is_refused(tmp_path, field):
    page = edges([(A,), (B1,)]).with_columns(pl.when(pl.col("ordinal") == 0).then(field).alias(field))
    with pytest.raises(MergeError) as refused:
        numbered(tmp_path, page)
    assert str(refused.value) == "A PERTURBS edge lacks its kind, allele or zygosity: load the graph again."


def test_as_many_identities_as_a_key_tells_apart_are_taken_and_one_more_is_refused(tmp_path, monkeypatch):
    assert (identities.LARGEST, identities.BITS, identities.IN_KEY) == (2_097_151, 21, 3)
    monkeypatch.setattr(identities, "LARGEST", 2)
    assert len(numbered(tmp_path, edges([(A, B1)])).texts) == 2
    with pytest.raises(MergeError) as refused:
        numbered(tmp_path, edges([(A, B1, C)]))
    assert str(refused.value) == (
        "The selected records perturb in 3 different ways and a merge key tells 2 apart: narrow the query of the study."
    )


def test_a_key_holds_three_numbers_and_what_is_beyond_two_is_numbered_like_an_identity(tmp_path):
    page = edges([(B1, A), (C,), (D, C, B1, A), (B1, D, A)], start=7)
    known = numbered(tmp_path, page)
    assert known.texts.to_list() == [
        "YAL001C:deletion:delta:haploid",
        "YBR160W:temperature_sensitive:cdc28-1:haploid",
        "YLR113W-B:deletion:delta:haploid",
        "YLR113W-B:deletion:delta:haploid + YLR113W:damp:damp:haploid",
        "YLR113W:damp:damp:haploid",
    ]
    found = packed(page.reverse(), known)
    keys = [(1 << 42) + (2 << 21), 5 << 42, (1 << 42) + (2 << 21) + 4, (1 << 42) + (2 << 21) + 3]
    assert found.rows() == [(7, keys[0], 2), (8, keys[1], 2), (9, keys[2], 2), (10, keys[3], 2)]
    assert found.schema == {"ordinal": pl.Int64, "key": pl.Int64, "flags": pl.UInt8}


def test_a_flag_holds_where_it_holds_of_every_perturbation(tmp_path):
    page = edges([(A, D), (A, C), (A, A_HET), (A_HET, C), (B4, A), (B4, C)])
    both, haploid, deletion = identities.DELETION | identities.HAPLOID, identities.HAPLOID, identities.DELETION
    assert packed(page, numbered(tmp_path, page))["flags"].to_list() == [both, haploid, deletion, 0, 0, 0]


def test_the_largest_numbers_have_their_places_in_a_key_and_leave_flags_and_ordinals_alone(tmp_path):
    page = edges([(A, C), (D,), (C, A, D)], start=2**40)
    known = numbered(tmp_path, page)  # A, D, C in the order of their text
    large = pl.col("number").replace_strict({1: 1, 2: identities.LARGEST - 1, 3: identities.LARGEST})
    known = replace(known, perturbations=known.perturbations.with_columns(number=large))
    last = identities.LARGEST
    keys = [(1 << 42) + (last << 21), (last - 1) << 42, (1 << 42) + ((last - 1) << 21) + last]
    both, haploid = identities.DELETION | identities.HAPLOID, identities.HAPLOID
    rows = zip(range(2**40, 2**40 + 3), keys, (haploid, both, haploid), strict=True)
    assert packed(page, known).rows() == list(rows)


def test_a_page_without_edges_has_no_key(tmp_path):
    page = edges([(A,)])
    assert_frame_equal(
        packed(page.clear(), numbered(tmp_path, page)),
        pl.DataFrame(schema={"ordinal": pl.Int64, "key": pl.Int64, "flags": pl.UInt8}),
    )


@pytest.mark.parametrize("genes_only", [False, True])
@pytest.mark.parametrize("longest", [1, 3, 7])
def test_keys_read_as_with_genotype_writes_and_compare_as_the_texts_do(tmp_path, genes_only, longest):
    draw = random.Random(1)
    genotypes = [tuple(draw.sample(EVERY, draw.randint(1, longest))) for _ in range(60)]
    pages = [edges(genotypes[:30], start=1000), edges(genotypes[30:], start=9)]
    known = numbered(tmp_path, *pages, genes_only=genes_only)
    keys = np.concatenate([packed(page, known)["key"].to_numpy() for page in pages])
    table = expected(genotypes, genes_only)
    assert_frame_equal(texts(keys, known), table, check_exact=True)
    in_order = table["genotype"].gather(np.argsort(keys, kind="stable"))
    assert in_order.to_list() == sorted(table["genotype"])
    assert len(set(keys.tolist())) == table["genotype"].n_unique()


@pytest.mark.parametrize(
    "genotype", [(A, A_A, B1, C, D), (A, A, B1, C), (C, C, C, C, C)], ids=["alone", "a pair alike", "all alike"]
)
def test_a_page_of_one_long_genotype_is_read_to_its_end_and_what_is_named_twice_stands_twice(tmp_path, genotype):
    page = edges([genotype], start=3)
    known = numbered(tmp_path, page)
    assert_frame_equal(texts(packed(page, known)["key"].to_numpy(), known), expected([genotype]), check_exact=True)


def test_a_run_begins_where_any_column_changes():
    one, other = np.array([1, 1, 1, 2, 2]), np.array([0, 0, 5, 5, 5])
    assert starts_of(one).tolist() == [0, 3]
    assert starts_of(one, other).tolist() == [0, 2, 3]
    assert starts_of(np.array([4])).tolist() == [0]
