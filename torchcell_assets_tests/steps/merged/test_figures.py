"""What is drawn of the merged table: all of it, however many orders and publications there are."""

import itertools

import polars as pl
import pytest

from torchcell_assets.steps.merged import figures
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets.steps.merged.pooled import columns_of_replicates

CONDITION = {
    "temperature": 30.0, "medium_class": "SGA plate", "assay": "colony size", "reference": "wild type", "evidence": "measured",
}  # fmt: skip


def pairs(publications: int) -> pl.DataFrame:
    """Every pair of so many publications, with more genotypes the later it comes."""
    found = list(itertools.combinations(range(publications), 2))
    rows = [
        {
            **CONDITION,
            "genotype": f"g{at}",
            "x_publication": f"p{x}",
            "y_publication": f"p{y}",
            "x": 0.01 * at,
            "y": 0.02 * at,
        }
        for n, (x, y) in enumerate(found)
        for at in range(n + 1)
    ]
    return pl.DataFrame(rows, schema=columns_of_replicates(FITNESS))


@pytest.mark.parametrize("publications", [0, 2, 4, 5, 10])
def test_every_pair_of_publications_has_a_panel_that_names_it_and_holds_all_of_it(publications):
    table = pairs(publications)
    many = publications * (publications - 1) // 2
    drawn = [axes for axes in figures.replicate_scatter(table, {"p0": "first"}, FITNESS).axes if axes.collections]
    assert [len(axes.collections[0].get_offsets()) for axes in drawn] == list(range(many, 0, -1))
    named = {(axes.get_xlabel(), axes.get_ylabel()) for axes in drawn}
    names = ["first", *(f"p{at}" for at in range(1, publications))]
    assert named == set(itertools.combinations(names, 2))
    for axes in drawn:
        n = len(axes.collections[0].get_offsets())
        r = "r = 1.00" if n >= 3 else "no r"
        assert axes.get_title().endswith(f"{r}, n = {n}")


def test_two_conditions_of_one_pair_are_two_panels_and_two_rows():
    """Pooled, they would agree: each is the other way round, and far from the other."""
    down = (
        pairs(3).filter(pl.col("y_publication") == "p2", pl.col("x_publication") == "p1").with_columns(y=-pl.col("y"))
    )
    warm = down.with_columns(pl.col("x", "y") + 5, temperature=pl.lit(37.0))
    both = pl.concat([down, warm])
    assert figures.pearson(both) > 0.9
    told = figures.agreement(both)
    assert told["temperature"].to_list() == [30.0, 37.0]
    assert told["r"].to_list() == pytest.approx([-1.0, -1.0])
    drawn = [axes for axes in figures.replicate_scatter(both, {}, FITNESS).axes if axes.collections]
    assert [axes.get_title() for axes in drawn] == [
        f"colony size, SGA plate, {warmth} C\nwild type, measured\nr = -1.00, n = 3" for warmth in (30, 37)
    ]
    for axes, part in zip(drawn, (down, warm), strict=True):
        assert axes.collections[0].get_offsets().tolist() == part.select("x", "y").to_numpy().tolist()


@pytest.mark.parametrize("orders", [0, 1, 6, 7, 12])
def test_every_order_of_the_merged_table_is_drawn(orders):
    table = pl.DataFrame(
        [(order, True, True, 0.5 + 0.01 * at) for order in range(1, orders + 1) for at in range(order)],
        schema={"order": pl.UInt8, "haploid": pl.Boolean, "deletions_only": pl.Boolean, "value": pl.Float64},
        orient="row",
    )
    axes = figures.by_order(table, FITNESS).axes[0]
    named = [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == [f"{n} gene{'s' if n > 1 else ''} ({n})" for n in range(1, orders + 1)]
    assert len(axes.patches) == orders


def test_pearson_is_undefined_for_few_or_constant_pairs():
    assert figures.pearson(pl.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})) is None
    assert figures.pearson(pl.DataFrame({"x": [1.0, 1.0, 1.0], "y": [1.0, 2.0, 3.0]})) is None
    assert figures.pearson(pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [3.0, 2.0, 1.0]})) == pytest.approx(-1.0)
