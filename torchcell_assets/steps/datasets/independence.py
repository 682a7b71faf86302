"""Whether each screen of a table is a measurement of its own, or a linear combination of others.

Belongs here: the test of stored records. Does not: which screens are known to be none (the datasets declare them), and what
becomes of them (schema/validation.py: they are quarantined by a rule).

A published table may hold a screen that was computed from others: a weighted mean of replicates, or of other queries. Its numbers
look like any other's, and a model that is tested on them is tested on what it was trained on. So each screen is regressed on the
few that explain it best. What is left of a real one is its own noise, much like that of any other screen; of a combination,
nothing is left. Comparing with the other screens of the table makes the test the same for fitness, of which the array strain
explains most, and for scores, of which it explains nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

PREDICTORS = 5
"""Screens that one is regressed on, chosen once the mean of each array strain is taken off."""
ARRAYS = 60
"""Array strains that a screen and its predictors have to share."""
SCREENS = 4
"""With fewer there is no telling what is usual."""
LEFT = 0.05
"""A screen of which less of the usual variance is left is a combination of others."""
_ROWS = 2_000_000
"""Records that are read at a time."""


@dataclass(frozen=True)
class Combination:
    """A screen that is a linear combination of others of its table.

    Attributes:
        screen: the one that is none of its own; of several that combine to each other, a mean rather than its parts.
        weights: screen -> its weight, the largest first.
        left: variance of what the others leave of it, over the median of that of all screens.
        arrays: strains that it was seen on.
    """

    screen: str
    weights: dict[str, float]
    left: float
    arrays: int

    @property
    def is_mean(self) -> bool:
        """Whether all weights are positive or almost nothing, as in a weighted mean."""
        return min(self.weights.values()) > -0.1

    def __str__(self) -> str:
        parts = " + ".join(f"{weight:.2f} {name}" for name, weight in self.weights.items() if abs(weight) >= 0.05)
        return f"{self.screen} = {parts} on {self.arrays:,} strains, which leaves {self.left:.2%} of the usual variance"


def combinations(path: Path) -> tuple[list[Combination], int]:
    """The screens of a stored table that are combinations of others, means before their parts; and how many were compared.

    Args:
        path: Parquet of `Fitness` or `Interaction` records. Its screens are compared on the strains that they share; of a cross,
            on its array strain.

    Returns:
        None where fewer than SCREENS screens share ARRAYS strains with their predictors.
    """
    names, values = _matrix(path)
    fits = [_fit(values, at, chosen) for at, chosen in enumerate(_explaining(values))] if len(names) >= SCREENS else []
    seen = [fit for fit in fits if fit is not None]
    if len(seen) < SCREENS:
        return [], len(seen)
    usual = float(np.median([fit.variance for fit in seen]))
    found = [
        Combination(
            names[fit.screen],
            dict(sorted(((names[k], w) for k, w in fit.weights.items()), key=lambda part: -abs(part[1]))),
            fit.variance / usual,
            fit.arrays,
        )
        for fit in seen
        if fit.variance < LEFT * usual
    ]
    return sorted(found, key=lambda one: (not one.is_mean, one.left)), len(seen)


@dataclass(frozen=True)
class _Fit:
    """A screen regressed on others, all by their column. variance: of the residuals."""

    screen: int
    weights: dict[int, float]
    variance: float
    arrays: int


def _fit(values: np.ndarray, screen: int, predictors: np.ndarray) -> _Fit | None:
    """Least squares with an intercept, on the strains that all of them have; None where these are few."""
    whole = values[:, [screen, *predictors]]
    whole = whole[~np.isnan(whole).any(axis=1)].astype(np.float64)
    if len(whole) < ARRAYS:
        return None
    X = np.column_stack([np.ones(len(whole)), whole[:, 1:]])
    weights, *_ = np.linalg.lstsq(X, whole[:, 0], rcond=None)
    residuals = whole[:, 0] - X @ weights
    variance = float(residuals @ residuals) / (len(whole) - X.shape[1])
    return _Fit(screen, dict(zip(predictors.tolist(), weights[1:].tolist(), strict=True)), variance, len(whole))


def _explaining(values: np.ndarray) -> np.ndarray:
    """For each screen, the PREDICTORS others (or all) that explain most of what is its own: a row of columns each.

    They are chosen one after the other, each the one that resembles most what those before it leave (orthogonal matching pursuit,
    Pati et al. 1993), from the products of all pairs of screens alone.
    """
    known = ~np.isnan(values)
    own = _own(values, known)
    products = (own.T @ own).astype(np.float64)
    shared = known.T.astype(np.float32) @ known.astype(np.float32)
    length = np.sqrt(np.maximum(products.diagonal(), 1e-30))
    chosen = np.empty((len(products), min(PREDICTORS, len(products) - 1)), dtype=np.int64)
    for at, row in enumerate(chosen):
        barred = shared[at] < ARRAYS  # what shares few strains cannot be regressed on
        barred[at] = True
        left = products[at]
        for step in range(len(row)):
            row[step] = np.argmax(np.where(barred, -1.0, np.abs(left) / length))
            barred[row[step]] = True
            picked = row[: step + 1]
            weights = np.linalg.lstsq(products[np.ix_(picked, picked)], products[picked, at], rcond=None)[0]
            left = products[at] - weights @ products[picked]
    return chosen


def _own(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What is left of each screen after its straight line on the means of the strains; 0 where there is no value.

    A line, because a sick query grows slower on every strain in proportion.
    """
    of_strain = _mean(values, known, axis=1)
    level = np.where(known, of_strain, 0.0)
    x = np.where(known, level - _mean(level, known, axis=0), 0.0)
    y = np.where(known, values - _mean(values, known, axis=0), 0.0)
    slope = (x * y).sum(axis=0) / np.maximum((x * x).sum(axis=0), 1e-30)
    return (y - slope * x).astype(np.float32)


def _mean(values: np.ndarray, known: np.ndarray, axis: int) -> np.ndarray:
    total = np.where(known, values, 0.0).sum(axis=axis, keepdims=True)
    return total / np.maximum(known.sum(axis=axis, keepdims=True), 1)


def _matrix(path: Path) -> tuple[list[str], np.ndarray]:
    """Screens by name, and strains x screens: the value, NaN where there is none. Screens with fewer than ARRAYS are left out."""
    table = pl.scan_parquet(path)
    sizes = table.filter(pl.col("value").is_not_null()).group_by("screen").len().collect()
    names = sizes.filter(pl.col("len") >= ARRAYS)["screen"].sort()
    strains: dict[str, int] = {}
    parts = []
    for at in range(0, table.select(pl.len()).collect().item(), _ROWS):
        rows = table.slice(at, _ROWS).filter(pl.col("screen").is_in(names.implode()), pl.col("value").is_not_null())
        of_cross = pl.col("strain").str.strip_prefix(pl.concat_str("query", pl.lit(" x ")))
        part = rows.select("screen", "value", strain=pl.coalesce(of_cross, "strain")).collect()
        for name in part["strain"].unique(maintain_order=True):
            strains.setdefault(name, len(strains))
        column = part["screen"].cast(pl.Enum(names)).to_physical().to_numpy()
        row = part["strain"].replace_strict(strains, return_dtype=pl.Int64).to_numpy() if part.height else column
        parts.append((row, column, part["value"].to_numpy()))
    values = np.full((len(strains), len(names)), np.nan, dtype=np.float32)
    for row, column, value in parts:
        values[row, column] = value
    return names.to_list(), values
