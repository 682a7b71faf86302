"""The scoreboard of one size: every model on the one test set, all orders together.

Belongs here: bars, baselines, noise band, controls, what is missing. Does not: scores per order (order_figure.py),
computing (scores.py).
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.trained.ceilings import Ceiling
from torchcell_assets.steps.trained.families import FAMILIES, Family, chosen
from torchcell_assets.steps.trained.features import AGGREGATIONS
from torchcell_assets.steps.trained.figures import BASELINE_NAMES, DPI, FAINT, INK

COLOURS = {"pert_sum": "#0072B2", "pert_mean": "#7CC4F0", "intact_sum": "#C4500A", "intact_mean": "#F2B23E"}
"""Blue: from the deleted genes; orange: from the intact ones. Okabe and Ito's palette, safe for colour blindness."""
DASHES = {
    "mean_per_order": (0, (1, 2)),
    "query_strain": (0, (1, 4)),
    "query_x_single": (0, (8, 2, 2, 2)),
    "product_of_singles": (0, (4, 2, 1, 2)),
    "product_of_sample_singles": (0, (2, 3)),
    "additive_log_ridge": (0, (7, 2)),
    "additive_ridge": "solid",
}
ROWS = {"spearman": "Spearman", "pearson": "Pearson"}
SPLIT = "Random split: genes and queries are shared with the training mutants."


def scoreboard_figure(
    scores: pl.DataFrame,
    size: str,
    what: str,
    representations: Sequence[str] | None = None,
    note: str = "",
    *,
    families: Sequence[Family] | None = None,
    outdated: Collection[tuple[str, str]] = (),
    ceiling: Ceiling | None = None,
) -> Any:
    """All models of one size on the test set: a column per family, rows Spearman and Pearson.

    scores: rows of `Score` of one target. what: that target in words, such as `growth`.
    representations: those to show, in order; by default those that have scores. note: stands in the title, such as "simulated".
    families: those of the study, in order; by default those that need no environment of their own.
    outdated: (family, representation) of cells that are trained and left out as outdated. ceiling: of all orders; for the
    footnote, where there is no band. Families and representations without scores are left out; a footnote names them and says
    which of the two they are. What is provably the same as another bar is not drawn.
    """
    from matplotlib.figure import Figure

    table = scores.with_columns(pl.col("split", "metric", "kind").cast(pl.String)).filter(
        (pl.col("size") == size) & (pl.col("order") == 0)
    )
    models = table.filter(kind="model")
    present = models["representation"].unique().to_list()
    wanted = list(representations or [*(k for k in RECIPES if k in present), *sorted(set(present) - RECIPES.keys())])
    pairs = set(models.select("model", "representation").unique().iter_rows())
    families = chosen() if families is None else families
    shown = {one.name: [key for key in wanted if (one.name, key) in pairs] for one in families}
    columns = [name for name, keys in shown.items() if keys] or [""]
    widths = [len(shown.get(name, [])) + 1 for name in columns]
    figure = Figure(figsize=(16, 9.4), dpi=DPI, facecolor="white")
    grid = figure.add_gridspec(2, len(columns), width_ratios=widths, left=0.05, right=0.825, top=0.81, bottom=0.195,
                               hspace=0.08, wspace=0.045)  # fmt: skip
    for row, metric in enumerate(ROWS):
        part = table.filter(pl.col("metric") == metric)
        bottom = _bottom(part)
        for column, family in enumerate(columns):
            axes, last = figure.add_subplot(grid[row, column]), column == len(columns) - 1
            _frame(axes, bottom, first=column == 0, label=f"{ROWS[metric]} correlation")
            band = _band(axes, part, labelled=last)
            _baselines(axes, part, bottom, band, labelled=last)
            names = shown.get(family, [])
            _bars(axes, part.filter(pl.col("model") == family), names, FAMILIES[family].drawn if family else [])
            if row == 0 and family:
                axes.set_title(FAMILIES[family].title, fontsize=14, color=INK, fontweight="bold", pad=8)
            axes.set_xticks(range(len(names)), names if row else [""] * len(names), fontsize=10.5, rotation=32,
                            ha="right", rotation_mode="anchor")  # fmt: skip
            axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
    _title(figure, table, size, what, note)
    _legend(figure)
    told = _footnote(table, models, wanted, families, outdated=outdated, ceiling=ceiling)
    figure.text(0.05, 0.052, told, fontsize=10.5, color=INK, va="center", wrap=True)
    return figure


