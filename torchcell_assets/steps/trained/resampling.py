"""Bootstrap draws of genotypes, or of whatever unit they come in, and the metrics of each draw.

Belongs here: resampling, ranks and correlations with counts, percentiles. Does not: which scores are compared (scores.py).

All models see the same draws, so that the difference of two of them has an interval of its own, which is narrower than
theirs: what is hard in one draw is hard for both.
"""

from collections.abc import Iterator

import numpy as np

DRAWS = 1000
INTERVAL = (2.5, 97.5)
_AT_ONCE = 4_000_000  # numbers in one block of draws: bounds the memory


def resampled(
    predicted: np.ndarray, observed: np.ndarray, units: np.ndarray, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, np.ndarray]:
    """Spearman, Pearson and RMSE of every model in every draw: metric -> models x draws, NaN where undefined.

    Args:
        predicted: models x genotypes.
        observed: one number per genotype.
        units: number of the unit that each genotype belongs to, from 0 on; as many units are drawn as there are, with
            replacement.
        draws: how many.
        seed: which.
    """
    y = observed - observed.mean()
    X = predicted - predicted.mean(axis=1, keepdims=True)
    blocks: dict[str, list[np.ndarray]] = {"spearman": [], "pearson": [], "rmse": []}
    for times in _counts(units, draws, seed):
        total = times.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            blocks["rmse"].append(np.sqrt(times @ np.square(predicted - observed).T / total[:, None]).T)
            blocks["pearson"].append(np.stack([_pearson(times, total, x, y) for x in X]))
            ranks = centred_ranks(y, times)
            blocks["spearman"].append(np.stack([_pearson(times, total, centred_ranks(x, times), ranks) for x in X]))
    return {metric: np.concatenate(parts, axis=1) for metric, parts in blocks.items()}


def interval(values: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """The percentiles INTERVAL of one value per draw; None where more than half of them are undefined."""
    if np.isfinite(values).mean() <= 0.5:
        return None, None
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)


def _counts(units: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Draws x genotypes: how often each draw holds each genotype, in blocks of draws."""
    random = np.random.default_rng(seed)
    count = int(units.max()) + 1
    block = max(1, _AT_ONCE // max(count, len(units)))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        drawn = random.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield times[:, units].astype(np.float64)


def centred_ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Centred mid-ranks of the values in each draw, draws x genotypes; `times` counts the copies that a draw holds."""
    order = np.argsort(values, kind="stable")
    new = np.concatenate([[True], np.diff(values[order]) > 0])
    tie = np.cumsum(new) - 1
    ends = np.cumsum(np.add.reduceat(times[:, order], np.flatnonzero(new), axis=1), axis=1)
    before = np.concatenate([np.zeros((len(times), 1)), ends[:, :-1]], axis=1)
    middle = (ends + before - ends[:, -1:]) / 2
    ranks = np.empty_like(times)
    ranks[:, order] = middle[:, tie]
    return ranks


def _pearson(times: np.ndarray, total: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson correlation in each draw; x and y are one vector, or one per draw. total: genotypes in each draw."""

    def mean(a: np.ndarray) -> np.ndarray:
        return (times @ a if a.ndim == 1 else np.einsum("dg,dg->d", times, a)) / total

    mx, my = mean(x), mean(y)
    vx, vy = mean(x * x) - mx**2, mean(y * y) - my**2
    spread = np.where((vx > 1e-24) & (vy > 1e-24), vx * vy, np.nan)
    return (mean(x * y) - mx * my) / np.sqrt(spread)
