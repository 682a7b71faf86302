"""What has to be beaten: predictions that know little or nothing beside which genes are deleted.

Belongs here: the baselines that stand beside every score. Does not: the query strain as a baseline (query_baselines.py), random
codes (a representation), models with a grid (families.py).

    mean                      the mean of train
    mean_per_order            the mean of the training genotypes with as many deletions
    query_strain              the mean of the training crosses of the same query strain
    query_x_single            what the query strain is worth, times the single mutant of the array gene
    product_of_singles        the product of measured single mutants, of all sizes; nothing is fitted
    product_of_sample_singles the same product, with the single mutants in train of this size
    additive_log_ridge        one effect per gene on log values, ridge: the multiplicative model, fitted
    additive_ridge            one effect per gene on values, ridge

The four that multiply or take the logarithm (query_x_single, the products, additive_log_ridge) are of targets whose values
multiply, such as growth; of others there are none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.steps.trained.features import genes_of, incidence
from torchcell_assets.steps.trained.predictions import prediction_table, split_mask
from torchcell_assets.steps.trained.query_baselines import query_strain, query_x_single
from torchcell_assets.steps.trained.splits import fold_of

ADDITIVE = "additive_ridge"
"""The baseline that every score is held against, whichever is the best one."""
MULTIPLYING = ("query_x_single", "product_of_singles", "product_of_sample_singles", "additive_log_ridge")
BASELINES = (
    *("mean", "mean_per_order", "query_strain", "query_x_single"),
    *("product_of_singles", "product_of_sample_singles", "additive_log_ridge", ADDITIVE),
)
ALPHAS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge penalties tried, in units of genotypes per gene: 1 halves the effect of a gene seen once."""

FLOOR = 0.05
"""Value below which the logarithm is taken of the floor: dead and nearly dead are not told apart."""

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


def fit_baselines(rows: pl.DataFrame, singles: pl.DataFrame | None, *, target: str, seed: int = 0) -> Baselines:
    """All baselines on one sample of one target.

    rows: from `rows_to_predict`.
    singles: `gene`, `value`: every merged single mutant that is neither in validation nor in test; None where values of the
        target do not multiply, and MULTIPLYING are left out.

    Predictions of train are out of fold where something is fitted query by query or gene by gene. The two means are those of
    all of train: left-out means would differ between folds and correlate negatively with what they predict.
    """
    y, train = rows["value"].to_numpy(), split_mask(rows, "train")
    folds = fold_of(rows["genes"], FOLDS, seed)
    additive, alpha = additive_ridge(rows, y, seed)
    predicted = {
        "mean": np.full(len(y), y[train].mean()),
        "mean_per_order": mean_per_order(rows),
        "query_strain": query_strain(rows, folds),
        ADDITIVE: additive,
    }
    notes: dict[str, Any] = {f"{ADDITIVE}_alpha": alpha}
    if singles is not None:
        more, told = _multiplying(rows, singles, folds, seed)
        predicted |= more
        notes |= told
    tables = [prediction_table(rows, predicted[name], name, target=target) for name in BASELINES if name in predicted]
    return Baselines(pl.concat(tables), notes)


def _multiplying(
    rows: pl.DataFrame, singles: pl.DataFrame, folds: np.ndarray, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Predictions of MULTIPLYING, and what is noted of them."""
    alone = rows.filter(split_mask(rows, "train") & (rows["order"] == 1).to_numpy())
    own = alone.group_by(gene="genes", maintain_order=True).agg(pl.col("value").mean())  # a gene may have two strains
    product, coverage = product_of_singles(rows, singles)
    own_product, own_coverage = product_of_singles(rows, own)
    log_additive, log_alpha = additive_ridge(rows, np.log(np.maximum(rows["value"].to_numpy(), FLOOR)), seed)
    predicted = {
        "query_x_single": query_x_single(rows, singles, folds, FLOOR),
        "product_of_singles": product,
        "product_of_sample_singles": own_product,
        "additive_log_ridge": np.exp(log_additive),
    }
    notes = {
        "singles_coverage": coverage,
        "sample_singles_coverage": own_coverage,
        "additive_log_ridge_alpha": log_alpha,
    }
    return predicted, notes


def mean_per_order(rows: pl.DataFrame) -> np.ndarray:
    """Mean of the training genotypes of the same order; of all of train where there is none."""
    y, order, train = rows["value"].to_numpy(), rows["order"].to_numpy(), split_mask(rows, "train")
    predicted = np.full(len(y), y[train].mean())
    for k in np.unique(order):
        alike = train & (order == k)
        if alike.any():
            predicted[order == k] = y[alike].mean()
    return predicted


def product_of_singles(rows: pl.DataFrame, singles: pl.DataFrame) -> tuple[np.ndarray, dict[str, float]]:
    """Product of the values of the single mutants, and the coverage by split; a gene without a single counts as 1.

    A genotype never predicts itself: single mutants count as 1.
    """
    value = dict(zip(singles["gene"].to_list(), singles["value"].to_list(), strict=True))
    genotypes = genes_of(rows["genes"].to_list())
    predicted = np.array(
        [np.prod([value.get(g, 1.0) for g in genes]) if len(genes) > 1 else 1.0 for genes in genotypes]
    )
    counted = pl.DataFrame(
        {
            "split": rows["split"].cast(pl.String),
            "genes": [len(genes) for genes in genotypes],
            "measured": [sum(g in value for g in genes) if len(genes) > 1 else 0 for genes in genotypes],
        }
    )
    shares = counted.group_by("split").agg((pl.col("measured").sum() / pl.col("genes").sum()).alias("share"))
    return predicted, dict(sorted(shares.iter_rows()))


def additive_ridge(rows: pl.DataFrame, target: np.ndarray, seed: int = 0) -> tuple[np.ndarray, float]:
    """Predictions of `target` by one effect per gene plus one per deletion, and the penalty that was chosen.

    target: one number per row of `rows`. The penalty has the least RMSE over the folds of train; train is predicted
    out of fold.
    """
    from sklearn.linear_model import Ridge

    lacking = incidence(genes_of(rows["genes"].to_list()), ()).matrix
    k = sp.csr_array(np.asarray(lacking.sum(axis=1)).reshape(-1, 1))
    X = sp.csr_array(sp.hstack([lacking, k], format="csr"))
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    train = split_mask(rows, "train")
    XT, y = X[train], target[train]
    folds = fold_of(rows["genes"].to_numpy()[train], FOLDS, seed)

    def fit(alpha: float, those: np.ndarray) -> Any:
        return Ridge(alpha=alpha, solver="sparse_cg", tol=TOLERANCE).fit(XT[those], y[those])

    held_out = np.empty((len(y), len(ALPHAS)))
    for fold in np.unique(folds):
        for i, alpha in enumerate(ALPHAS):
            held_out[folds == fold, i] = fit(alpha, folds != fold).predict(XT[folds == fold])
    best = int(np.argmin(np.square(held_out - y[:, None]).mean(axis=0)))
    predicted = np.empty(len(target))
    predicted[train] = held_out[:, best]
    predicted[~train] = fit(ALPHAS[best], np.ones(len(y), dtype=bool)).predict(X[~train])
    return predicted, ALPHAS[best]
