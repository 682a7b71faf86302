"""Pictures of the merged table. Each function draws one figure from one table; writes nothing."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4477aa", "#ccbb44", "#aa3377", "#228833", "#ee6677", "#66ccee")


def fitness_by_order(table: pl.DataFrame) -> "Figure":
    """Distribution of the merged fitness of haploid deletion genotypes, by number of deleted genes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    rows = table.filter(pl.col("haploid") & pl.col("deletions_only"))
    for order, colour in zip(sorted(rows["order"].unique().to_list()), COLOURS, strict=False):
        values = rows.filter(pl.col("order") == order)["value"].to_numpy()
        label = f"{order} gene{'s' if order > 1 else ''} ({len(values):,})"
        axes.hist(
            values,
            bins=np.linspace(0, 1.4, 71).tolist(),
            density=True,
            histtype="step",
            linewidth=1.6,
            color=colour,
            label=label,
        )
    axes.axvline(1.0, color="#bbbbbb", linewidth=1, zorder=0)
    axes.set_xlabel("fitness (mutant / reference)")
    axes.set_ylabel("density")
    if rows.height:
        axes.legend(frameon=False, loc="upper left")
    return figure


def replicate_scatter(pairs: pl.DataFrame, names: dict[str, str]) -> tuple["Figure", float | None]:
    """One genotype at one temperature in two publications; returns the figure and Pearson's r over all pairs.

    pairs: as fitness.replicates() gives. names: DOI -> short name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    groups = pairs.group_by("x_publication", "y_publication", maintain_order=True)
    for ((x_name, y_name), rows), colour in zip(groups, COLOURS, strict=False):
        x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
        agreement = f"r = {np.corrcoef(x, y)[0, 1]:.2f}" if len(x) > 2 else "too few for r"
        label = f"{names.get(x_name, x_name)} against {names.get(y_name, y_name)}: {agreement}, n = {len(x):,}"
        axes.scatter(x, y, s=3, alpha=0.35, color=colour, label=label, rasterized=True)
    axes.plot([0, 1.4], [0, 1.4], color="#888888", linewidth=0.8, zorder=0)
    axes.set(xlim=(0, 1.4), ylim=(0, 1.4), xlabel="fitness in one publication", ylabel="fitness in another")
    if pairs.height:
        axes.legend(frameon=False, fontsize=7, loc="upper left", markerscale=3)
    r = float(np.corrcoef(pairs["x"].to_numpy(), pairs["y"].to_numpy())[0, 1]) if pairs.height > 2 else None
    return figure, r
