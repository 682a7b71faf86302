"""The figures: each drawn by one pure function from one tidy table.

Belongs here: the scoreboard of one size, and predicted against observed for one cell. Does not: computing scores
(scores.py), choosing what is shown where (assets).

matplotlib's object interface only: pyplot keeps global state, and a step process has no screen.
"""

import io
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.trained.families import FAMILIES
from torchcell_assets.steps.trained.features import AGGREGATIONS
from torchcell_assets.steps.trained.predictions import pearson, rmse, spearman

COLOURS = {"pert_sum": "#0072B2", "pert_mean": "#7CC4F0", "intact_sum": "#C4500A", "intact_mean": "#F2B23E"}
"""Blue: from the deleted genes; orange: from the intact ones. Okabe and Ito's palette, safe for colour blindness."""

ORDER_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]
INK, FAINT = "#222222", "#8A8A8A"
BASELINE_NAMES = {
    "mean": "mean",
    "mean_per_order": "mean per order",
    "product_of_singles": "product of singles",
    "additive_log_ridge": "additive ridge on log",
    "additive_ridge": "additive ridge",
}
BASELINE_DASHES = {
    "mean_per_order": (0, (1, 2)),
    "product_of_singles": (0, (4, 2, 1, 2)),
    "additive_log_ridge": (0, (7, 2)),
    "additive_ridge": "solid",
}
ROWS = {"spearman": "Spearman", "pearson": "Pearson"}
DPI = 100
POINTS = 4000
"""Dots drawn at most: more cover each other."""


def scoreboard_figure(
    scores: pl.DataFrame,
    size: str,
    representations: Sequence[str] | None = None,
    note: str = "",
    outdated: Collection[tuple[str, str]] = (),
) -> Any:
    """All models of one size on the test split: a column per family, rows Spearman and Pearson.

    scores: rows of `Score`. representations: those to show, in order; by default those that have scores.
    note: stands in the title, such as "simulated". outdated: (family, representation) of cells that are trained and left
    out as outdated. Families and representations without scores are left out; a footnote names them and says which of
    the two they are.
    """
    from matplotlib.figure import Figure

    table = scores.with_columns(pl.col("split", "metric").cast(pl.String)).filter(
        (pl.col("size") == size) & (pl.col("order") == 0)
    )
    models = table.filter(pl.col("representation") != "none")
    present = models["representation"].unique().to_list()
    wanted = list(representations or [*(k for k in RECIPES if k in present), *sorted(set(present) - RECIPES.keys())])
    pairs = set(models.select("model", "representation").unique().iter_rows())
    shown = {name: [key for key in wanted if (name, key) in pairs] for name in FAMILIES}
    families = [name for name in FAMILIES if shown[name]] or [""]
    widths = [len(shown.get(name, [])) + 1 for name in families]
    figure = Figure(figsize=(16, 9.4), dpi=DPI, facecolor="white")
    grid = figure.add_gridspec(2, len(families), width_ratios=widths, left=0.05, right=0.842, top=0.825, bottom=0.185,
                               hspace=0.08, wspace=0.045)  # fmt: skip
    for row, metric in enumerate(ROWS):
        part = table.filter(pl.col("metric") == metric)
        bottom = _bottom(part)
        for column, family in enumerate(families):
            axes, last = figure.add_subplot(grid[row, column]), column == len(families) - 1
            _frame(axes, bottom, first=column == 0, label=f"{ROWS[metric]} correlation")
            ceiling = _ceiling(axes, part, metric, labelled=last)
            _baselines(axes, part, bottom, ceiling, labelled=last)
            names = shown.get(family, [])
            _bars(axes, part.filter(pl.col("model") == family), names)
            if row == 0 and family:
                axes.set_title(FAMILIES[family].title, fontsize=14, color=INK, fontweight="bold", pad=8)
            axes.set_xticks(range(len(names)), names if row else [""] * len(names), fontsize=10.5, rotation=32,
                            ha="right", rotation_mode="anchor")  # fmt: skip
            axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
    tested = table.filter(pl.col("split") == "test")["genotypes"]
    count = f"{int(tested.max()):,} genotypes" if len(tested) else "no genotypes yet"  # type: ignore[arg-type]
    title = "How well is the growth of unseen mutants predicted?"
    figure.text(0.05, 0.955, title, fontsize=19, fontweight="bold", color=INK)
    about = f"Size {size}: bars are the test split ({count}), whiskers its 95 % bootstrap interval"
    figure.text(0.05, 0.921, f"{about}{'; ' + note if note else ''}", fontsize=12.5, color=INK)
    _legend(figure)
    figure.text(0.05, 0.05, _footnote(models, wanted, outdated), fontsize=10.5, color=INK, va="center", wrap=True)
    return figure


