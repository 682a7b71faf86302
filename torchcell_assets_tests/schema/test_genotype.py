"""Which two mutants are the same mutant."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.schema import Perturbation, with_genotype
from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import KINDS, ROLES, ZYGOSITIES, polars_schema

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
