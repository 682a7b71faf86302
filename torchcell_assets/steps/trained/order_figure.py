"""The scores of one size per order: how well mutants with one, two and three deletions are told apart among themselves.

Belongs here: one panel per order, every baseline, the best aggregation of every cell, and another measurement of the same
genotypes where there is one. Does not: all orders together (scoreboard_figure.py), computing (scores.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from torchcell_assets.steps.trained.ceilings import Ceilings
from torchcell_assets.steps.trained.families import FAMILIES, Family, chosen
from torchcell_assets.steps.trained.figures import BASELINE_NAMES, DPI, FAINT, INK
from torchcell_assets.steps.trained.scoreboard_figure import SPLIT

REPEAT = "#8A2BE2"
Named = tuple[str, str, str]
"""Model, representation, aggregation."""


def order_figure(
    scores: pl.DataFrame,
    size: str,
    ceilings: Ceilings | None = None,
    note: str = "",
    *,
    families: Sequence[Family] | None = None,
) -> Any:
    """Spearman on the test set of one size, a panel per order, a line per model.

    scores: rows of `Score` of one target. Of the aggregations of a cell the one with the least RMSE in cross-validation is shown,
    so that nothing is chosen by the test set. ceilings: of Pearson, told above each panel. note: stands in the title.
    families: those of the study, in the order in which they are shown; by default those that need no environment of their own.
    """
    from matplotlib.figure import Figure

    table = scores.filter(pl.col("size") == size).with_columns(pl.col("split", "metric", "kind").cast(pl.String))
    families = chosen() if families is None else families
    lines = _lines(table, families)
    test = table.filter(split="test", metric="spearman")
    orders = sorted(test.filter(pl.col("order") > 0)["order"].unique())
    figure = Figure(figsize=(16, 3.0 + 0.255 * max(len(lines), 8)), dpi=DPI, facecolor="white")
    height = figure.get_size_inches()[1]
    grid = figure.add_gridspec(1, max(len(orders), 1), left=0.21, right=0.985, top=1 - 1.85 / height,
                               bottom=0.95 / height, wspace=0.05)  # fmt: skip
    for column, order in enumerate(orders):
        axes = figure.add_subplot(grid[0, column])
        _panel(axes, test.filter(pl.col("order") == order), lines, families, labelled=column == 0)
        _heading(axes, test.filter(pl.col("order") == order), order, (ceilings or {}).get(order))
    figure.text(0.012, 1 - 0.42 / height, "The same scores, order by order", fontsize=19, fontweight="bold", color=INK)
    about = f"{SPLIT} Size {size}, test set, Spearman with its 95 % bootstrap interval (none below 100 genotypes)"
    figure.text(0.012, 1 - 0.74 / height, f"{about}{'; ' + note if note else ''}", fontsize=12, color=INK)
    told = (
        "Hollow: the same vectors with permuted gene labels. Of each cell, the aggregation that is best in cross-validation "
        "is shown.\nPurple: another measurement of the same genotypes, held against the one that models are scored on. A line "
        "without a dot predicts a constant within that order."
    )
    figure.text(0.012, 0.2 / height, told, fontsize=10.5, color=INK)
    return figure


def _lines(table: pl.DataFrame, families: Sequence[Family]) -> list[Named]:
    """What is shown, top to bottom: baselines, then families in their order; each sorted by cross-validation."""
    cv = table.filter((pl.col("metric") == "rmse") & (pl.col("split") == "train") & (pl.col("order") == 0)).sort(
        "value",
        "aggregation",
        descending=[False, True],  # pert_sum before intact_sum, where they are the same
    )
    baselines = cv.filter((pl.col("kind") == "baseline") & ~pl.col("model").is_in(["mean", "mean_per_order"]))
    best = cv.filter(kind="model").unique(["model", "representation"], keep="first", maintain_order=True)
    parts = [baselines, *(best.filter(model=family.name) for family in families)]
    return [name for part in parts for name in part.select("model", "representation", "aggregation").iter_rows()]


def _panel(
    axes: Any, rows: pl.DataFrame, lines: Sequence[Named], families: Sequence[Family], *, labelled: bool
) -> None:
    _marks(axes, rows, {name: -i for i, name in enumerate(lines)})
    axes.set_xlim(-0.25, 1.0)
    axes.set_ylim(-len(lines) + 0.3, 0.7)
    axes.axvline(0.0, color=FAINT, linewidth=0.9, zorder=1)
    axes.xaxis.grid(True, color="#EAEAEA", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    names = [_name(name) for name in lines] if labelled else [""] * len(lines)
    axes.set_yticks([-i for i in range(len(lines))], names, fontsize=10)
    axes.tick_params(length=0, labelsize=10, colors=INK)
    for family in families:
        of_family = [i for i, name in enumerate(lines) if name[0] == family.name]
        if of_family:
            axes.axhline(0.5 - of_family[0], color="#CCCCCC", linewidth=0.8, zorder=1)
        if of_family and labelled:
            axes.text(-0.66, -sum(of_family) / len(of_family), family.title.replace(" ", "\n"), fontsize=11,
                      transform=axes.get_yaxis_transform(), color=family.colour, fontweight="bold", va="center",
                      ha="center")  # fmt: skip


def _marks(axes: Any, rows: pl.DataFrame, place: Mapping[Named, int]) -> None:
    """A dot and an interval of each model and baseline; hollow: permuted."""
    for row in rows.filter(pl.col("value").is_not_null()).iter_rows(named=True):
        y = place.get((row["model"], row["representation"], row["aggregation"]))
        if row["kind"] == "repeat" or y is None:
            continue
        colour = FAMILIES[row["model"]].colour if row["model"] in FAMILIES else INK
        if row["kind"] == "permuted":
            axes.scatter(row["value"], y, s=34, facecolor="white", edgecolor=colour, linewidth=1.1, zorder=3)
            continue
        if row["low"] is not None:
            axes.hlines(y, row["low"], row["high"], color=colour, linewidth=2.2, alpha=0.45, zorder=2)
        axes.scatter(row["value"], y, s=34, color=colour, marker="D" if row["kind"] == "baseline" else "o", zorder=4)


def _heading(axes: Any, rows: pl.DataFrame, order: int, ceiling: Any) -> None:
    """Order, number of genotypes, and what else is known of how well they can be predicted."""
    scored = rows.filter(pl.col("kind") != "repeat")["genotypes"]
    count = int(scored.max()) if len(scored) else 0  # type: ignore[arg-type]
    title = f"{order} deletion{'s' if order > 1 else ''} ({count:,} genotypes)"
    up = 1 / (axes.figure.get_size_inches()[1] * axes.get_position().height)  # an inch, in heights of the panel
    axes.text(0.0, 1 + 0.70 * up, title, transform=axes.transAxes, fontsize=13, fontweight="bold", color=INK)
    again = rows.filter((pl.col("kind") == "repeat") & pl.col("value").is_not_null()).sort("genotypes", "model")
    if again.height:
        best = again.row(-1, named=True)
        axes.axvline(best["value"], color=REPEAT, linewidth=1.6, zorder=3)
        if best["low"] is not None:
            axes.axvspan(best["low"], best["high"], color=REPEAT, alpha=0.12, linewidth=0, zorder=0)
        limits = "" if best["low"] is None else f" ({best['low']:.2f} to {best['high']:.2f})"
        text = f"{best['model']}\n{best['value']:.2f}{limits}, {best['genotypes']:,} genotypes"
    else:
        text = "no independent repeat"
    axes.text(0.0, 1 + 0.28 * up, text, transform=axes.transAxes, fontsize=9.5, color=REPEAT if again.height else FAINT)
    if ceiling is not None:
        known = f"no ceiling: {ceiling.share:.0%} have a standard error"
        if ceiling.low is not None:
            known = f"Pearson of a perfect model, given the noise: {ceiling.limits}"
        axes.text(0.0, 1 + 0.09 * up, known, transform=axes.transAxes, fontsize=9.5, color=FAINT)


def _name(name: Named) -> str:
    model, representation, aggregation = name
    if model in FAMILIES:
        return f"{representation} ({aggregation})"
    return BASELINE_NAMES.get(model, model.replace("_", " "))
