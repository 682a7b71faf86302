"""How well a perfect model could score, given the noise of the measurements.

Belongs here: ceilings from standard errors. Does not: scores (scores.py).

Pearson: sqrt(1 - mean(SE^2) / Var(y)), exact where the standard errors are (Spearman 1904, attenuation). Spearman has
no closed form: most genotypes pile up near 1, where noise reorders them. The distribution of the true fitness is
estimated by nonparametric maximum likelihood (Kiefer and Wolfowitz 1956), truths are drawn from it and measured again;
on data of known truth that overstates by 0.01 to 0.1, so that it reads "at most". RMSE: sqrt(mean(SE^2)), a floor.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.steps.trained.predictions import spearman, split_mask

GRID_POINTS = 160
ITERATIONS = 200
ROWS = 3_000
DRAWS = 20_000
SEED = 1
POLICY = {"grid_points": GRID_POINTS, "iterations": ITERATIONS, "rows": ROWS, "draws": DRAWS, "seed": SEED}
"""What decides the ceiling of Spearman."""


@dataclass(frozen=True)
class Ceiling:
    """pearson, spearman: at most; rmse: at least. None where no genotype has a standard error.

    fraction: share of the genotypes that have one; the ceiling rests on those.
    """

    pearson: float | None
    spearman: float | None
    rmse: float | None
    fraction: float


def ceiling(subset: pl.DataFrame) -> dict[tuple[str, int], Ceiling]:
    """Ceiling of every (split, order); order 0 is all orders together.

    subset: has `split`, `order`, `value` and `standard_error`.
    """
    order = subset["order"].to_numpy()
    found = {}
    for split in subset["split"].cast(pl.String).unique().sort():
        rows = split_mask(subset, split)
        for k in (0, *np.unique(order[rows]).tolist()):
            part = subset.filter(pl.Series(rows & ((order == k) | (k == 0))))
            found[split, int(k)] = _ceiling(
                part["value"].to_numpy(), part["standard_error"].cast(pl.Float64).to_numpy()
            )
    return found


def _ceiling(y: np.ndarray, se: np.ndarray) -> Ceiling:
    known = np.isfinite(se)
    fraction = float(known.mean()) if len(se) else 0.0
    y, se = y[known], se[known]
    if len(y) < 3 or y.var() == 0:
        return Ceiling(None, None, None, fraction)
    noise = float(np.mean(se**2))
    pearson = float(np.sqrt(max(0.0, 1.0 - noise / y.var(ddof=1))))
    return Ceiling(pearson, _spearman(y, se), float(np.sqrt(noise)), fraction)


def _spearman(y: np.ndarray, se: np.ndarray) -> float | None:
    random = np.random.default_rng(SEED)
    if len(y) > ROWS:
        rows = random.choice(len(y), ROWS, replace=False)
        y, se = y[rows], se[rows]
    grid = np.linspace(y.min(), y.max(), GRID_POINTS)
    step = grid[1] - grid[0]
    width = np.sqrt(se**2 + step**2 / 12)  # a point of the grid stands for an interval; and no SE is ever 0
    likelihood = np.exp(-0.5 * ((y[:, None] - grid) / width[:, None]) ** 2) / width[:, None]
    likelihood = np.maximum(likelihood, 1e-300)
    weight = np.full(GRID_POINTS, 1.0 / GRID_POINTS)
    for _ in range(ITERATIONS):
        weight *= (likelihood / (likelihood @ weight)[:, None]).mean(axis=0)
    truth = random.choice(grid, size=DRAWS, p=weight / weight.sum()) + random.uniform(-step / 2, step / 2, DRAWS)
    return spearman(truth, truth + random.normal(size=DRAWS) * random.choice(se, DRAWS))
