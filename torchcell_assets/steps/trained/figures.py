"""What figures share, and predicted against observed for one cell: drawn by a pure function from one tidy table.

Belongs here: colours, names, the way to PNG and SVG, the figure of one cell. Does not: the scoreboard
(scoreboard_figure.py), scores per order (order_figure.py), choosing what is shown where (assets).

matplotlib's object interface only: pyplot keeps global state, and a step process has no screen.
"""

from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.steps.trained.families import FAMILIES
from torchcell_assets.steps.trained.predictions import pearson, rmse, spearman

ORDER_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]
INK, FAINT = "#222222", "#8A8A8A"
BASELINE_NAMES = {
    "mean": "mean",
    "mean_per_order": "mean per order",
    "query_strain": "query strain",
    "query_x_single": "query x single",
    "product_of_singles": "product of all singles",
    "product_of_sample_singles": "product of own singles",
    "additive_log_ridge": "additive ridge on log",
    "additive_ridge": "additive ridge",
}
DPI = 100
POINTS = 4000
"""Dots drawn at most: more cover each other."""


def predicted_vs_observed(predictions: pl.DataFrame, axis: str, split: str = "test") -> Any:
    """Predicted against observed values of one model and aggregation, coloured by the number of deletions.

    predictions: rows of `Prediction` of one cell and target. axis: what is predicted, such as `fitness (wild type = 1)`.
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
    axes.set_xlabel(f"observed {axis}", fontsize=12)
    axes.set_ylabel(f"predicted {axis}", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(color="#EEEEEE")
    if drawn.height:
        axes.legend(frameon=False, fontsize=11, loc="upper left", handletextpad=0.3)
    name = table.row(0, named=True) if table.height else {"model": "no predictions", "aggregation": ""}
    figure.text(0.11, 0.95, model_title(name), fontsize=15, fontweight="bold", color=INK)
    figure.text(0.11, 0.915, _in_words(x, y, split), fontsize=11, color=INK)
    return figure


def model_title(row: dict[str, Any]) -> str:
    """Family or baseline in words, with its aggregation."""
    family = FAMILIES.get(row["model"])
    name = family.title if family else BASELINE_NAMES.get(row["model"], row["model"].replace("_", " "))
    return f"{name}, {row['aggregation']}" if row["aggregation"] not in ("none", "") else name


def _in_words(x: np.ndarray, y: np.ndarray, split: str) -> str:
    def text(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.2f}"

    numbers = f"Spearman {text(spearman(y, x))}, Pearson {text(pearson(y, x))}, RMSE {text(rmse(y, x))}"
    where = {"train": "cross-validation within train", "test_of_size": "test split of this size"}.get(
        split, f"{split} split"
    )
    return f"{where}, {len(x):,} genotypes: {numbers}"
