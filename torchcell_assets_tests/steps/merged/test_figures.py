"""What is drawn of the merged table: all of it, however many orders and publications there are."""

import itertools

import polars as pl
import pytest

from torchcell_assets.steps.merged import figures


def pairs(publications: int) -> pl.DataFrame:
    """Every pair of so many publications, with more genotypes the later it comes."""
    found = list(itertools.combinations(range(publications), 2))
    rows = [
        {"x_publication": f"p{x}", "y_publication": f"p{y}", "x": 0.01 * at, "y": 0.02 * at}
        for n, (x, y) in enumerate(found)
        for at in range(n + 1)
    ]
    types = {"x_publication": pl.String, "y_publication": pl.String, "x": pl.Float64, "y": pl.Float64}
    return pl.DataFrame(rows, schema=types)


@pytest.mark.parametrize("publications", [0, 2, 4, 5, 10])
def test_every_pair_of_publications_is_drawn_and_the_largest_are_named(publications):
    table = pairs(publications)
    axes = figures.replicate_scatter(table, {"p0": "first"}).axes[0]
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    assert drawn == table.height
    many = publications * (publications - 1) // 2
    named = [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]
    rest = [f"and {many - figures.NAMED} more pairs of publications"] if many > figures.NAMED else []
    assert len(named) == min(many, figures.NAMED) + len(rest)
    assert named[len(named) - len(rest) :] == rest
    if publications == 2:
        assert named == ["first against p1: no r, n = 1"]
    if many > 2:
        assert any(f"n = {many}" in text for text in named), "the largest"
        assert any("r = 1.00" in text for text in named)


@pytest.mark.parametrize("orders", [0, 1, 6, 7, 12])
def test_every_order_of_the_merged_table_is_drawn(orders):
    table = pl.DataFrame(
        [(order, True, True, 0.5 + 0.01 * at) for order in range(1, orders + 1) for at in range(order)],
        schema={"order": pl.UInt8, "haploid": pl.Boolean, "deletions_only": pl.Boolean, "value": pl.Float64},
        orient="row",
    )
    axes = figures.fitness_by_order(table).axes[0]
    named = [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == [f"{n} gene{'s' if n > 1 else ''} ({n})" for n in range(1, orders + 1)]
    assert len(axes.patches) == orders


def test_pearson_is_undefined_for_few_or_constant_pairs():
    assert figures.pearson(pl.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})) is None
    assert figures.pearson(pl.DataFrame({"x": [1.0, 1.0, 1.0], "y": [1.0, 2.0, 3.0]})) is None
    assert figures.pearson(pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [3.0, 2.0, 1.0]})) == pytest.approx(-1.0)
