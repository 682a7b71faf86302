"""What is gathered by number is what schema/genotype.py makes of each cross."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.schema import with_genotype
from torchcell_assets.schema.vocabularies import KINDS
from torchcell_assets.steps.datasets.crosses.strains import Strains, of_crosses

GENES = ["YAL034W", "YAL034W-A", "YAL001C", "YBR160W", "Q0045"]
rows = st.lists(
    st.tuples(st.sampled_from(GENES), st.sampled_from(KINDS), st.sampled_from(["a-1", "a-2", "b"])),
    min_size=1,
    max_size=8,
)


def table(listed: list[tuple[str, str, str]]) -> pl.DataFrame:
    made = pl.DataFrame(listed, schema=["gene", "kind", "allele"], orient="row").with_row_index("n")
    return made.select(
        "gene",
        "kind",
        "allele",
        strain=pl.format("{}_s{}", "gene", "n"),
        name="allele",
        marker=pl.lit("KanMX"),
        role=pl.lit("array"),
    )


@given(rows, st.data())
def test_crosses_have_the_genotype_that_the_schema_gives_them(listed, data):
    strains = Strains.of(table(listed))
    number = st.integers(0, len(listed) - 1)
    crossed = data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=10))
    query, array = (pl.Series([pair[at] for pair in crossed], dtype=pl.UInt32) for at in (0, 1))
    made = of_crosses(strains, query, array)
    expected = with_genotype(made.select("perturbations")).collect()
    for column in ("perturbations", "genotype", "genes", "order"):
        assert made[column].equals(expected[column]), column
    assert made["strain"].to_list() == [f"{strains.strain[q]} x {strains.strain[a]}" for q, a in crossed]


def test_a_strain_that_is_not_known_has_no_number():
    strains = Strains.of(table([("YAL001C", "deletion", "x")]))
    assert strains.numbers(pl.Series(["YAL001C_s0", "YBR160W_sn1"])).to_list() == [0, None]
