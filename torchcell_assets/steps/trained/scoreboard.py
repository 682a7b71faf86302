"""The stored scores, collected and shown as text.

Belongs here: where a cell keeps its files, which cells there are, the few lines that a person reads first. Does not:
how a score is computed (scores.py), the figure (figures.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from torchcell_assets.steps.trained import scores

SUMMARY_COLUMNS = (
    "model",
    "representation",
    "aggregation",
    "CV Spearman",
    "test Spearman",
    "test Pearson",
    "genotypes",
)
BASELINES = "baselines"


@dataclass(frozen=True)
class Cell:
    """One trained cell on disk: a folder with `predictions.parquet`, `scores.parquet`, `search.parquet` and a model per
    aggregation (`<aggregation>.skops`).
    """

    root: Path
    family: str
    size: str
    representation: str = ""

    @property
    def folder(self) -> Path:
        """`<root>/<family>/<size>/<representation>`; baselines have no representation."""
        return self.root / self.family / self.size / self.representation

    @property
    def predictions(self) -> Path:
        """All predictions of the cell."""
        return self.folder / "predictions.parquet"

    @property
    def scores(self) -> Path:
        """All scores of the cell."""
        return self.folder / "scores.parquet"

    @property
    def search(self) -> Path:
        """What the search over hyper-parameters tried."""
        return self.folder / "search.parquet"

    def model(self, aggregation: str) -> Path:
        """The fitted pipeline of one aggregation."""
        return self.folder / f"{aggregation}.skops"


def cells(root: Path, families: list[str], sizes: list[str], representations: list[str]) -> Iterator[Cell]:
    """All cells that could be trained, baselines first."""
    for size in sizes:
        yield Cell(root, BASELINES, size)
        for family in families:
            for representation in representations:
                yield Cell(root, family, size, representation)


def collect(wanted: list[Cell]) -> tuple[pl.DataFrame, list[Cell]]:
    """The board of all cells that have scores, and the cells that have none yet.

    A cell of a size whose baselines are not made yet is left out with them: no score stands alone.
    """
    with_baselines = {cell.size for cell in wanted if cell.family == BASELINES and cell.scores.is_file()}
    there = [cell for cell in wanted if cell.scores.is_file() and cell.size in with_baselines]
    board = scores.scoreboard([pl.read_parquet(cell.scores) for cell in there])
    return board, [cell for cell in wanted if cell not in there]


def summary(path: Path, rows: int) -> list[tuple[str, ...]]:
    """The models that cross-validation prefers, as text, best first: their test scores over all orders, beside every
    baseline. Sorted by cross-validation, because the best of many test scores is too good to be true.
    """
    table = pl.read_parquet(path).with_columns(pl.col("split", "metric").cast(pl.String))
    keys = ["model", "representation", "aggregation", "size"]

    def scored(split: str, metric: str, *columns: pl.Expr) -> pl.DataFrame:
        chosen = (pl.col("split") == split) & (pl.col("metric") == metric) & (pl.col("order") == 0)
        return table.filter(chosen).select(*keys, *columns)

    wide = (
        scored("test", "spearman", pl.col("value", "low", "high", "ceiling", "genotypes"))
        .join(scored("test", "pearson", pl.col("value").alias("pearson")), on=keys)
        .join(scored("train", "spearman", pl.col("value").alias("cross_validation")), on=keys, how="left")
        .sort("cross_validation", "value", descending=True, nulls_last=True)
    )
    is_baseline = pl.col("representation") == "none"
    same = ["model", "representation", "cross_validation", "value"]
    best = wide.filter(~is_baseline).unique(same, keep="first", maintain_order=True).head(rows)
    shown = pl.concat([best, wide.filter(is_baseline)]).sort("cross_validation", descending=True, nulls_last=True)
    lines = [_line(row) for row in shown.iter_rows(named=True)]
    ceiling = wide["ceiling"].drop_nulls()
    if len(ceiling):
        lines.append(("noise ceiling", "", "", "", f"at most {ceiling[0]:.3f}", "", ""))
    return lines


def _line(row: dict) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.3f}"

    interval = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
    baseline = row["representation"] == "none"
    return (
        row["model"],
        "(baseline)" if baseline else row["representation"],
        "" if baseline else row["aggregation"],
        number(row["cross_validation"]),
        number(row["value"]) + interval,
        number(row["pearson"]),
        f"{row['genotypes']:,}",
    )
