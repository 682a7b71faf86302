"""The grids: which hyper-parameters are tried, as data.

Belongs here: candidates of each family and the number of folds. Does not: fitting (families.py).

Names that are not those of scikit-learn: `relative_alpha` is alpha divided by the smallest alpha at which no gene
feature has a coefficient; `relative_gamma` is gamma times the total variance of the scaled features (1 is the inverse
of half the mean squared distance between two genotypes, and for standardised features the `scale` of scikit-learn);
`relative_C` is C times relative gamma: where gamma is small, a kernel of half the gamma and twice the C fits the same.
Those of `torch_linear` are the settings of its descent (torch_linear.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Candidate = dict[str, Any]

ONE_GENOTYPE, HALF, LINEAR, ALONE = 1e-6, 0.5, 0.01, 100.0
LIMITS: Mapping[str, tuple[float, ...]] = {
    "relative_alpha": (1.0,),  # no gene has a coefficient
    # over 1 % of its width a kernel is a line, whose slope a relative C keeps; at 100 times, every genotype is alone with itself
    "relative_gamma": (LINEAR, ALONE),
    "min_samples_leaf": (1, ONE_GENOTYPE, HALF),  # leaves of one genotype; leaves of half of all, which is no tree
    "min_samples_split": (2,),
    "weight_decay": (0.0,),  # none at all
}
"""Parameter -> values beyond which nothing lies that would be another model."""


@dataclass(frozen=True)
class Grid:
    """Candidates of each family, and the folds of the cross-validation that chooses among them.

    choose_by: `rmse`, or `spearman`: that one is blind to a model whose predictions are all too low.
    warnings: family -> what a reader has to know of this grid; stands in the search table.
    """

    name: str
    folds: int
    candidates: Mapping[str, tuple[Candidate, ...]]
    description: str
    choose_by: str = "rmse"
    warnings: Mapping[str, str] = field(default_factory=dict)


def _crossed(**values: list[Any]) -> tuple[Candidate, ...]:
    return tuple(dict(zip(values, combination, strict=True)) for combination in product(*values.values()))


_QUICK = Grid(
    name="quick",
    folds=3,
    candidates={
        "elastic_net": _crossed(l1_ratio=[0.1, 0.7], relative_alpha=[1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]),
        "support_vector": _crossed(
            kernel=["rbf"],
            relative_gamma=[LINEAR, 0.3, 1.0, 3.0, ALONE],
            relative_C=[0.003, 0.03, 0.3, 1.0, 10.0],
            epsilon=[0.01, 0.06],
        ),
        # a third of the features for a split cost ten times as much, for an RMSE that is larger in 11 of 12 cells
        "random_forest": _crossed(
            n_estimators=[100], max_features=["sqrt"], min_samples_leaf=[ONE_GENOTYPE, 0.005, 0.03, 0.1, HALF]
        ),
        "torch_linear": _crossed(weight_decay=[0.0, 1e-4, 1e-3, 1e-2]),
    },
    description="Wide enough that the optimum lies inside, three folds: minutes for all representations on a laptop.",
)

_SMALLEST = Grid(
    name="smallest",
    folds=2,
    candidates={
        "elastic_net": _crossed(l1_ratio=[0.7], relative_alpha=[0.02]),
        "support_vector": _crossed(kernel=["rbf"], relative_gamma=[0.3], C=[1.0], epsilon=[0.03]),
        "random_forest": _crossed(n_estimators=[20], max_features=["sqrt"], min_samples_leaf=[8]),
        "torch_linear": _crossed(weight_decay=[1e-3], epochs=[100]),
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
        "torch_linear": _crossed(weight_decay=[0.0, 1e-3, 1e-1]),
    },
    description="The grids of the torchcell study (which had no torch_linear), for comparison: hours a cell.",
    choose_by="spearman",
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
