"""Scores with their intervals, and each held against the baselines on the same genotypes.

Belongs here: Spearman, Pearson and RMSE from stored predictions, paired differences, and the refusal to compare what was
predicted for different genotypes or with other observed values of them. Does not: the draws (resampling.py), what the noise
leaves (ceilings.py), drawing.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Score
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.trained import resampling
from torchcell_assets.steps.trained.baselines import ADDITIVE
from torchcell_assets.steps.trained.ceilings import Ceilings
from torchcell_assets.steps.trained.predictions import pearson, rmse, spearman

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    "spearman": spearman,
    "pearson": pearson,
    "rmse": rmse,
}
FEWEST = 100
"""Genotypes below which no interval is given: of 32, the 95 % interval of Spearman holds the truth in 78 to 94 %."""
FEWEST_QUERIES = 5
"""Query strains below which none is given over them."""
RESAMPLED = ("test", "test_of_size")
"""Splits whose scores have intervals: nothing was fitted to or chosen by them."""

POLICY = {
    "draws": resampling.DRAWS,
    "interval": list(resampling.INTERVAL),
    "fewest": FEWEST,
    "fewest_queries": FEWEST_QUERIES,
    "resampled": list(RESAMPLED),
}
"""What decides the intervals of a score."""

NAME = ("kind", "model", "representation", "aggregation")
"""Columns that name what was scored."""
Row = dict[str, Any]


class ScoreboardMismatch(TorchcellError):
    """Two models were to be compared on different genotypes, or on other observed values of them."""


@dataclass(frozen=True)
class Yardsticks:
    """What scores of the test set are held against, beside baselines.

    queries: `genotype`, `query`: query strain of each test genotype. ceilings: by order. repeats: from `repeats.repeats`.
    """

    queries: pl.DataFrame
    ceilings: Ceilings = field(default_factory=dict)
    repeats: pl.DataFrame | None = None


def score(
    predictions: pl.DataFrame, size: str, yardsticks: Yardsticks, *, draws: int = resampling.DRAWS, seed: int = 0
) -> pl.DataFrame:
    """Rows of `Score` for everything in `predictions`, per split and per order (0: all orders).

    Args:
        predictions: columns of `Prediction`, with `kind` and `representation`: all models and baselines of one size and target.
        size: partition of the subset.
        yardsticks: what scores of the test set are held against.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ScoreboardMismatch: there are no baselines, or something was predicted for other genotypes or with other observed
            values than they.
    """
    whole = predictions.filter(pl.col("training_sample") == 0).with_columns(pl.col("split", "model").cast(pl.String))
    best = best_baseline(whole, size)
    smaller = predictions.filter(pl.col("training_sample") > 0)
    rows: list[Row] = []
    for (split,), of_split in whole.group_by("split", maintain_order=True):
        for order in (0, *of_split["order"].unique().sort().to_list()):
            wide = _side_by_side(of_split, order, size)
            spread = _spread(smaller, order) if split == "test" else {}
            limit = yardsticks.ceilings.get(order) if split == "test" else None
            band = {"ceiling_low": limit and limit.low, "ceiling_high": limit and limit.high}
            for row in _rows(wide, best, yardsticks.queries, draws, seed):
                more = band if row["metric"] == "pearson" else {}
                rows.append({**row, **more, "order": order, "spread": spread.get((*_name(row), row["metric"]))})
    if yardsticks.repeats is not None:
        rows += _repeated(yardsticks.repeats, draws, seed)
    types = polars_schema(Score)
    about = {"size": size, "target": predictions["target"][0]}
    table = pl.DataFrame([{**dict.fromkeys(types), **row, **about} for row in rows], infer_schema_length=None)
    return table.select(pl.col(name).cast(dtype) for name, dtype in types.items())


def best_baseline(predictions: pl.DataFrame, size: str) -> str:
    """The baseline with the least RMSE in cross-validation: chosen before anything is known of the test genotypes."""
    rows = predictions.filter(kind="baseline", split="train")
    if not rows.height:
        models = predictions.filter(pl.col("kind") != "baseline")
        first = _title(models.select(NAME).row(0, named=True)) if models.height else "nothing"
        raise ScoreboardMismatch(
            f"{first} (size {size}) has no baselines to stand beside: train the baselines of that size first."
        )
    error = (pl.col("predicted") - pl.col("observed")).pow(2).mean()
    return str(rows.group_by("model").agg(error).sort("predicted", "model")["model"][0])


def of_test_set(predictions: pl.DataFrame, name: str) -> dict[str, float]:
    """`test_<metric>_<name>` -> score on the test set, all orders together; undefined ones are left out.

    predictions: columns of `Prediction`. name: the column that tells them apart; of several targets, their name does too.
    """
    found: dict[str, float] = {}
    test = predictions.filter(pl.col("split").cast(pl.String) == "test")
    several = predictions["target"].n_unique() > 1
    for (target, one), rows in test.group_by("target", name, maintain_order=True):
        for metric, measure in METRICS.items():
            value = measure(rows["predicted"].to_numpy(), rows["observed"].to_numpy())
            key = f"test_{metric}_{target}_{one}" if several else f"test_{metric}_{one}"
            found |= {} if value is None else {key: value}
    return found


def error(predictions: pl.DataFrame, split: str) -> float:
    """RMSE of one model in one split, in units of the target."""
    rows = predictions.filter(pl.col("split").cast(pl.String) == split)
    return rmse(rows["predicted"].to_numpy(), rows["observed"].to_numpy()) or 0.0


def observations_hash(rows: pl.DataFrame) -> str:
    """SHA-256 of genotypes and their observed values, whatever the order of the rows, as 16 hex digits.

    Args:
        rows: has `genotype`, which is unique, and `observed`, both without nulls.
    """
    rows = rows.select("genotype", pl.col("observed").cast(pl.Float64)).sort("genotype")
    found = hashlib.sha256("\n".join(rows["genotype"]).encode())
    values = rows["observed"].to_numpy() + 0.0  # -0.0 becomes 0.0; an expression of polars leaves that addition out
    found.update(b"\x00" + values.astype("<f8").tobytes())
    return found.hexdigest()[:16]


@dataclass(frozen=True)
class _SideBySide:
    """Predictions of one split and order. predicted: models x genotypes, the rows named by `names`."""

    split: str
    names: list[tuple[str, ...]]
    genotypes: pl.Series
    observed: np.ndarray
    predicted: np.ndarray
    scored_on: str

    def baseline(self, name: str) -> int:
        return next(i for i, (kind, model, *_) in enumerate(self.names) if kind == "baseline" and model == name)


def _side_by_side(predictions: pl.DataFrame, order: int, size: str) -> _SideBySide:
    rows = predictions.filter(pl.col("order") == order) if order else predictions
    tables = rows.sort("genotype").partition_by(NAME, as_dict=True, maintain_order=True)
    names = sorted(tables)  # baselines first
    first = tables[names[0]]
    expected = observations_hash(first)
    for name in names[1:]:
        found = observations_hash(tables[name])
        if found != expected:
            one, other = (_title(dict(zip(NAME, n, strict=True))) for n in (name, names[0]))
            raise ScoreboardMismatch(
                f"{one} (size {size}, {first['split'][0]}) was scored on other genotypes or other observed values "
                f"({found}) than its baseline {other} ({expected}): train both again on the same subset."
            )
    predicted = np.stack([tables[name]["predicted"].to_numpy() for name in names])
    return _SideBySide(
        str(first["split"][0]), names, first["genotype"], first["observed"].to_numpy(), predicted, expected
    )


def _rows(wide: _SideBySide, best: str, queries: pl.DataFrame, draws: int, seed: int) -> Iterator[Row]:
    intervals = _Intervals.of(wide, queries, draws, seed)
    against = {"minus_best": wide.baseline(best), "minus_additive": wide.baseline(ADDITIVE)}
    for metric, measure in METRICS.items():
        values = [measure(predicted, wide.observed) for predicted in wide.predicted]
        for i, name in enumerate(wide.names):
            row: Row = {**dict(zip(NAME, name, strict=True)), "split": wide.split, "metric": metric}
            row["value"] = values[i]
            row |= intervals.limits(metric, "", i) if values[i] is not None else {}
            for column, j in against.items():
                if values[i] is not None and values[j] is not None:
                    row |= {column: values[i] - values[j], **intervals.limits(metric, f"{column}_", i, j)}  # type: ignore[operator]
            yield {**row, "best_baseline": best, "genotypes": len(wide.observed), "scored_on": wide.scored_on}


@dataclass(frozen=True)
class _Intervals:
    """by_unit: suffix of the columns (over what was resampled) -> metric -> distinct predictions x draws.

    place: model -> its row in these.
    """

    by_unit: dict[str, dict[str, np.ndarray]]
    place: np.ndarray

    @classmethod
    def of(cls, wide: _SideBySide, queries: pl.DataFrame, draws: int, seed: int) -> "_Intervals":
        """Draws of genotypes and, on the test set, of query strains; none where there are too few of them."""
        # models that predict the same, such as pert_sum and intact_sum of a linear one, are looked at once
        distinct, place = np.unique(wide.predicted, axis=0, return_inverse=True)
        units: dict[str, np.ndarray] = {}
        if wide.split in RESAMPLED and len(wide.observed) >= FEWEST:
            units[""] = np.arange(len(wide.observed))
            by_query = _queries(wide.genotypes, queries) if wide.split == "test" else None
            if by_query is not None:
                units["_queries"] = by_query
        by_unit = {
            suffix: resampling.resampled(distinct, wide.observed, of_genotype, draws=draws, seed=seed)
            for suffix, of_genotype in units.items()
        }
        return cls(by_unit, place.ravel())

    def limits(self, metric: str, prefix: str, model: int, minus: int | None = None) -> Row:
        """Low and high of a model's score, or of its difference to another's, as columns."""
        row: Row = {}
        for suffix, values in self.by_unit.items():
            drawn = values[metric][self.place[model]]
            drawn = drawn if minus is None else drawn - values[metric][self.place[minus]]
            row[f"{prefix}low{suffix}"], row[f"{prefix}high{suffix}"] = resampling.interval(drawn)
        return row


def _queries(genotypes: pl.Series, queries: pl.DataFrame) -> np.ndarray | None:
    """Number of the query strain of each genotype, one without being a unit of its own; None where there are too few of them."""
    found = pl.DataFrame({"genotype": genotypes}).join(queries, on="genotype", how="left", maintain_order="left")
    if found["query"].drop_nulls().n_unique() < FEWEST_QUERIES:
        return None
    named = pl.coalesce(pl.lit("query ") + pl.col("query"), "genotype")
    return found.select(named.rank("dense") - 1).to_series().to_numpy().astype(np.int64)


def _spread(smaller: pl.DataFrame, order: int) -> dict[tuple[str, ...], float]:
    """Standard error of each score by the choice of training genotypes: (name, metric) -> spread.

    smaller: test predictions of models that were each fitted without one group of the training gene sets. From g of them, by
    the delete-a-group jackknife: sqrt((g - 1) / g * sum of squared deviations); their own SD would be too small, as they share
    most of their genotypes.
    """
    rows = smaller.filter(pl.col("order") == order) if order else smaller
    found: dict[tuple[str, ...], float] = {}
    for name, table in rows.partition_by(NAME, as_dict=True).items():
        parts = [(t["predicted"].to_numpy(), t["observed"].to_numpy()) for t in table.partition_by("training_sample")]
        for metric, measure in METRICS.items():
            values = [value for part in parts if (value := measure(*part)) is not None]
            if len(values) == len(parts) > 1:
                g = len(values)
                found[(*name, metric)] = float(
                    np.sqrt((g - 1) / g * np.square(np.subtract(values, np.mean(values))).sum())
                )
    return found


def _repeated(repeats: pl.DataFrame, draws: int, seed: int) -> Iterable[Row]:
    """Scores of other measurements, each on the test genotypes that it has; RMSE is left out, as scales differ."""
    for (who,), of_one in repeats.group_by("who", maintain_order=True):
        for order in (0, *of_one["order"].unique().sort().to_list()):
            rows = of_one.filter(pl.col("order") == order) if order else of_one
            x, y = rows["repeated"].to_numpy(), rows["observed"].to_numpy()
            few = len(y) < FEWEST
            drawn = None if few else resampling.resampled(x[None], y, np.arange(len(y)), draws=draws, seed=seed)
            for metric in ("spearman", "pearson"):
                low, high = resampling.interval(drawn[metric][0]) if drawn else (None, None)
                yield {
                    **{"kind": "repeat", "model": who, "representation": "none", "aggregation": "none"},
                    **{"split": "test", "metric": metric, "order": order, "value": METRICS[metric](x, y)},
                    **{"low": low, "high": high, "genotypes": len(y), "scored_on": observations_hash(rows)},
                }


def _name(row: Row) -> Sequence[str]:
    return tuple(row[column] for column in NAME)


def _title(row: Row) -> str:
    return f"{row['model']} on {row['representation']}" if row["kind"] != "baseline" else str(row["model"])
