"""The stored scores, collected and shown as text.

Belongs here: which cells there are, the few lines that a person reads first. Does not: where a cell keeps its files (cells.py),
how a score is computed (scores.py), the figure (scoreboard_figure.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from torchcell_assets.schema.derived import Score
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.trained import scores
from torchcell_assets.steps.trained.baselines import ADDITIVE
from torchcell_assets.steps.trained.cells import BASELINES, Cell
from torchcell_assets.steps.trained.families import Family

SUMMARY_COLUMNS = (
    "model",
    "features",
    "CV RMSE",
    "test Spearman",
    "- additive ridge",
    "spread",
    "RMSE",
)
_OUTDATED = "outdated"  # in the metadata of the stored board


def cells(
    root: Path, families: Sequence[Family], sizes: Sequence[str], representations: Sequence[str]
) -> Iterator[Cell]:
    """All cells that could be trained, size by size, baselines first."""
    for size in sizes:
        yield Cell(root, BASELINES, size)
        for family in families:
            yield from family.cells(root, [size], representations)


@dataclass(frozen=True)
class Collected:
    """What stands on the board and what does not.

    board: rows of `Score`. not_trained: cells without predictions, and those whose size has no baselines. outdated: cells that
    have predictions which are left out -> why.
    """

    board: pl.DataFrame
    not_trained: list[Cell]
    outdated: dict[Cell, str]


def collect(
    wanted: Sequence[Cell], outdated: Mapping[Cell, str], yardsticks: Mapping[str, scores.Yardsticks]
) -> Collected:
    """The board of all cells that have predictions and are not outdated; the others by name.

    A cell of a size whose baselines do not stand on the board is left out with them: no score stands alone.

    Args:
        wanted: from `cells`.
        outdated: cells that today's code and inputs would not give -> why; others than those of `wanted` do not matter.
        yardsticks: target -> what scores of its test set are held against.

    Raises:
        ScoreboardMismatch: nothing is left for the board, or two cells were scored on different things.
    """
    stored = [cell for cell in wanted if cell.predictions.is_file()]
    old = {cell: outdated[cell] for cell in stored if cell in outdated}
    without = {cell.size for cell in old if cell.family == BASELINES}
    old |= {cell: "its baselines are outdated" for cell in stored if cell.size in without and cell not in old}
    sizes = list(dict.fromkeys(cell.size for cell in stored if cell.family == BASELINES))
    shown = [cell for cell in stored if cell.size in sizes and cell not in old]
    if not shown:
        raise scores.ScoreboardMismatch(
            f"All {len(old)} trained cells are outdated, and none can be shown: make them again with `make rebuild`. "
            f"The first is {next(iter(old)).name}: {next(iter(old.values()))}."
            if old
            else "There are no scores yet: train baselines and a model first."
        )
    boards = [
        _of_size(size, cells, yardsticks) for size in sizes if (cells := [cell for cell in shown if cell.size == size])
    ]
    board = pl.concat(boards).sort(*Score.primary_key())
    return Collected(board, [cell for cell in wanted if cell not in shown and cell not in old], old)


def _of_size(size: str, shown: Sequence[Cell], yardsticks: Mapping[str, scores.Yardsticks]) -> pl.DataFrame:
    predictions = pl.concat(map(read_predictions, shown))
    board = pl.concat(scores.score(predictions.filter(target=target), size, by) for target, by in yardsticks.items())
    edges = [edges_of(cell) for cell in shown if cell.search.is_file()]
    if not edges:
        return board
    text = board.with_columns(pl.col("kind").cast(pl.String)).drop("at_edge")
    keys = ["target", "kind", "model", "representation", "aggregation"]
    types = polars_schema(Score)
    joined = text.join(pl.concat(edges), on=keys, how="left")
    return joined.select(pl.col(name).cast(dtype) for name, dtype in types.items())


def read_predictions(cell: Cell) -> pl.DataFrame:
    """The stored predictions of a cell, with what a score is told apart by: `kind` and `representation`."""
    kind = (
        pl.when("permuted").then(pl.lit("permuted")).otherwise(pl.lit("model" if cell.representation else "baseline"))
    )
    return pl.read_parquet(cell.predictions).with_columns(
        kind=kind, representation=pl.lit(cell.representation or "none")
    )


def edges_of(cell: Cell) -> pl.DataFrame:
    """Which chosen hyper-parameters of a cell are the last ones tried: `at_edge`, null where none is."""
    chosen = pl.read_parquet(cell.search).filter("chosen")
    edge = pl.when(pl.col("at_edge") != "").then("at_edge")
    return chosen.select(
        "target",
        pl.lit("model").alias("kind"),
        pl.lit(cell.family).alias("model"),
        pl.lit(cell.representation).alias("representation"),
        "aggregation",
        edge,
    )


def write(path: Path, collected: Collected) -> None:
    """Store the board, and in its metadata what was left out of it as outdated; `path` is a temporary one."""
    said = {cell.name: why for cell, why in collected.outdated.items()}
    collected.board.write_parquet(path, compression="zstd", metadata={_OUTDATED: json.dumps(said)})


def read_board(path: Path) -> pl.DataFrame:
    """A stored board. Raises ScoreboardMismatch where it is one of a version that knew no targets."""
    board = pl.read_parquet(path)
    if "target" not in board.columns:
        raise scores.ScoreboardMismatch(f"{path} was made by an older version: make it again with `make rebuild`.")
    return board


def left_out(path: Path) -> dict[str, str]:
    """Name of each cell that a stored board leaves out as outdated -> why."""
    return dict(json.loads(pl.read_parquet_metadata(path).get(_OUTDATED, "{}")))


def summary(path: Path, rows: int, target: str) -> list[tuple[str, ...]]:
    """The models that cross-validation prefers, as text, best first: their test scores over all orders, beside every
    baseline of the same target. Sorted by cross-validation, because the best of many test scores is too good to be true.
    """
    text = pl.col("split", "metric", "kind").cast(pl.String)
    table = (
        read_board(path).with_columns(text).filter(pl.col("kind").is_in(["model", "baseline"]), order=0, target=target)
    )
    keys = ["kind", "model", "representation", "aggregation", "size"]

    def scored(split: str, metric: str, *columns: pl.Expr) -> pl.DataFrame:
        return table.filter(split=split, metric=metric).select(*keys, *columns)

    paired = pl.col("minus_additive", "minus_additive_low", "minus_additive_high")
    wide = (
        scored("test", "spearman", pl.col("value", "low", "high", "spread", "at_edge"), paired)
        .join(scored("test", "rmse", pl.col("value").alias("rmse")), on=keys)
        .join(scored("train", "rmse", pl.col("value").alias("cross_validation")), on=keys, how="left")
        .sort("cross_validation", "value", "aggregation", descending=[False, True, True], nulls_last=True)
    )
    is_baseline = pl.col("kind") == "baseline"
    same = ["model", "representation", "size", "cross_validation", "value"]
    best = wide.filter(~is_baseline).unique(same, keep="first", maintain_order=True).head(rows)
    shown = pl.concat([best, wide.filter(is_baseline)]).sort("cross_validation", nulls_last=True)
    return [_line(row) for row in shown.iter_rows(named=True)]


def _line(row: dict) -> tuple[str, ...]:
    def number(value: float | None, digits: str = ".3f") -> str:
        return "none" if value is None else format(value, digits)

    def between(low: float | None, high: float | None) -> str:
        return "" if low is None else f" ({low:.2f}, {high:.2f})"

    baseline = row["kind"] == "baseline"
    difference = number(row["minus_additive"], "+.2f") + between(row["minus_additive_low"], row["minus_additive_high"])
    return (
        row["model"],
        "(baseline)" if baseline else f"{row['representation']}, {row['aggregation']}",
        number(row["cross_validation"]) + ("*" if row["at_edge"] else ""),
        number(row["value"], ".2f") + between(row["low"], row["high"]),
        "" if row["model"] == ADDITIVE or row["minus_additive"] is None else difference,
        "" if row["spread"] is None else f"{row['spread']:.3f}",
        number(row["rmse"]),
    )
