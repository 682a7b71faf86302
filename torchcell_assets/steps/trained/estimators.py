"""The three model families: how one candidate is fitted, and how several are tried on one fold at once.

Belongs here: scikit-learn pipelines, and what candidates of a family can share. Does not: which candidates there are
(grids.py), choosing among them (families.py).

Every family has `scan` (predictions of several candidates for held-out rows), `fit` (one candidate, as a pipeline) and
`groups` (candidates that share work). All numbers are the same at any number of threads: only independent fits run
side by side, and nothing is summed in an order that depends on which one ends first.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import scipy.sparse as sp

from torchcell_assets.steps.representations.table import Matrix
from torchcell_assets.steps.trained.grids import Candidate

PRECOMPUTED_UP_TO = 6000
"""Rows up to which an RBF kernel is computed once for all candidates of a fold: 6,000 squared is 0.3 GB."""

SCALERS = {"dense": "StandardScaler", "sparse": "MaxAbsScaler"}
"""Form of the features -> class of `sklearn.preprocessing`."""

# relative to the variance of y; 1e-4 costs four times as much and moves no cross-validated score by 0.01
ELASTIC_NET = {"max_iter": 3000, "tol": 1e-3}

POLICY = {"scalers": SCALERS, "elastic_net": ELASTIC_NET, "precomputed_up_to": PRECOMPUTED_UP_TO}
"""What decides the numbers of a fit beside its candidate."""


def scaler(X: Matrix) -> Any:
    """Standardisation for dense features; division by the largest absolute value for sparse ones (zeros stay zeros).

    Forests get it too: trees read float32, in which intact_mean would keep only some thousand distinct values.
    """
    from sklearn import preprocessing

    return getattr(preprocessing, SCALERS["sparse" if sp.issparse(X) else "dense"])()


def _pipeline(X: Matrix, model: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return Pipeline([("scale", scaler(X)), ("model", model)])


# --- elastic net ----------------------------------------------------------------------------------------------------


def alpha_max(X: Matrix, y: np.ndarray, l1_ratio: float) -> float:
    """Smallest alpha at which the elastic net has no non-zero coefficient: max |X'(y - mean y)| / (n l1_ratio).

    X: scaled features; centring X changes nothing, as y is centred. Friedman, Hastie, Tibshirani 2010, section 2.5.
    """
    return float(np.abs(np.asarray(X.T @ (y - y.mean()))).max() / (len(y) * l1_ratio))


def _elastic_net(candidate: Candidate, alpha: float) -> Any:
    from sklearn.linear_model import ElasticNet

    return ElasticNet(alpha=alpha, l1_ratio=candidate["l1_ratio"], warm_start=True, **ELASTIC_NET)


def _alpha(candidate: Candidate, X: Matrix, y: np.ndarray) -> float:
    if "alpha" in candidate:
        return float(candidate["alpha"])
    # the last column is the number of deletions; on one-hot genes it alone would decide, and no gene would be left
    top = max(alpha_max(X[:, :-1], y, candidate["l1_ratio"]), 1e-9)
    return float(candidate["relative_alpha"] * top)


def elastic_net_scan(candidates: Sequence[Candidate], X: Matrix, y: np.ndarray, held: Matrix, seed: int) -> np.ndarray:
    """Down the path: from the largest alpha to the smallest, each fit starting where the last one ended."""
    scale = scaler(X)
    X, held = scale.fit_transform(X), scale.transform(held)
    alphas = [_alpha(candidate, X, y) for candidate in candidates]
    predicted = np.empty((held.shape[0], len(candidates)))
    model = _elastic_net(candidates[0], 1.0)
    for i in np.argsort(alphas)[::-1]:
        model.set_params(alpha=alphas[i])
        predicted[:, i] = model.fit(X, y).predict(held)
    return predicted


def elastic_net_fit(candidate: Candidate, X: Matrix, y: np.ndarray, seed: int, threads: int) -> Any:
    """One elastic net on scaled features."""
    alpha = _alpha(candidate, scaler(X).fit_transform(X), y)
    return _pipeline(X, _elastic_net(candidate, alpha)).fit(X, y)


# --- support vector regression --------------------------------------------------------------------------------------


def total_variance(X: Matrix) -> float:
    """Sum of the variances of all columns: half the mean squared distance between two rows.

    Unlike the `scale` of scikit-learn it does not change when a constant is added to a column or its sign flips.
    """
    squares = X.multiply(X) if sp.issparse(X) else np.square(X)
    variances = np.asarray(squares.mean(axis=0)) - np.square(np.asarray(X.mean(axis=0)))
    return float(max(variances.sum(), 1e-12))


def _gamma(candidate: Candidate, X: Matrix) -> float:
    return float(candidate["gamma"] if "gamma" in candidate else candidate["relative_gamma"] / total_variance(X))


def _support_vector(candidate: Candidate, kernel: str, gamma: float) -> Any:
    from sklearn.svm import SVR

    C = candidate["C"] if "C" in candidate else candidate["relative_C"] / candidate["relative_gamma"]
    return SVR(kernel=kernel, gamma=gamma, C=C, epsilon=candidate["epsilon"], cache_size=500)


def squared_distances(X: Matrix, Z: Matrix) -> np.ndarray:
    """Squared Euclidean distances, rows of X against rows of Z, by one matrix product."""

    def lengths(M: Matrix) -> np.ndarray:
        return np.asarray((M.multiply(M) if sp.issparse(M) else np.square(M)).sum(axis=1)).ravel()

    products = X @ Z.T
    products = products.toarray() if sp.issparse(products) else products
    return np.maximum(lengths(X)[:, None] + lengths(Z)[None, :] - 2.0 * products, 0.0)


def support_vector_scan(
    candidates: Sequence[Candidate], X: Matrix, y: np.ndarray, held: Matrix, seed: int
) -> np.ndarray:
    """All candidates of one gamma share the kernel, computed by BLAS: libsvm's own rows cost 50 times as much."""
    if candidates[0]["kernel"] != "rbf" or X.shape[0] > PRECOMPUTED_UP_TO:
        fits = [support_vector_fit(candidate, X, y, seed, 1).predict(held) for candidate in candidates]
        return np.column_stack(fits)
    scale = scaler(X)
    X, held = scale.fit_transform(X), scale.transform(held)
    gamma = _gamma(candidates[0], X)
    within, across = np.exp(-gamma * squared_distances(X, X)), np.exp(-gamma * squared_distances(held, X))
    models = [_support_vector(candidate, "precomputed", gamma) for candidate in candidates]
    return np.column_stack([model.fit(within, y).predict(across) for model in models])


