"""Which two mutants are the same mutant."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.schema import Perturbation, with_genotype
from torchcell_assets.schema.genotype import (
    IDENTITY,
    as_name,
    genes_of,
    identities,
    parsed,
    perturbation,
    perturbations_of,
    with_kind,
    written,
)
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.schema.vocabularies import KINDS, ROLES, ZYGOSITIES

PERTURBATIONS = pl.List(pl.Struct(polars_schema(Perturbation)))
GENES = ["YAL001C", "YBR160W", "YLR113W", "Q0045", "YAL034W-A"]

perturbations = st.lists(
    st.fixed_dictionaries(
        {
            "gene": st.sampled_from(GENES),
            "kind": st.sampled_from(KINDS),
            "allele": st.sampled_from(["a-1", "a-2"]),
            "zygosity": st.sampled_from(ZYGOSITIES),
            "name": st.one_of(st.none(), st.just("tfc3")),
            "marker": st.sampled_from(["KanMX", "NatMX", None]),
            "role": st.one_of(st.none(), st.sampled_from(ROLES)),
        }
    ),
    min_size=1,
    max_size=3,
)


def genotypes(rows: list[list[dict]]) -> pl.DataFrame:
    return with_genotype(pl.DataFrame({"perturbations": rows}, schema={"perturbations": PERTURBATIONS})).collect()


@given(perturbations, st.randoms())
def test_the_order_in_which_perturbations_are_listed_does_not_matter(row, random):
    shuffled = random.sample(row, len(row))
    both = genotypes([row, shuffled])
    assert both["genotype"][0] == both["genotype"][1]
    assert both["genes"][0] == both["genes"][1]


@given(perturbations)
def test_order_counts_distinct_genes(row):
    table = genotypes([row])
    assert table["order"][0] == len({p["gene"] for p in row}) == len(table["genes"][0].split("+"))


@given(perturbations)
def test_marker_name_and_role_are_no_part_of_the_identity(row):
    stripped = [{**p, "name": None, "marker": None, "role": None} for p in row]
    both = genotypes([row, stripped])
    assert both["genotype"][0] == both["genotype"][1]


def test_two_deletions_of_a_gene_are_one_genotype_and_two_ts_alleles_are_two():
    table = pl.DataFrame(
        {"gene": ["YBR160W"] * 4, "kind": ["deletion"] * 2 + ["temperature_sensitive"] * 2, "a": list("xyxy")}
    )
    rows = with_genotype(
        table.select(perturbations=pl.concat_list(perturbation(pl.col("gene"), pl.col("kind"), allele=pl.col("a"))))
    ).collect()
    assert rows["genotype"].to_list() == [
        "YBR160W:deletion:delta:haploid",
        "YBR160W:deletion:delta:haploid",
        "YBR160W:temperature_sensitive:x:haploid",
        "YBR160W:temperature_sensitive:y:haploid",
    ]


def test_the_identity_of_a_deletion_does_not_follow_the_allele_that_a_row_names():
    """Also in rows that `perturbation` did not make, such as those that come back from a graph."""
    deletion = {
        "gene": "YBR160W",
        "kind": "deletion",
        "zygosity": "haploid",
        "name": None,
        "marker": None,
        "role": None,
    }
    rows = genotypes([[deletion | {"allele": allele}] for allele in ("delta", "cdc28-d1", None)])
    assert set(rows["genotype"]) == {"YBR160W:deletion:delta:haploid"}


def test_deletions_of_two_parts_of_one_gene_are_two_genotypes_of_it():
    """An allele that is the name of a former ORF says which part was deleted; any other name of a deletion says nothing."""
    alleles = ("delta", "ybr075w", "yal056c-a", "q0010", "YBR075W", "ybr075w-1", "xybr075w")
    deletion = {"gene": "YBR074W", "kind": "deletion", "zygosity": "haploid"}
    rows = genotypes([[deletion | {"allele": a, "name": None, "marker": None, "role": None}] for a in alleles])
    told = [text.split(":")[2] for text in rows["genotype"]]
    assert told == ["delta", "ybr075w", "yal056c-a", "q0010", "delta", "delta", "delta"]
    assert set(rows["genes"]) == {"YBR074W"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "deletion"])
def test_alleles_are_compared_without_case_and_the_published_name_stays(kind):
    table = pl.DataFrame({"gene": ["YPL211W"] * 2, "a": ["PTA1_damp", " pta1_damp "]})
    made = table.select(
        perturbations=pl.concat_list(perturbation(pl.col("gene"), kind, allele=pl.col("a"), name=pl.col("a")))
    )
    rows = with_genotype(made).collect()
    assert set(rows["genotype"]) == {f"YPL211W:{kind}:pta1_damp:haploid"}
    assert [p[0]["name"] for p in rows["perturbations"]] == ["PTA1_damp", "pta1_damp"]


@pytest.mark.parametrize(
    "cell",
    [
        "Oct-1", "oct-01", "OCT 1", "1-Oct", "01-oct", "1-Oct-24", "1/Oct/2024", "Mar-1", "March-1", "Sept-7", "45931", "45931.0",
        "2024-10-01", "2024-10-01 00:00:00", "2024/10/1", "10/1/2024", "1.10.2024", "2.31E+13", "1,5", "#NAME?", "=MAR1", "TRUE",
        "", "Dec-2026",
    ],
)  # fmt: skip
def test_what_a_spreadsheet_made_of_a_name_is_no_name(cell):
    assert pl.select(as_name(pl.lit(cell))).item() is None


@pytest.mark.parametrize(
    "name",
    ["OCT1", "MAR1", "oct1-1", "sep7", "dec1-supp1", "cdc28-4", "imp2'", "dur1,2", "arg5,6", "YOL052C-A", "tsq508", "mdy2-10",
     "may24"],
)  # fmt: skip
def test_a_name_that_only_looks_like_a_date_stays(name):
    assert pl.select(as_name(pl.lit(f" {name} "))).item() == name


def test_a_mangled_name_is_neither_name_nor_allele():
    table = pl.DataFrame({"gene": ["YKL134C"] * 2, "kind": ["deletion", "damp"], "name": ["1-Oct", "45931"]})
    made = table.select(p=perturbation(pl.col("gene"), pl.col("kind"), allele=pl.col("name"), name=pl.col("name")))
    assert [(p["allele"], p["name"]) for p in made["p"]] == [("delta", None), (None, None)]


TEXTS = ["YAL001C:deletion:delta:haploid", "YBR160W:damp:a-1:haploid"]


def made(gene: str, kind: str, allele: str | None = None, **other: str) -> dict:
    return {"gene": gene, "kind": kind, "allele": allele, "zygosity": "haploid"} | other


def test_a_genotype_is_the_sorted_text_of_its_perturbations_and_these_are_sorted_alike():
    ts, deletion = made("YBR160W", "damp", "a-1", name="x"), made("YAL001C", "deletion", "z-1", marker="KanMX")
    row = genotypes([[ts, deletion]]).row(0, named=True)
    assert (row["genotype"], row["genes"], row["order"]) == (" + ".join(TEXTS), "YAL001C+YBR160W", 2)
    assert [p["gene"] for p in row["perturbations"]] == ["YAL001C", "YBR160W"]
    assert [(p["name"], p["marker"]) for p in row["perturbations"]] == [(None, "KanMX"), ("x", None)]
    # sorted by the whole identity and not by the gene: `YAL034W-A:` stands before `YAL034W:`
    long, short = genotypes([[made("YAL034W", "deletion"), made("YAL034W-A", "deletion")]]).item(0, "perturbations")
    assert (long["gene"], short["gene"]) == ("YAL034W-A", "YAL034W")


def test_a_perturbation_holds_what_it_was_given_as_text_and_null_for_the_rest():
    table = pl.DataFrame({"gene": ["YAL001C"], "name": [" tfc3 "]})
    bare = table.select(p=perturbation(pl.col("gene"), "deletion"))
    assert bare.schema["p"] == pl.Struct(dict.fromkeys(Perturbation.columns(), pl.String))
    nothing = {"name": None, "marker": None, "role": None}
    assert bare["p"].to_list() == [made("YAL001C", "deletion", "delta") | nothing]
    told = {"zygosity": "homozygous", "marker": "NatMX"}
    full = perturbation(pl.col("gene"), "damp", allele=pl.lit("X-1"), name=pl.col("name"), role=pl.lit("query"), **told)
    assert table.select(p=full)["p"].to_list() == [made("YAL001C", "damp", "x-1", name="tfc3", role="query") | told]


# ---- the text and its parts ------------------------------------------------------------------------------------------
@given(perturbations)
def test_the_text_of_a_genotype_says_its_perturbations(row):
    table = genotypes([row])
    texts = table.select(identities(pl.col("genotype"))).to_series()[0]
    fields = table["perturbations"].explode().struct.unnest().select(IDENTITY)
    whole = fields.with_columns(allele=pl.when(pl.col("kind") == "deletion").then(pl.lit("delta")).otherwise("allele"))
    assert sorted(map(parsed, texts)) == sorted(whole.cast(pl.String).rows())
    assert [written(parsed(text)) for text in texts] == texts.to_list()
    assert perturbations_of(texts).struct.unnest().rows() == [parsed(text) for text in texts]
    assert table.select(genes_of(pl.col("genotype"))).to_series()[0].to_list() == table["genes"][0].split("+")
    for kind in KINDS:
        assert (with_kind(kind) in table["genotype"][0]) == any(one["kind"] == kind for one in row)


def test_a_gene_set_reads_as_haploid_deletions_of_which_nothing_but_the_gene_is_told():
    table = pl.DataFrame({"genotype": ["YAL001C+YBR160W", "YAL001C"]})
    assert table.select(identities(pl.col("genotype"))).to_series().to_list() == [
        ["YAL001C:deletion:delta:haploid", "YBR160W:deletion:delta:haploid"],
        ["YAL001C:deletion:delta:haploid"],
    ]
    assert table.select(genes_of(pl.col("genotype"))).to_series().to_list() == [["YAL001C", "YBR160W"], ["YAL001C"]]
    assert perturbations_of(pl.Series(["YAL001C"])).to_list() == [
        {"gene": "YAL001C", "kind": None, "allele": None, "zygosity": None}
    ]


@pytest.mark.parametrize("text", ["YAL001C", "YAL001C:deletion:delta", "YAL001C:deletion:delta:haploid:more"])
def test_what_is_no_identity_is_not_parsed(text):
    with pytest.raises(ValueError, match="unpack"):
        parsed(text)
