"""What the noise of the measurements leaves to a perfect model, as far as standard errors tell.

Belongs here: the ceiling of Pearson. Does not: another measurement of the same genotypes (repeats.py), scores (scores.py).

Pearson: sqrt(1 - mean(SE^2) / Var(y)) (Spearman 1904, attenuation). Crosses share a part of their error: that of their
query standard and that of their array strain. Where genes and queries of test genotypes occur in train, as in a random
split, a model can learn that part like any effect of a gene, and nobody knows how much of it. So the ceiling is a band:
`low` if none of it is learned, `high` if all is. Where genes are held out, `low` holds. Spearman has no ceiling here:
estimators of it lie below the truth in nine of ten simulations of 1,000 genotypes whose standard errors are true.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

FEWEST = 3
SHARE = 0.9
"""Share of the genotypes below which their standard errors say nothing of all: those that have one are not like those without."""
POLICY = {"fewest": FEWEST, "share": SHARE}
"""What decides whether there is a ceiling."""


@dataclass(frozen=True)
class Ceiling:
    """Pearson correlation that a perfect model reaches, if it learns no (low) and all (high) of what crosses share in error.

    low, high: None where too few genotypes have a standard error. share: of the genotypes that have one.
    """

    low: float | None
    high: float | None
    share: float

    @property
    def limits(self) -> str:
        """`0.93 to 0.95`, or one number where they round to one."""
        ends = dict.fromkeys(f"{end:.2f}" for end in (self.low, self.high) if end is not None)
        return " to ".join(ends)


Ceilings = Mapping[int, Ceiling]
"""Order -> its ceiling; 0 is all orders together."""


def ceilings(test_set: pl.DataFrame) -> dict[int, Ceiling]:
    """The ceiling of every order. test_set: has `order`, `value`, `standard_error` and `shared_error`, which is a part of it."""
    orders = test_set["order"].unique().sort().to_list()
    return {k: _ceiling(test_set.filter(pl.col("order") == k) if k else test_set) for k in (0, *orders)}


def _ceiling(rows: pl.DataFrame) -> Ceiling:
    known = rows.filter(pl.col("standard_error").is_not_null())
    share = known.height / rows.height if rows.height else 0.0
    y = known["value"].to_numpy()
    if share < SHARE or known.height < FEWEST or y.var() == 0:
        return Ceiling(None, None, share)
    every = np.square(known["standard_error"].to_numpy())
    shared = np.square(known["shared_error"].fill_null(0.0).to_numpy())

    def reached(noise: np.ndarray) -> float:
        return float(np.sqrt(max(0.0, 1.0 - noise.mean() / y.var(ddof=1))))

    return Ceiling(reached(every), reached(every - shared), share)
