"""The grids: which hyper-parameters are tried, as data.

Belongs here: candidates of each family and the number of folds. Does not: fitting (families.py).

Names that are not those of scikit-learn: `relative_alpha` is alpha divided by the smallest alpha at which no gene
feature has a coefficient; `relative_gamma` is gamma times the total variance of the scaled features (1 is the inverse
of half the mean squared distance between two genotypes, and for standardised features the `scale` of scikit-learn).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Candidate = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Candidates of each family, and the folds of the cross-validation that chooses among them.

    warnings: family -> what a reader has to know of this grid; stands in the search table.
    """

    name: str
    folds: int
    candidates: Mapping[str, tuple[Candidate, ...]]
    description: str
    warnings: Mapping[str, str] = field(default_factory=dict)


def _crossed(**values: list[Any]) -> tuple[Candidate, ...]:
    return tuple(dict(zip(values, combination, strict=True)) for combination in product(*values.values()))


_QUICK = Grid(
    name="quick",
    folds=3,
    candidates={
        "elastic_net": _crossed(l1_ratio=[0.1, 0.7], relative_alpha=[0.3, 0.02, 0.001]),
        "support_vector": _crossed(kernel=["rbf"], relative_gamma=[0.3, 1.0], C=[0.1, 1.0, 10.0], epsilon=[0.03]),
        "random_forest": _crossed(n_estimators=[100], max_features=["sqrt"], min_samples_leaf=[1, 8]),
    },
    description="At most six candidates a family, three folds: minutes for all representations on a laptop.",
)

_SMALLEST = Grid(
    name="smallest",
    folds=2,
    candidates={
        "elastic_net": _crossed(l1_ratio=[0.7], relative_alpha=[0.02]),
        "support_vector": _crossed(kernel=["rbf"], relative_gamma=[0.3], C=[1.0], epsilon=[0.03]),
        "random_forest": _crossed(n_estimators=[20], max_features=["sqrt"], min_samples_leaf=[8]),
    },
    description="One candidate a family, two folds: to see that everything runs, not to compare scores.",
)

_PAPER = Grid(
    name="paper",
    folds=5,
    candidates={
        "elastic_net": _crossed(alpha=[0.1, 0.5, 1.0], l1_ratio=[0.1, 0.5, 0.9]),
        "support_vector": _crossed(
            kernel=["rbf", "poly", "linear", "sigmoid"], C=[0.1, 1.0, 10.0], gamma=[0.1, 0.01, 0.001], epsilon=[0.1]
        ),
        "random_forest": _crossed(
            n_estimators=[100, 200, 500], max_depth=[None, 5, 10], min_samples_split=[2, 5, 10], max_features=[1.0]
        ),
    },
    description="The grids of the torchcell study, for comparison: 72 candidates, five folds, hours a cell.",
    warnings={
        "elastic_net": (
            "degenerate on one-hot genes: every alpha lies above alpha_max (about 0.003), so that the coefficients of "
            "all genes are zero and most correlations undefined; the grid `quick` sets alpha relative to alpha_max"
        ),
        "support_vector": "the study did not scale its features; here they are scaled, as everywhere",
        "random_forest": "max_features 1.0 costs about 40 times sqrt at 1,280 dimensions, for no better score",
    },
)

GRIDS: dict[str, Grid] = {grid.name: grid for grid in (_SMALLEST, _QUICK, _PAPER)}