def _title(figure: Any, table: pl.DataFrame, size: str, what: str, note: str) -> None:
    tested = table.filter((pl.col("split") == "test") & (pl.col("kind") != "repeat"))["genotypes"]
    count = f"{int(tested.max()):,} genotypes" if len(tested) else "no genotypes yet"  # type: ignore[arg-type]
    title = f"How well is the {what} of mutants predicted that were not trained on?"
    figure.text(0.05, 0.955, title, fontsize=19, fontweight="bold", color=INK)
    about = f"{SPLIT} Size {size}, bars: the test set ({count}), whiskers: 95 % bootstrap interval"
    figure.text(0.05, 0.921, f"{about}{'; ' + note if note else ''}", fontsize=12.5, color=INK)


def _frame(axes: Any, bottom: float, *, first: bool, label: str) -> None:
    axes.set_ylim(bottom, 1.0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=10.5, colors=INK)
    axes.set_yticks(np.arange(0.0, 1.01, 0.2))
    axes.yaxis.grid(True, color="#EAEAEA", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    if first:
        axes.set_ylabel(label, fontsize=12.5, color=INK)
    else:
        axes.set_yticklabels([])


def _bottom(part: pl.DataFrame) -> float:
    lowest = part.filter(pl.col("split") == "test").select(pl.min_horizontal("value", "low").min()).item()
    return min(0.0, max(-0.5, (lowest or 0.0) - 0.03))


def _band(axes: Any, part: pl.DataFrame, *, labelled: bool) -> float | None:
    """Where a perfect model would come to lie, given the noise; gives its lower edge."""
    found = part.filter(pl.col("split") == "test").select("ceiling_low", "ceiling_high").drop_nulls()
    if not found.height:
        return None
    low, high = found.row(0)
    axes.axhspan(low, high, color="#DDDDDD", linewidth=0, zorder=0)
    axes.axhline(low, color=FAINT, linewidth=0.8, zorder=1)
    if labelled:
        limits = Ceiling(low, high, 1.0).limits
        text = f"perfect model, given\nthe noise: {limits}"
        axes.annotate(text, (1.0, (low + high) / 2), xycoords=axes.get_yaxis_transform(), xytext=(7, 0),
                      textcoords="offset points", fontsize=10, color=INK, va="center", annotation_clip=False)  # fmt: skip
    return float(low)


def _baselines(axes: Any, part: pl.DataFrame, bottom: float, band: float | None, *, labelled: bool) -> None:
    rows = part.filter((pl.col("kind") == "baseline") & (pl.col("split") == "test") & pl.col("value").is_not_null())
    found = sorted(zip(rows["value"].to_list(), rows["model"].to_list(), strict=True))
    best = set(rows["best_baseline"])
    for value, name in found:
        axes.axhline(value, color=INK, linewidth=1.1, linestyle=DASHES.get(name, (0, (3, 3))), zorder=4)
    if not labelled:
        return
    gap = 0.062 * (1.0 - bottom)
    height = axes.figure.get_size_inches()[1] * axes.get_position().height
    points = 72 * height / (1.0 - bottom)  # points per unit of correlation
    places = _apart([value for value, _ in found], gap, (band or 1.1) - 1.6 * gap)
    for (value, name), place in zip(found, places, strict=True):
        axes.annotate(
            f"{BASELINE_NAMES.get(name, name.replace('_', ' '))}: {value:.2f}", (1.0, value),
            xycoords=axes.get_yaxis_transform(), xytext=(20, (place - value) * points), textcoords="offset points",
            fontsize=10, color=INK, va="center", annotation_clip=False, fontweight="bold" if name in best else "normal",
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)},
        )  # fmt: skip


