"""Scores out of predictions: Spearman, Pearson, RMSE, differences to baselines, the jackknife's spread, the ceiling of Pearson.

Belongs here: numbers that follow from the predictions and the test set. Does not: bootstrap intervals, whose draws are
the project's own; other measurements of the same genotypes.
"""

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

Name = tuple[str, str, str, str]
Row = Mapping[str, object]


def rmse(x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error, in units of fitness."""
    return float(np.sqrt(np.mean((x - y) ** 2)))


def _correlation(of: object, x: np.ndarray, y: np.ndarray) -> float | None:
    """None for fewer than three points, and where one side is constant up to rounding."""
    if len(x) < 3 or x.std() <= 1e-12 or y.std() <= 1e-12:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(of(x, y).statistic)  # type: ignore[operator]


def metrics(predicted: Sequence[float], observed: Sequence[float]) -> dict[str, float | None]:
    """Name of a metric -> score."""
    x, y = np.asarray(predicted), np.asarray(observed)
    return {
        "spearman": _correlation(stats.spearmanr, x, y),
        "pearson": _correlation(stats.pearsonr, x, y),
        "rmse": rmse(x, y),
    }


def _jackknife(values: Sequence[float | None]) -> float | None:
    if len(values) < 2 or None in values:
        return None
    g, deviations = len(values), np.array(values) - np.mean(values)
    return float(math.sqrt((g - 1) / g * np.sum(deviations**2)))


def _by_order(rows: Iterable[Row]) -> dict[int, tuple[list[float], list[float]]]:
    """Order (0: all) -> predicted and observed."""
    found: dict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in rows:
        for order in (0, row["order"]):
            found[order][0].append(row["predicted"])
            found[order][1].append(row["observed"])
    return found


def ceilings(test_set: Sequence[Row]) -> dict[int, tuple[float | None, float | None]]:
    """Order (0: all) -> Pearson of a perfect model that learns none and all of the shared error; None where less than nine of ten
    genotypes have a standard error."""
    found: dict[int, tuple[float | None, float | None]] = {}
    for order in (0, *sorted({row["order"] for row in test_set})):
        rows = [row for row in test_set if order in (0, row["order"])]
        known = [row for row in rows if row["standard_error"] is not None]
        if len(known) < 3 or len(known) < 0.9 * len(rows):
            found[order] = None, None
            continue
        every = np.array([row["standard_error"] ** 2 for row in known])
        own = every - np.array([(row["shared_error"] or 0.0) ** 2 for row in known])
        variance = np.var([row["value"] for row in known], ddof=1)
        low, high = (math.sqrt(max(0.0, 1 - noise.mean() / variance)) for noise in (every, own))
        found[order] = low, high
    return found


def board(predictions: Iterable[Row], test_set: Sequence[Row]) -> dict[tuple, dict[str, object]]:
    """(model, representation, aggregation, kind, split, metric, order) -> value, differences to baselines, spread, ceiling.

    predictions: rows of one size, with `kind` and `representation`.
    """
    whole: dict[tuple, list[Row]] = defaultdict(list)
    smaller: dict[Name, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in predictions:
        name = row["model"], row["representation"], row["aggregation"], row["kind"]
        if row["training_sample"]:
            smaller[name][row["training_sample"]].append(row)
        else:
            whole[*name, row["split"]].append(row)
    table = {key: {order: metrics(*of) for order, of in _by_order(rows).items()} for key, rows in whole.items()}
    spread = {name: [_by_order(rows) for _, rows in sorted(parts.items())] for name, parts in smaller.items()}
    base = {key[0]: of[0]["rmse"] for key, of in table.items() if key[3] == "baseline" and key[4] == "train"}
    best = min(base, key=lambda model: (base[model], model))
    limit = ceilings(test_set)
    found = {}
    for (*name, split), of in table.items():
        for order, scored in of.items():
            against = {who: table[who, "none", "none", "baseline", split][order] for who in (best, "additive_ridge")}
            for metric, value in scored.items():
                parts = [metrics(*by[order])[metric] for by in spread.get(tuple(name), [])] if split == "test" else []
                low, high = limit[order] if split == "test" and metric == "pearson" else (None, None)
                found[*name, split, metric, order] = {
                    **{"value": value, "best_baseline": best, "ceiling_low": low, "ceiling_high": high},
                    "minus_best": _minus(value, against[best][metric]),
                    "minus_additive": _minus(value, against["additive_ridge"][metric]),
                    **{"spread": _jackknife(parts), "genotypes": len(whole[*name, split]) if not order else None},
                }
    return found


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