def predicted_vs_observed(predictions: pl.DataFrame, split: str = "test") -> Any:
    """Predicted against observed fitness of one model and aggregation, coloured by the number of deletions.

    predictions: rows of `Prediction` of one cell.
    """
    from matplotlib.figure import Figure

    table = predictions.filter(pl.col("split").cast(pl.String) == split)
    figure = Figure(figsize=(8, 8), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0.11, 0.09, 0.85, 0.8), anchor="N")
    x, y = table["observed"].to_numpy(), table["predicted"].to_numpy()
    low, high = (min(x.min(), y.min(), 0.0), max(x.max(), y.max(), 1.1)) if len(x) else (0.0, 1.1)
    limits = (low - 0.04, high + 0.04)
    axes.plot(limits, limits, color=FAINT, linewidth=1, zorder=1)
    axes.text(
        low + 0.05, low + 0.06, "perfect prediction", color=FAINT, fontsize=10, rotation=45, rotation_mode="anchor"
    )
    drawn = table.sample(min(POINTS, table.height), seed=0)
    for order in drawn["order"].unique().sort().to_list():
        part = drawn.filter(pl.col("order") == order)
        colour = ORDER_COLOURS[(order - 1) % len(ORDER_COLOURS)]
        text = f"{order} deletion{'s' if order > 1 else ''} ({table.filter(pl.col('order') == order).height:,})"
        xs, ys = part["observed"].to_numpy(), part["predicted"].to_numpy()
        if drawn.height <= 400:
            errors = part["standard_error"].cast(pl.Float64).fill_null(0.0).to_numpy()
            axes.hlines(ys, xs - errors, xs + errors, color=colour, linewidth=0.8, alpha=0.45, zorder=2)
        dot = 34 if drawn.height <= 400 else 20 if drawn.height <= 1500 else 10
        axes.scatter(xs, ys, s=dot, color=colour, alpha=0.75, linewidth=0.4, edgecolor="white", label=text, zorder=3)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set_xlabel("observed fitness (wild type = 1)", fontsize=12)
    axes.set_ylabel("predicted fitness (wild type = 1)", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(color="#EEEEEE")
    if drawn.height:
        axes.legend(frameon=False, fontsize=11, loc="upper left", handletextpad=0.3)
    name = table.row(0, named=True) if table.height else {"model": "no predictions", "aggregation": ""}
    figure.text(0.11, 0.95, _model_title(name), fontsize=15, fontweight="bold", color=INK)
    figure.text(0.11, 0.915, _in_words(x, y, split), fontsize=11, color=INK)
    return figure


def to_png(figure: Any) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Any) -> bytes:
    """The figure as SVG, for print."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue()


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


def _ceiling(axes: Any, part: pl.DataFrame, metric: str, *, labelled: bool) -> float | None:
    """The band that noise alone puts out of reach; gives its lower edge."""
    values = part.filter(pl.col("split") == "test")["ceiling"].drop_nulls()
    if not len(values):
        return None
    edge = float(values.max())  # type: ignore[arg-type]
    axes.axhspan(edge, 1.0, color="#DDDDDD", linewidth=0, zorder=0)
    axes.axhline(edge, color=FAINT, linewidth=1, zorder=1)
    if labelled:
        text = f"noise ceiling: {'at most ' if metric == 'spearman' else ''}{edge:.2f}"
        axes.annotate(text, (1.0, edge), xycoords=axes.get_yaxis_transform(), xytext=(7, 0), textcoords="offset points",
                      fontsize=10, color=INK, va="center", annotation_clip=False)  # fmt: skip
    return edge


def _baselines(axes: Any, part: pl.DataFrame, bottom: float, ceiling: float | None, *, labelled: bool) -> None:
    rows = part.filter(
        (pl.col("representation") == "none") & (pl.col("split") == "test") & pl.col("value").is_not_null()
    )
    found = sorted(zip(rows["value"].to_list(), rows["model"].to_list(), strict=True))
    for value, name in found:
        axes.axhline(value, color=INK, linewidth=1.1, linestyle=BASELINE_DASHES.get(name, (0, (3, 3))), zorder=4)
    if not labelled:
        return
    gap = 0.062 * (1.0 - bottom)
    height = axes.figure.get_size_inches()[1] * axes.get_position().height
    points = 72 * height / (1.0 - bottom)  # points per unit of correlation
    places = _apart([value for value, _ in found], gap, (ceiling or 1.1) - gap)
    for (value, name), place in zip(found, places, strict=True):
        axes.annotate(
            f"{BASELINE_NAMES.get(name, name.replace('_', ' '))}: {value:.2f}", (1.0, value),
            xycoords=axes.get_yaxis_transform(), xytext=(20, (place - value) * points), textcoords="offset points",
            fontsize=10, color=INK, va="center", annotation_clip=False,
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


def _bars(axes: Any, part: pl.DataFrame, shown: list[str]) -> None:
    width = 0.8 / len(AGGREGATIONS)
    for place, aggregation in enumerate(AGGREGATIONS):
        rows = part.filter(pl.col("aggregation") == aggregation)
        for split in ("test", "validation", "train"):
            of_split = rows.filter((pl.col("split") == split) & pl.col("value").is_not_null())
            of_split = of_split.filter(pl.col("representation").is_in(shown))
            x = np.array([shown.index(key) for key in of_split["representation"]]) + (place - 1.5) * width
            value = of_split["value"].to_numpy()
            if split == "test":
                axes.bar(x, value, width=width * 0.92, color=COLOURS[aggregation], zorder=2)
                low, high = of_split["low"].to_numpy().astype(float), of_split["high"].to_numpy().astype(float)
                axes.vlines(x, low, high, color=INK, linewidth=0.9, alpha=0.75, zorder=3)
            else:
                marker: dict[str, Any] = {"marker": "D", "s": 12} if split == "validation" else {"marker": "o", "s": 14}
                axes.scatter(x, value, **marker, facecolor="white", edgecolor=INK, linewidth=0.8, zorder=5)


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = {"pert_sum": "sum of deleted genes", "pert_mean": "mean of deleted genes"}
    names |= {"intact_sum": "sum of intact genes", "intact_mean": "mean of intact genes"}
    style: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "white", "markeredgecolor": INK, "markersize": 5.5}
    handles: list[Any] = [Patch(color=COLOURS[key], label=f"{key}: {names[key]}") for key in AGGREGATIONS]
    handles.append(Line2D([], [], marker="o", label="cross-validation", **style))
    handles.append(Line2D([], [], marker="D", label="validation", **style))
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.045, 0.908), ncols=6, frameon=False,
                  fontsize=10.5, columnspacing=1.4, handlelength=1.0, handletextpad=0.4)  # fmt: skip


def _footnote(models: pl.DataFrame, wanted: Sequence[str], outdated: Collection[tuple[str, str]]) -> str:
    """What is not there, in words."""
    trained = set(models.select("model", "representation", "aggregation").unique().iter_rows())
    cells = {(family, key) for family, key, _ in trained}
    told = "Lines: baselines without a representation (the mean of all is a constant and correlates with nothing)."
    told += " Grey: out of reach, as the measurements are noisy."
    undefined = models.filter(
        (pl.col("split") == "test") & pl.col("value").is_null() & (pl.col("metric") == "spearman")
    )
    if undefined.height:
        told += f" No bar where a model predicts a constant ({undefined.height} of {len(trained)} models)."
    missing = {(family, key) for family in FAMILIES for key in wanted} - cells
    gaps = {"Not trained": missing - set(outdated), "Outdated": missing & set(outdated)}
    return "\n".join([told, *(f"{word}, left out: {_listed(cells, wanted)}." for word, cells in gaps.items() if cells)])


def _listed(cells: Collection[tuple[str, str]], wanted: Sequence[str]) -> str:
    """`elastic net on one_hot, random_1; random forest on all`."""
    by_family = {FAMILIES[family].title.lower(): [k for k in wanted if (family, k) in cells] for family in FAMILIES}
    return "; ".join(
        f"{title} on {'all' if keys == list(wanted) else ', '.join(keys)}" for title, keys in by_family.items() if keys
    )


def _model_title(row: dict[str, Any]) -> str:
    family = FAMILIES.get(row["model"])
    name = family.title if family else BASELINE_NAMES.get(row["model"], row["model"].replace("_", " "))
    return f"{name}, {row['aggregation']}" if row["aggregation"] not in ("none", "") else name


def _in_words(x: np.ndarray, y: np.ndarray, split: str) -> str:
    def text(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.2f}"

    numbers = f"Spearman {text(spearman(y, x))}, Pearson {text(pearson(y, x))}, RMSE {text(rmse(y, x))}"
    where = "cross-validation within train" if split == "train" else f"{split} split"
    return f"{where}, {len(x):,} genotypes: {numbers}"
