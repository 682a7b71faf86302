"""Pictures of one dataset. Each function draws one figure from one table; writes nothing."""

from typing import TYPE_CHECKING

import polars as pl

from torchcell_assets.storage.figures import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def value_histogram(records: pl.LazyFrame, title: str) -> "Figure":
    """Distribution of `value` (or counts of `viable`) by number of perturbed genes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    if "viable" in records.collect_schema():
        counts = (
            records.select(pl.col("viable").value_counts()).unnest("viable").sort("viable", descending=True).collect()
        )
        names = ["viable" if viable else "inviable" for viable in counts["viable"]]
        axes.bar(names, counts["count"].to_numpy(), color="#4477aa")
        axes.set_ylabel("strains")
    else:
        values = records.select("order", "value").drop_nulls().collect()
        orders = sorted(values["order"].unique().to_list())
        groups = [values.filter(pl.col("order") == order)["value"].to_numpy() for order in orders]
        labels = [
            f"{order} gene{'s' if order > 1 else ''} ({len(group):,})"
            for order, group in zip(orders, groups, strict=True)
        ]
        axes.set_xlabel("value")
        axes.set_ylabel("records")
        if groups:  # every value may be censored
            axes.hist(groups, bins=60, stacked=True, label=labels, color=colours(len(groups)))
            axes.legend(frameon=False)
    axes.set_title(title, fontsize=10)
    return figure


def chromosome_lengths(chromosomes: pl.LazyFrame) -> "Figure":
    """How long each chromosome is, and the share of G and C in it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    told = chromosomes.select(
        "chromosome", "length", gc=pl.col("sequence").str.count_matches("[GC]") / pl.col("length")
    ).sort("length", descending=True)
    listed = told.collect()
    bars = axes.bar(listed["chromosome"].to_list(), (listed["length"] / 1e3).to_list(), color="#4477aa")
    axes.bar_label(bars, labels=[f"{gc:.0%}" for gc in listed["gc"]], fontsize=7)
    axes.margins(y=0.1)
    axes.set_xlabel("chromosome (share of G and C)")
    axes.set_ylabel("thousand bases")
    return figure


def gene_lengths(genes: pl.LazyFrame) -> "Figure":
    """Genes by chromosome and SGD's judgement, whatever judgements there are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    listed = genes.select("chromosome", pl.col("qualifier").cast(pl.String).fill_null("not judged")).collect()
    known = {"Verified": "#4477aa", "Uncharacterized": "#ccbb44", "Dubious": "#bbbbbb"}
    others = sorted(set(listed["qualifier"]) - known.keys())
    known |= dict(zip(others, colours(len(others)), strict=True))
    order = listed.group_by("chromosome").agg(pl.len(), first=pl.col("chromosome").first()).sort("len", descending=True)
    bottom = [0] * order.height
    for qualifier, colour in known.items():
        counts = listed.filter(pl.col("qualifier") == qualifier).group_by("chromosome").len()
        heights = order.select("chromosome").join(counts, on="chromosome", how="left")["len"].fill_null(0).to_list()
        axes.bar(order["chromosome"].to_list(), heights, bottom=bottom, color=colour, label=qualifier)
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
    axes.set_xlabel("chromosome")
    axes.set_ylabel("genes")
    axes.legend(frameon=False)
    return figure
