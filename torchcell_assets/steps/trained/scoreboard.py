"""The stored scores, collected and shown as text.

Belongs here: where a cell keeps its files, which cells there are, the few lines that a person reads first. Does not:
how a score is computed (scores.py), the figure (figures.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
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
_OUTDATED = "outdated"  # in the metadata of the stored board


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
    def name(self) -> str:
        """`family/size/representation`, as in the path and as `predict` takes it."""
        return "/".join(part for part in (self.family, self.size, self.representation) if part)

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


@dataclass(frozen=True)
class Collected:
    """What stands on the board and what does not.

    board: rows of `Score`. not_trained: cells without scores, and those whose size has no baselines. outdated: cells that have
    scores which are left out -> why.
    """

    board: pl.DataFrame
    not_trained: list[Cell]
    outdated: dict[Cell, str]


def collect(wanted: Sequence[Cell], outdated: Mapping[Cell, str]) -> Collected:
    """The board of all cells that have scores and are not outdated; the others by name.

    A cell of a size whose baselines do not stand on the board is left out with them: no score stands alone.

    Args:
        wanted: from `cells`.
        outdated: cells that today's code and inputs would not give -> why; others than those of `wanted` do not matter.

    Raises:
        ScoreboardMismatch: nothing is left for the board, or two cells were scored on different things.
    """
    stored = [cell for cell in wanted if cell.scores.is_file()]
    old = {cell: outdated[cell] for cell in stored if cell in outdated}
    without = {cell.size for cell in old if cell.family == BASELINES}
    old |= {cell: "its baselines are outdated" for cell in stored if cell.size in without and cell not in old}
    sizes = {cell.size for cell in stored if cell.family == BASELINES}
    shown = [cell for cell in stored if cell.size in sizes and cell not in old]
    if old and not shown:
        raise scores.ScoreboardMismatch(
            f"All {len(old)} trained cells are outdated, and none can be shown: make them again with `make rebuild`. "
            f"The first is {next(iter(old)).name}: {next(iter(old.values()))}."
        )
    board = scores.scoreboard([pl.read_parquet(cell.scores) for cell in shown])
    return Collected(board, [cell for cell in wanted if cell not in shown and cell not in old], old)


def write(path: Path, collected: Collected) -> None:
    """Store the board, and in its metadata what was left out of it as outdated; `path` is a temporary one."""
    said = {cell.name: why for cell, why in collected.outdated.items()}
    collected.board.write_parquet(path, compression="zstd", metadata={_OUTDATED: json.dumps(said)})


def left_out(path: Path) -> dict[str, str]:
    """Name of each cell that a stored board leaves out as outdated -> why."""
    return dict(json.loads(pl.read_parquet_metadata(path).get(_OUTDATED, "{}")))


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
