"""Which candidate of a grid wins, and whether the grid was wide enough.

Belongs here: the search table, the winner, the edges of a grid. Does not: the grids (grids.py), fitting (families.py).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.steps.trained.grids import LIMITS, Candidate
from torchcell_assets.steps.trained.predictions import pearson, rmse, spearman

ORDER_OF_METRICS = {"rmse": ("rmse", "pearson", "spearman"), "spearman": ("spearman", "pearson", "rmse")}
"""What a grid chooses by -> what decides, and then breaks ties."""
_TYPES = {
    **{"candidate": pl.UInt32, "parameters": pl.String},
    **dict.fromkeys(("spearman", "pearson", "rmse"), pl.Float64),
    **{"chosen": pl.Boolean, "at_edge": pl.String, "alias_of": pl.String, "warning": pl.String},
}


@dataclass(frozen=True)
class Found:
    """table: one row per candidate, mean over folds, undefined correlations null. best: index of the winner."""

    table: pl.DataFrame
    best: int


def choose(
    candidates: Sequence[Candidate],
    folds: np.ndarray,
    y: np.ndarray,
    held_out: np.ndarray,
    *,
    by: str,
    warning: str | None = None,
) -> Found:
    """The candidate with the best mean over the folds.

    folds, y: fold and observed value of each training genotype. held_out: genotypes x candidates, predicted out of fold.
    by: what the grid chooses by, a key of ORDER_OF_METRICS. warning: stands in the table.
    """

    def mean(measure: Callable[[np.ndarray, np.ndarray], float | None], column: np.ndarray) -> float | None:
        values = [measure(column[folds == fold], y[folds == fold]) for fold in np.unique(folds)]
        defined = [value for value in values if value is not None]
        return float(np.mean(defined)) if len(defined) == len(values) else None

    scores = [{m.__name__: mean(m, column) for m in (spearman, pearson, rmse)} for column in held_out.T]

    def rank(index: int) -> tuple[float, ...]:
        def of(name: str) -> float:
            value = scores[index][name]
            if value is None:
                return -np.inf
            return round(-value if name == "rmse" else value, 9)  # beyond that it is the order of summation

        return tuple(of(name) for name in ORDER_OF_METRICS[by])

    best = max(range(len(candidates)), key=rank)
    rows = [
        {
            "candidate": i,
            "parameters": json.dumps(c),
            **scores[i],
            "chosen": i == best,
            "at_edge": ", ".join(at_edge(candidates, i)) if i == best else None,
            "alias_of": None,
            "warning": warning,
        }
        for i, c in enumerate(candidates)
    ]
    return Found(pl.DataFrame(rows, schema=_TYPES), best)


def at_edge(candidates: Sequence[Candidate], index: int) -> list[str]:
    """Parameters whose value is the smallest or largest of more than two that were tried: what lies beyond is not known.

    Only numbers count, and not where nothing can lie beyond (LIMITS).
    """
    found = []
    for name, value in candidates[index].items():
        tried = {c[name] for c in candidates if isinstance(c.get(name), int | float)}
        if len(tried) > 2 and value in (min(tried), max(tried)) and value not in LIMITS.get(name, ()):
            found.append(name)
    return found