def _apart(values: list[float], gap: float, top: float) -> list[float]:
    """Places for labels: in the order of the values, at least `gap` apart, none above `top`."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + gap) if places else value)
    for i in range(len(places) - 1, -1, -1):
        above = places[i + 1] - gap if i + 1 < len(places) else top
        places[i] = min(places[i], above)
    return places


def _bars(axes: Any, part: pl.DataFrame, shown: list[str], aggregations: list[str]) -> None:
    width = 0.8 / max(len(aggregations), 1)
    part = part.filter(pl.col("value").is_not_null() & pl.col("representation").is_in(shown))
    for place, aggregation in enumerate(aggregations):
        rows = part.filter(pl.col("aggregation") == aggregation)

        def at(kind: str, split: str, rows: pl.DataFrame = rows, place: int = place) -> tuple[np.ndarray, pl.DataFrame]:
            of = rows.filter(kind=kind, split=split)
            x = np.array([shown.index(key) for key in of["representation"]], dtype=float)
            return x + (place - (len(aggregations) - 1) / 2) * width, of

        x, test = at("model", "test")
        axes.bar(x, test["value"].to_numpy(), width=width * 0.92, color=COLOURS[aggregation], zorder=2)
        low, high = test["low"].to_numpy().astype(float), test["high"].to_numpy().astype(float)
        axes.vlines(x, low, high, color=INK, linewidth=0.9, alpha=0.75, zorder=3)
        edge = test["at_edge"].is_not_null().to_numpy()
        axes.scatter(x[edge], np.full(edge.sum(), 0.02), marker="x", s=16, color=INK, linewidth=0.9, zorder=6)
        x, permuted = at("permuted", "test")
        axes.hlines(
            permuted["value"].to_numpy(), x - width * 0.46, x + width * 0.46, color="#CC0000", linewidth=2, zorder=5
        )
        x, train = at("model", "train")
        # of a constant, cross-validation sees the means of the folds, which correlate negatively with what they predict
        told = train["representation"].is_in(test["representation"].to_list()).to_numpy()
        x, train = x[told], train.filter(told)
        axes.scatter(
            x, train["value"].to_numpy(), marker="o", s=14, facecolor="white", edgecolor=INK, linewidth=0.8, zorder=5
        )


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = {"pert_sum": "sum of deleted genes", "pert_mean": "mean of them"}
    names |= {"intact_sum": "sum of intact genes", "intact_mean": "mean of them"}
    style: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "white", "markeredgecolor": INK, "markersize": 5.5}
    handles: list[Any] = [Patch(color=COLOURS[key], label=f"{key}: {names[key]}") for key in AGGREGATIONS]
    handles.append(Line2D([], [], marker="o", label="cross-validation", **style))
    handles.append(Line2D([], [], color="#CC0000", linewidth=2, label="labels permuted"))
    handles.append(Line2D([], [], marker="x", label="edge of the grid", **style))
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.045, 0.908), ncols=7, frameon=False,
                  fontsize=10.3, columnspacing=1.1, handlelength=1.0, handletextpad=0.3)  # fmt: skip


def _footnote(
    table: pl.DataFrame,
    models: pl.DataFrame,
    wanted: Sequence[str],
    families: Sequence[Family],
    *,
    outdated: Collection[tuple[str, str]],
    ceiling: Ceiling | None,
) -> str:
    """What is not there, in words."""
    trained = set(models.select("model", "representation", "aggregation").unique().iter_rows())
    cells = {(family, key) for family, key, _ in trained}
    told = "Lines: baselines; bold: the best one in cross-validation (the mean of all is a constant and correlates with nothing)."
    if table["ceiling_low"].null_count() < table.height:
        told += " Grey: a perfect model, if none to all of the error that crosses share is learned; it can be on a random split."
    elif ceiling is not None:
        told += f" No band for noise: {ceiling.share:.0%} of the test genotypes have a standard error."
    undefined = models.filter(
        (pl.col("split") == "test") & pl.col("value").is_null() & (pl.col("metric") == "spearman")
    )
    if undefined.height:
        told += f" No bar where a model predicts a constant ({undefined.height} of {len(trained)} models)."
    told += "\nintact_sum is not drawn where it is provably pert_sum."
    missing = {(family.name, key) for family in families for key in wanted} - cells
    gaps = {"Not trained": missing - set(outdated), "Outdated": missing & set(outdated)}
    return "\n".join(
        [told, *(f"{word}, left out: {_listed(cells, wanted, families)}." for word, cells in gaps.items() if cells)]
    )


def _listed(cells: Collection[tuple[str, str]], wanted: Sequence[str], families: Sequence[Family]) -> str:
    """`elastic net on one_hot, random_1; random forest on all`."""
    by_family = {one.title.lower(): [k for k in wanted if (one.name, k) in cells] for one in families}
    return "; ".join(
        f"{title} on {'all' if keys == list(wanted) else ', '.join(keys)}" for title, keys in by_family.items() if keys
    )
