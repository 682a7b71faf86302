"""By how much two publications differ where they measured the same: the variance between them, beyond what they state.

Belongs here: this variance for each pair of publications, estimated over all measurements that a pair shares; the
measurements of one publication at one place, taken together. Does not: pooling by it (pooling.py).

A pair is two publications, or one with itself: two strains of one genotype in one paper. What is printed alike has been counted
once before, so that of one with itself only strains that disagree are left: its variance is that of these, and high. Of
measurements x_i and x_j of one place, (x_i - x_j)^2 - se_i^2 - se_j^2 is expected to be the variance between the two
publications; a standard error that is not stated counts as 0, so that the variance then holds the whole error. Sums over all i
and j of a place follow from the sums of each publication there: nothing grows with the number of pairs of measurements.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.steps.merged.identities import starts_of
from torchcell_assets.steps.merged.measurements import Measurements

ENOUGH = 30
"""Shared measurements from which on a pair of publications has a variance of its own; one with fewer takes that of all pairs."""
FEWEST_FOR_R = 3

PAIRS = {
    "x_publication": pl.String,
    "y_publication": pl.String,
    "shared": pl.UInt64,
    "variance": pl.Float64,
    "of_all_pairs": pl.Boolean,
    "r": pl.Float64,
}
"""Columns of the table of pairs -> type. shared: pairs of measurements of one place; variance: of their difference, beyond the
standard errors, 0 at least; of_all_pairs: it is estimated over all pairs, because these share fewer than ENOUGH; r: Pearson's
correlation over `shared`, null if undefined."""

_SUMS = ("shared", "squares", "x", "y", "xx", "yy", "xy")
_SCALE = 1e15
"""Sums run over whole multiples of 1 / _SCALE: they do not depend on the order of places, nor on which bucket holds them."""


@dataclass(frozen=True)
class Cells:
    """The measurements of each publication at each place; sorted by place, in it by publication.

    place, publication: as in Measurements. count: measurements. total, squares: sum of values, of their squares; errors: sum of
    squared standard errors. near, near_squares: sums over the distance from the smallest value of the place: where all values are
    equal, they are 0 and not rounded.
    """

    place: np.ndarray
    publication: np.ndarray
    count: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    errors: np.ndarray
    near: np.ndarray
    near_squares: np.ndarray


def cells(of: Measurements) -> tuple[Cells, np.ndarray]:
    """The cells of some measurements, and for each measurement the number of its cell."""
    starts = starts_of(of.place, of.publication)
    counts = np.diff(starts, append=len(of.place))
    if not len(starts):
        return Cells(of.place, of.publication, counts, *(np.empty(0) for _ in range(5))), counts
    places = starts_of(of.place)
    least = np.minimum.reduceat(of.value, places)
    near = of.value - np.repeat(least, np.diff(places, append=len(of.place)))
    stated = np.nan_to_num(of.standard_error)
    sums = (of.value, of.value**2, stated**2, near, near**2)
    table = Cells(of.place[starts], of.publication[starts], counts, *(np.add.reduceat(each, starts) for each in sums))
    return table, np.repeat(np.arange(len(starts)), counts)


def beside(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of cells of one place, a cell with itself too: the first of each pair, ascending, and the second."""
    starts = starts_of(place)
    counts = np.diff(starts, append=len(place))
    partners = np.repeat(counts, counts)
    first = np.repeat(np.arange(len(place)), partners)
    begins = np.repeat(np.cumsum(partners) - partners, partners)
    return first, np.repeat(starts, counts)[first] + np.arange(len(first)) - begins


class Differences:
    """Sums over what pairs of publications share, bucket by bucket."""

    def __init__(self) -> None:
        self._sums = pl.DataFrame(schema={"one": pl.Int64, "other": pl.Int64, **dict.fromkeys(_SUMS, pl.Int128)})

    def add(self, of: Measurements) -> None:
        """Take in the measurements of a bucket."""
        table, _ = cells(of.repeated())
        left, right = beside(table.place)
        once = (left < right) | ((left == right) & (table.count[left] > 1))
        left, right = left[once], right[once]
        found = pl.DataFrame(
            {
                "one": table.publication[left].astype(np.int64),
                "other": table.publication[right].astype(np.int64),
                **_sums_of_pairs(table, left, right),
            }
        ).with_columns((pl.col(_SUMS) * _SCALE).round().cast(pl.Int128))
        self._sums = pl.concat([self._sums, found]).group_by("one", "other").agg(pl.col(_SUMS).sum())

    def variances(self, publications: pl.Series) -> tuple[np.ndarray, pl.DataFrame]:
        """Variance of the difference of each two publications (symmetric), and the table PAIRS, sorted.

        publications: their names, by number.
        """
        sums = self._sums.sort("one", "other").with_columns(pl.col(_SUMS).cast(pl.Float64) / _SCALE)
        shared, squares = (float(sums[name].sum()) for name in ("shared", "squares"))
        of_all = max(0.0, squares / shared) if shared else 0.0
        few = pl.col("shared") < ENOUGH
        own = (pl.col("squares") / pl.col("shared")).clip(lower_bound=0.0)
        told = sums.with_columns(variance=pl.when(few).then(of_all).otherwise(own), of_all_pairs=few, r=_pearson())
        variances = np.full((len(publications), len(publications)), of_all)
        one, other = told["one"].to_numpy(), told["other"].to_numpy()
        variances[one, other] = variances[other, one] = told["variance"].to_numpy()
        named = told.with_columns(x_publication=publications[told["one"]], y_publication=publications[told["other"]])
        return variances, named.select(pl.col(name).cast(dtype) for name, dtype in PAIRS.items())


def _sums_of_pairs(table: Cells, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    """Sums over all pairs of a measurement in one cell and one in the other; in one cell, of two different ones, once."""
    itself = (left == right).astype(np.int64)
    n, m = table.count[left], table.count[right]
    others_n, others_m = n - itself, m - itself
    apart = n * table.near_squares[right] + m * table.near_squares[left] - 2 * table.near[left] * table.near[right]
    stated = others_m * table.errors[left] + others_n * table.errors[right]
    sums = {
        "shared": n * others_m,
        "squares": apart - stated,
        "x": others_m * table.total[left],
        "y": others_n * table.total[right],
        "xx": others_m * table.squares[left],
        "yy": others_n * table.squares[right],
        "xy": table.total[left] * table.total[right] - itself * table.squares[left],
    }
    return {name: each / (1 + itself) for name, each in sums.items()}


def _pearson() -> pl.Expr:
    n = pl.col("shared")
    x, y = pl.col("x") / n, pl.col("y") / n
    of_x, of_y = pl.col("xx") / n - x**2, pl.col("yy") / n - y**2
    defined = (n >= FEWEST_FOR_R) & (of_x > 1e-12) & (of_y > 1e-12)
    return pl.when(defined).then(((pl.col("xy") / n - x * y) / (of_x * of_y).sqrt()).clip(-1.0, 1.0))
