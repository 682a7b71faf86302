"""Scores with their intervals, and the board on which they stand side by side.

Belongs here: Spearman, Pearson and RMSE from stored predictions, bootstrap intervals, and the refusal to compare what
was scored on different genotypes or on other observed values of them. Does not: ceilings (ceilings.py), drawing (figures.py).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.records import Score, polars_schema
from torchcell_assets.steps.trained.ceilings import Ceiling, ceiling
from torchcell_assets.steps.trained.predictions import pearson, rmse, spearman

__all__ = ["METRICS", "ScoreboardMismatch", "ceiling", "observations_hash", "score", "scoreboard"]

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    "spearman": spearman,
    "pearson": pearson,
    "rmse": rmse,
}
DRAWS = 1000
INTERVAL = (2.5, 97.5)
FEWEST = 10
"""Genotypes below which no interval is given: a bootstrap of fewer says little."""

POLICY = {"draws": DRAWS, "interval": list(INTERVAL), "fewest": FEWEST}
"""What decides the intervals of a score."""

_AT_ONCE = 4_000_000  # numbers in one block of draws: bounds the memory


class ScoreboardMismatch(TorchcellError):
    """Two rows of the board were scored on different genotypes, or on other observed values of them."""


def score(
    predictions: pl.DataFrame,
    size: str,
    representation: str,
    ceilings: Mapping[tuple[str, int], Ceiling],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """Rows of `Score` for every model and aggregation in `predictions`, per split and per order (0: all orders).

    predictions: columns of `Prediction`; several models may stand in it.
    ceilings: from `ceiling(subset)`; empty gives none.
    The 95 % intervals are percentiles of a bootstrap over genotypes. All models of one split and order see the same
    draws, so that their intervals compare.
    """
    rows: list[dict[str, object]] = []
    labels = ["model", "aggregation"]
    for (split,), part in predictions.with_columns(pl.col("split").cast(pl.String)).group_by(
        "split", maintain_order=True
    ):
        for order in (0, *part["order"].unique().sort().to_list()):
            these = part.filter(pl.col("order") == order) if order else part
            models = these.sort("genotype").partition_by(labels, as_dict=True, maintain_order=True)
            limit = ceilings.get((str(split), order))
            for observations, group in _alike(models).items():
                predicted = np.stack([models[name]["predicted"].to_numpy() for name in group])
                truth = models[group[0]]["observed"].to_numpy()
                intervals = _intervals(predicted, truth, draws, seed)
                for i, name in enumerate(group):
                    for metric, measure in METRICS.items():
                        value = measure(predicted[i], truth)
                        low, high = intervals[metric][i] if value is not None else (None, None)
                        rows.append(
                            {
                                **dict(zip(labels, name, strict=True)),
                                "representation": representation,
                                "size": size,
                                "split": split,
                                "metric": metric,
                                "order": order,
                                "value": value,
                                "low": low,
                                "high": high,
                                "ceiling": getattr(limit, metric, None),
                                "genotypes": len(truth),
                                "scored_on": observations,
                            }
                        )
    types = polars_schema(Score)
    return pl.DataFrame(rows, infer_schema_length=None).select(
        pl.col(name).cast(dtype) for name, dtype in types.items()
    )


def observations_hash(rows: pl.DataFrame) -> str:
    """SHA-256 of genotypes and their observed fitness, whatever the order of the rows, as 16 hex digits.

    Args:
        rows: has `genotype`, which is unique, and `observed`, both without nulls.
    """
    rows = rows.select("genotype", pl.col("observed").cast(pl.Float64)).sort("genotype")
    found = hashlib.sha256("\n".join(rows["genotype"]).encode())
    values = rows["observed"].to_numpy() + 0.0  # -0.0 becomes 0.0; an expression of polars leaves that addition out
    found.update(b"\x00" + values.astype("<f8").tobytes())
    return found.hexdigest()[:16]


def scoreboard(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All score tables as one.

    Args:
        tables: from `score`; those of the baselines have the representation `none`.

    Raises:
        ScoreboardMismatch: a row was scored on other genotypes or other observed values than the baselines of its size, or
            that size has no baselines; the sentence names both.
    """
    if not tables:
        raise ScoreboardMismatch("There are no scores yet: train baselines and a model first.")
    board = pl.concat(tables)
    place = ["size", "split", "order"]
    is_baseline = pl.col("representation") == "none"
    baselines = (
        board.filter(is_baseline)
        .sort("model")
        .unique(place, keep="first", maintain_order=True)
        .select(*place, baseline="model", expected="scored_on")
    )
    wrong = (
        board.join(baselines, on=place, how="left")
        .filter(pl.col("expected").is_null() | (pl.col("expected") != pl.col("scored_on")))
        .sort("size", "representation", "model", "split", "order")
    )
    if wrong.height:
        row = wrong.row(0, named=True)
        cell = f"{row['model']} on {row['representation']} (size {row['size']}, {row['split']})"
        if row["expected"] is None:
            raise ScoreboardMismatch(
                f"{cell} has no baselines to stand beside: train the baselines of that size first."
            )
        raise ScoreboardMismatch(
            f"{cell} was scored on other genotypes or other observed values ({row['scored_on']}) than its baseline "
            f"{row['baseline']} ({row['expected']}): train both again on the same subset."
        )
    return board.sort("size", "representation", "model", "aggregation", "split", "metric", "order")