def support_vector_fit(candidate: Candidate, X: Matrix, y: np.ndarray, seed: int, threads: int) -> Any:
    """One support vector regression on scaled features."""
    gamma = _gamma(candidate, scaler(X).fit_transform(X))
    return _pipeline(X, _support_vector(candidate, candidate["kernel"], gamma)).fit(X, y)


# --- random forest --------------------------------------------------------------------------------------------------


def random_forest_scan(
    candidates: Sequence[Candidate], X: Matrix, y: np.ndarray, held: Matrix, seed: int
) -> np.ndarray:
    """One forest after another; each runs on one thread, as folds and candidates already run side by side."""
    return np.column_stack([random_forest_fit(candidate, X, y, seed, 1).predict(held) for candidate in candidates])


def random_forest_fit(candidate: Candidate, X: Matrix, y: np.ndarray, seed: int, threads: int) -> Any:
    """One forest, its trees grown on `threads` threads; it predicts on one, where the order of summation is fixed."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.feature_selection import VarianceThreshold

    forest = RandomForestRegressor(**candidate, random_state=seed, n_jobs=threads)
    pipeline = _pipeline(X, forest)
    if sp.issparse(X):
        # genes that no training genotype lacks: a tree looks for a split among them in vain (4 times the time on
        # one-hot genes), and they dilute the random choice of features
        pipeline.steps.insert(0, ("seen", VarianceThreshold()))
    fitted = pipeline.fit(X, y)
    fitted["model"].n_jobs = 1
    return fitted


# --- shared ---------------------------------------------------------------------------------------------------------


def by(*names: str) -> Callable[[Sequence[Candidate]], list[list[int]]]:
    """Groups of candidates (as indices) that agree in the named parameters."""

    def groups(candidates: Sequence[Candidate]) -> list[list[int]]:
        def key(index: int) -> str:
            return repr([candidates[index].get(name) for name in names])

        return [list(group) for _, group in groupby(sorted(range(len(candidates)), key=key), key=key)]

    return groups


def singly(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Every candidate is its own group."""
    return [[index] for index in range(len(candidates))]
