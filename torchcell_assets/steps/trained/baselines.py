"""What has to be beaten: predictions that know little or nothing beside which genes are deleted.

Belongs here: the five baselines that stand beside every score. Does not: random codes (a representation), models with a
grid (families.py).

    mean                the mean of train
    mean_per_order      the mean of the training genotypes with as many deletions
    product_of_singles  the product of measured single mutants; nothing is fitted
    additive_log_ridge  one effect per gene on log fitness, ridge: the multiplicative model, fitted
    additive_ridge      one effect per gene on fitness, ridge
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.steps.trained.features import genes_of, incidence
from torchcell_assets.steps.trained.predictions import check_subset, prediction_table, split_mask
from torchcell_assets.steps.trained.splits import fold_of

BASELINES = ("mean", "mean_per_order", "product_of_singles", "additive_log_ridge", "additive_ridge")
ALPHAS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge penalties tried, in units of genotypes per gene: 1 halves the effect of a gene seen once."""

FLOOR = 0.05
"""Fitness below which the logarithm is taken of the floor: dead and nearly dead are not told apart."""

FOLDS = 5
TOLERANCE = 1e-8
"""Of the conjugate gradients that solve a ridge."""

POLICY = {"alphas": list(ALPHAS), "floor": FLOOR, "folds": FOLDS, "tolerance": TOLERANCE}
"""What decides the numbers of the fitted baselines."""


@dataclass(frozen=True)
class Baselines:
    """predictions: columns of `Prediction`, all baselines below each other; `notes`: coverage of the singles (share of
    the deleted genes with a measured single mutant, by split) and the chosen penalties.
    """

    predictions: pl.DataFrame
    notes: dict[str, Any]


def fit_baselines(subset: pl.DataFrame, singles: pl.DataFrame, *, seed: int = 0) -> Baselines:
    """All baselines on one subset.

    subset: MergedFitness with `rank` and `split`.
    singles: `gene`, `value`: every merged single mutant that is neither in validation nor in test.

    Predictions of train are out of fold where something is fitted gene by gene. The two means are those of all of
    train: left-out means would differ between folds and correlate negatively with what they predict.
    """
    check_subset(subset)
    y, train = subset["value"].to_numpy(), split_mask(subset, "train")
    product, coverage = product_of_singles(subset, singles)
    additive, alpha = additive_ridge(subset, y, seed)
    log_additive, log_alpha = additive_ridge(subset, np.log(np.maximum(y, FLOOR)), seed)
    predicted = {
        "mean": np.full(len(y), y[train].mean()),
        "mean_per_order": mean_per_order(subset),
        "product_of_singles": product,
        "additive_log_ridge": np.exp(log_additive),
        "additive_ridge": additive,
    }
    tables = [prediction_table(subset, predicted[name], name) for name in BASELINES]
    notes = {"singles_coverage": coverage, "additive_ridge_alpha": alpha, "additive_log_ridge_alpha": log_alpha}
    return Baselines(pl.concat(tables), notes)


def mean_per_order(subset: pl.DataFrame) -> np.ndarray:
    """Mean of the training genotypes of the same order; of all of train where there is none."""
    y, order, train = subset["value"].to_numpy(), subset["order"].to_numpy(), split_mask(subset, "train")
    predicted = np.full(len(y), y[train].mean())
    for k in np.unique(order):
        alike = train & (order == k)
        if alike.any():
            predicted[order == k] = y[alike].mean()
    return predicted


def product_of_singles(subset: pl.DataFrame, singles: pl.DataFrame) -> tuple[np.ndarray, dict[str, float]]:
    """Product of the fitness of the single mutants, and the coverage by split; a gene without a single counts as 1.

    A genotype never predicts itself: single mutants count as 1.
    """
    value = dict(zip(singles["gene"].to_list(), singles["value"].to_list(), strict=True))
    genotypes = genes_of(subset["genes"].to_list())
    predicted = np.array(
        [np.prod([value.get(g, 1.0) for g in genes]) if len(genes) > 1 else 1.0 for genes in genotypes]
    )
    counted = pl.DataFrame(
        {
            "split": subset["split"].cast(pl.String),
            "genes": [len(genes) for genes in genotypes],
            "measured": [sum(g in value for g in genes) if len(genes) > 1 else 0 for genes in genotypes],
        }
    )
    shares = counted.group_by("split").agg((pl.col("measured").sum() / pl.col("genes").sum()).alias("share"))
    return predicted, dict(sorted(shares.iter_rows()))


def additive_ridge(subset: pl.DataFrame, target: np.ndarray, seed: int = 0) -> tuple[np.ndarray, float]:
    """Predictions of `target` by one effect per gene plus one per deletion, and the penalty that was chosen.

    target: one number per row of `subset`. The penalty has the least RMSE over the folds of train; train is predicted
    out of fold.
    """
    from sklearn.linear_model import Ridge

    lacking = incidence(genes_of(subset["genes"].to_list()), ()).matrix
    k = sp.csr_array(np.asarray(lacking.sum(axis=1)).reshape(-1, 1))
    X = sp.csr_array(sp.hstack([lacking, k], format="csr"))
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    train = split_mask(subset, "train")
    XT, y = X[train], target[train]
    folds = fold_of(subset["genes"].to_numpy()[train], FOLDS, seed)

    def fit(alpha: float, rows: np.ndarray) -> Any:
        return Ridge(alpha=alpha, solver="sparse_cg", tol=TOLERANCE).fit(XT[rows], y[rows])

    held_out = np.empty((len(y), len(ALPHAS)))
    for fold in np.unique(folds):
        for i, alpha in enumerate(ALPHAS):
            held_out[folds == fold, i] = fit(alpha, folds != fold).predict(XT[folds == fold])
    best = int(np.argmin(np.square(held_out - y[:, None]).mean(axis=0)))
    predicted = np.empty(len(target))
    predicted[train] = held_out[:, best]
    predicted[~train] = fit(ALPHAS[best], np.ones(len(y), dtype=bool)).predict(X[~train])
    return predicted, ALPHAS[best]