def _alike(models: Mapping[tuple[object, ...], pl.DataFrame]) -> dict[str, list[tuple]]:
    """Models by the hash of what they were scored on: usually one group."""
    groups: dict[str, list[tuple]] = {}
    for name, table in models.items():
        groups.setdefault(observations_hash(table), []).append(name)
    return groups


def _intervals(predicted: np.ndarray, observed: np.ndarray, draws: int, seed: int) -> dict[str, list[tuple]]:
    """Low and high of each metric for each model (models x genotypes), from the same draws of genotypes."""
    models, n = predicted.shape
    if n < FEWEST:
        return {metric: [(None, None)] * models for metric in METRICS}
    random = np.random.default_rng(seed)
    block = max(1, _AT_ONCE // n)
    found: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    y = observed - observed.mean()
    X = predicted - predicted.mean(axis=1, keepdims=True)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        drawn = random.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        ranks = _ranks(y, times)
        with np.errstate(invalid="ignore", divide="ignore"):
            found["rmse"].append(np.sqrt(times @ np.square(predicted - observed).T / n).T)
            found["pearson"].append(np.stack([_correlation(times, x, y) for x in X]))
            found["spearman"].append(np.stack([_correlation(times, _ranks(x, times), ranks) for x in X]))
    intervals = {}
    for metric, blocks in found.items():
        values = np.concatenate(blocks, axis=1)
        usable = np.isfinite(values).mean(axis=1) > 0.5
        limits = [
            tuple(np.nanpercentile(row, INTERVAL).tolist()) if good else (None, None)
            for row, good in zip(values, usable, strict=True)
        ]
        intervals[metric] = limits
    return intervals


def _ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Centred mid-ranks of the values in each draw, draws x genotypes; `times` counts the copies that a draw holds."""
    order = np.argsort(values, kind="stable")
    new = np.concatenate([[True], np.diff(values[order]) > 0])
    tie = np.cumsum(new) - 1
    ends = np.cumsum(np.add.reduceat(times[:, order], np.flatnonzero(new), axis=1), axis=1)
    middle = (ends + np.concatenate([np.zeros((len(times), 1)), ends[:, :-1]], axis=1) - len(values)) / 2
    ranks = np.empty_like(times)
    ranks[:, order] = middle[:, tie]
    return ranks


def _correlation(times: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson correlation in each draw; x and y are one vector, or one per draw."""
    n = times.shape[1]

    def moment(a: np.ndarray) -> np.ndarray:
        return (times * a).sum(axis=1) / n

    mx, my = moment(x), moment(y)
    vx, vy = moment(x * x) - mx**2, moment(y * y) - my**2
    spread = np.where((vx > 1e-24) & (vy > 1e-24), vx * vy, np.nan)
    return (moment(x * y) - mx * my) / np.sqrt(spread)
