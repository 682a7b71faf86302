"""What is drawn of a dataset: all of it, however many kinds there are."""

import polars as pl
import pytest

from torchcell_assets.steps.datasets import figures


@pytest.mark.parametrize("orders", [0, 1, 3, 4, 9])
def test_every_order_of_a_dataset_is_drawn_and_counted(orders):
    rows = [(order, 0.1 * at) for order in range(1, orders + 1) for at in range(order)]
    table = pl.LazyFrame(rows, schema={"order": pl.UInt8, "value": pl.Float64}, orient="row")
    axes = figures.value_histogram(table, "made up").axes[0]
    legend = axes.get_legend()
    named = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    # matplotlib lists stacked groups from the top
    assert sorted(named) == [f"{n} gene{'s' if n > 1 else ''} ({n})" for n in range(1, orders + 1)]
    assert sum(patch.get_height() for patch in axes.patches) > 0 if orders else not axes.patches


def test_values_that_are_all_censored_are_an_empty_picture():
    table = pl.LazyFrame({"order": [1, 1], "value": [None, None]}, schema={"order": pl.UInt8, "value": pl.Float64})
    assert not figures.value_histogram(table, "made up").axes[0].patches


def test_genes_of_every_judgement_are_drawn():
    judged = ["Verified", "Dubious", "Verified|silenced_gene", None, "pseudogene"]
    genes = pl.LazyFrame({"chromosome": ["I"] * len(judged), "qualifier": judged})
    axes = figures.gene_lengths(genes).axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == len(judged)
    named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert {"Verified", "Verified|silenced_gene", "not judged", "pseudogene"} <= named
