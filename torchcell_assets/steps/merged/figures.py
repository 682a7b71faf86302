"""Pictures of the merged table. Each function draws one figure from one table; writes nothing."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from torchcell_assets.plots import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGHEST = 1.4
"""Fitness up to which distributions are drawn in bins."""
NAMED = 8
"""Pairs of publications that the legend names; ten publications have 45."""


def fitness_by_order(table: pl.DataFrame) -> "Figure":
    """Distribution of the merged fitness of haploid deletion genotypes, by number of deleted genes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    rows = table.filter(pl.col("haploid") & pl.col("deletions_only"))
    orders = sorted(rows["order"].unique().to_list())
    for order, colour in zip(orders, colours(len(orders)), strict=True):
        values = np.clip(rows.filter(pl.col("order") == order)["value"].to_numpy(), 0, HIGHEST)
        label = f"{order} gene{'s' if order > 1 else ''} ({len(values):,})"
        axes.hist(
            values,
            bins=np.linspace(0, HIGHEST, 71).tolist(),
            density=True,
            histtype="step",
            linewidth=1.6,
            color=colour,
            label=label,
        )
    axes.axvline(1.0, color="#bbbbbb", linewidth=1, zorder=0)
    axes.set_xlabel(f"fitness (mutant / reference); the last bin holds all from {HIGHEST} on")
    axes.set_ylabel("density")
    if rows.height:
        axes.legend(frameon=False, loc="upper left")
    return figure


def replicate_scatter(pairs: pl.DataFrame, names: dict[str, str]) -> "Figure":
    """One genotype at one temperature in two publications, a colour for each pair of publications; the legend names the
    largest of these pairs.

    pairs: as fitness.replicates() gives. names: DOI -> short name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    groups = pairs.partition_by("x_publication", "y_publication", maintain_order=True)
    named = {id(rows) for rows in sorted(groups, key=lambda rows: -rows.height)[:NAMED]}
    for rows, colour in zip(groups, colours(len(groups)), strict=True):
        label = _agreement(rows, names) if id(rows) in named else None
        axes.scatter(
            rows["x"].to_numpy(), rows["y"].to_numpy(), s=3, alpha=0.35, color=colour, label=label, rasterized=True
        )
    if len(groups) > NAMED:
        axes.scatter([], [], s=3, color="none", label=f"and {len(groups) - NAMED} more pairs of publications")
    top = float(np.max(pairs.select("x", "y").to_numpy(), initial=HIGHEST))
    axes.plot([0, top], [0, top], color="#888888", linewidth=0.8, zorder=0)
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="fitness in one publication", ylabel="fitness in another")
    if pairs.height:
        axes.legend(frameon=False, fontsize=7, loc="upper left", markerscale=3)
    return figure


def pearson(pairs: pl.DataFrame) -> float | None:
    """Pearson's r of `x` and `y`; None for fewer than three pairs, or where one side is constant."""
    x, y = pairs["x"].to_numpy(), pairs["y"].to_numpy()
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _agreement(rows: pl.DataFrame, names: dict[str, str]) -> str:
    """The line of the legend for one pair of publications."""
    x_name, y_name = rows["x_publication"][0], rows["y_publication"][0]
    r = pearson(rows)
    agreement = "no r" if r is None else f"r = {r:.2f}"
    return f"{names.get(x_name, x_name)} against {names.get(y_name, y_name)}: {agreement}, n = {rows.height:,}"
