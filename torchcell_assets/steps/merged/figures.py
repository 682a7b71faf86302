"""Pictures of the merged table. Each function draws one figure from one table; writes nothing."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.storage.figures import COLOURS, colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 70
ACROSS = 5
"""Panels beside each other."""


def by_order(table: pl.DataFrame, phenotype: Phenotype) -> "Figure":
    """Distribution of the merged values of haploid deletion genotypes, by number of deleted genes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    low, high = phenotype.drawn
    rows = table.filter(pl.col("haploid") & pl.col("deletions_only"))
    orders = sorted(rows["order"].unique().to_list())
    for order, colour in zip(orders, colours(len(orders)), strict=True):
        values = np.clip(rows.filter(pl.col("order") == order)["value"].to_numpy(), low, high)
        axes.hist(
            values,
            bins=np.linspace(low, high, BINS + 1).tolist(),
            density=True,
            histtype="step",
            linewidth=1.6,
            color=colour,
            label=f"{order} gene{'s' if order > 1 else ''} ({len(values):,})",
        )
    axes.axvline(phenotype.neutral, color="#bbbbbb", linewidth=1, zorder=0)
    axes.set_xlabel(f"{phenotype.label}; the first and the last bin hold all beyond")
    axes.set_ylabel("density")
    if rows.height:
        axes.legend(frameon=False, loc="upper left")
    return figure


def replicate_scatter(pairs: pl.DataFrame, names: dict[str, str], phenotype: Phenotype) -> "Figure":
    """One genotype under one condition in two publications: a panel for each pair of publications and each condition, the
    largest first; as many panels as there are.

    pairs: as merged_table.replicates() gives. names: DOI -> short name.
    """
    from matplotlib.figure import Figure

    groups = agreement(pairs)
    condition = _group(pairs)
    across = max(1, min(ACROSS, groups.height))
    down = max(1, -(-groups.height // across))
    figure = Figure(figsize=(2.1 * across + 0.4, 2.4 * down + 0.3), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
    values, (low, high) = pairs.select("x", "y").to_numpy(), phenotype.drawn
    ends = (float(np.min(values, initial=low)), float(np.max(values, initial=high)))
    for axes, group in zip(panels, groups.iter_rows(named=True), strict=False):
        rows = pairs.filter(*(pl.col(name).cast(pl.String) == str(group[name]) for name in condition))
        x, y = (names.get(group[name], group[name]) for name in ("x_publication", "y_publication"))
        axes.scatter(rows["x"].to_numpy(), rows["y"].to_numpy(), s=2, alpha=0.35, color=COLOURS[0], rasterized=True)
        axes.plot(ends, ends, color="#888888", linewidth=0.8, zorder=0)
        r = "no r" if group["r"] is None else f"r = {group['r']:.2f}"
        axes.set_title(f"{_condition(group)}\n{r}, n = {group['n']:,}", fontsize=6)
        axes.set_xlabel(x, fontsize=6)
        axes.set_ylabel(y, fontsize=6)
        axes.tick_params(labelsize=6)
    for axes in panels[groups.height :]:
        axes.set_axis_off()
    panels[0].set(xlim=ends, ylim=ends)
    return figure


def _group(pairs: pl.DataFrame) -> list[str]:
    """What the pairs of one panel have in common: their publications and their condition."""
    return ["x_publication", "y_publication", *(name for name in pairs.columns if name not in _OF_A_PAIR)]


_OF_A_PAIR = ("genotype", "x", "y", "x_publication", "y_publication")


def agreement(pairs: pl.DataFrame) -> pl.DataFrame:
    """One row per pair of publications and condition, the largest first: its publications and condition, `n` genotypes, and
    Pearson's `r` of them (null where `pearson` is None).

    pairs: as merged_table.replicates() gives.
    """
    names = _group(pairs)
    rows = [
        {**group.select(names).row(0, named=True), "n": group.height, "r": pearson(group)}
        for group in pairs.partition_by(names, maintain_order=True)
    ]
    types: dict[str, Any] = {**{name: pairs.schema[name] for name in names}, "n": pl.Int64, "r": pl.Float64}
    return pl.DataFrame(rows, schema=types).sort("n", descending=True, maintain_order=True)


def _condition(group: dict[str, Any]) -> str:
    """What the title of a panel says of a condition: what one panel need not have in common with another."""
    warm = [f"{group['temperature']:g} C"] if group["temperature"] >= 0 else []
    of_the_phenotype = [str(group[name]) for name in group if name not in _TOLD_ELSEWHERE]
    first, second = (
        [group["assay"], group["medium_class"], *warm],
        [group["reference"], group["evidence"], *of_the_phenotype],
    )
    return ", ".join(first) + "\n" + ", ".join(second)


_TOLD_ELSEWHERE = {*_OF_A_PAIR, "assay", "medium_class", "temperature", "reference", "evidence", "n", "r"}


def pearson(pairs: pl.DataFrame) -> float | None:
    """Pearson's r of `x` and `y`; None for fewer than three pairs, or where one side is constant."""
    x, y = pairs["x"].to_numpy(), pairs["y"].to_numpy()
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
