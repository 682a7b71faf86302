"""Features of genotypes, refits with hyper-parameters that were chosen, and the baselines, in plain scikit-learn.

Belongs here: what a cell or a baseline predicts. Does not: choosing hyper-parameters, scores (scores.py).

A genotype is a dictionary with `genes` (a list), `order`, `query`, `value`, `split`; predictions come in the order of the rows.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import SVR

from . import vectors
from .samples import SEED

Row = Mapping[str, object]
SPARSE = ("one_hot", "chromosome_pathway")
"""Representations whose zeros stay zeros when they are scaled."""
FLOOR = 0.05
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def folds(rows: Sequence[Row], count: int) -> np.ndarray:
    """Fold of each gene set, by its hash."""
    texts = (f"fold:{SEED}:{'+'.join(row['genes'])}" for row in rows)
    return np.array([int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) % count for text in texts])


def features(rows: Sequence[Row], key: str, aggregation: str) -> np.ndarray:
    """Genotypes x (dimension + 1): sum or mean of the vectors of the deleted genes; the last column is their number.

    A gene without a vector has zeros where those are sparse, elsewhere the mean vector.
    """
    of, place = vectors.of(key).astype(np.float32).astype(float), {name: at for at, name in enumerate(vectors.names())}
    unknown = np.zeros(of.shape[1]) if key in SPARSE else of.mean(axis=0)
    lacking = [[of[place[gene]] if gene in place else unknown for gene in row["genes"]] for row in rows]
    combine = {"pert_sum": np.sum, "pert_mean": np.mean}[aggregation]
    return np.array([[*combine(each, axis=0), len(each)] for each in lacking])


def _fitted(
    family: str, chosen: Mapping[str, object], X: np.ndarray, y: np.ndarray, Z: np.ndarray, sparse: bool
) -> np.ndarray:
    """Predictions for Z of one family fitted to scaled X, y."""
    if family == "elastic_net":
        steepest = np.abs(X[:, :-1].T @ (y - y.mean())).max() / (len(y) * chosen["l1_ratio"])
        alpha = chosen["relative_alpha"] * max(steepest, 1e-9)
        model = ElasticNet(alpha=alpha, l1_ratio=chosen["l1_ratio"], max_iter=20000, tol=1e-6)
    elif family == "support_vector":
        gamma = chosen["relative_gamma"] / X.var(axis=0).sum()
        C = chosen["relative_C"] / chosen["relative_gamma"]
        model = SVR(kernel="rbf", gamma=gamma, C=C, epsilon=chosen["epsilon"])
    else:
        model = RandomForestRegressor(**chosen, random_state=SEED)
        if sparse:  # trees draw other random numbers for dense features
            X, Z = csr_matrix(X), csr_matrix(Z)
    return model.fit(X, y).predict(Z)


def refit(
    rows: Sequence[Row], family: str, key: str, aggregation: str, chosen: Mapping[str, object], count: int
) -> np.ndarray:
    """What a cell predicts: training rows out of fold (`count` folds), all others by the fit on all of train."""
    X, y = features(rows, key, aggregation), np.array([row["value"] for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    fold = np.where(train, folds(rows, count), -1)
    predicted = np.empty(len(y))
    for held in sorted(set(fold)):
        to_fit, asked = train & (fold != held), fold == held
        scale = (MaxAbsScaler if key in SPARSE else StandardScaler)().fit(X[to_fit])
        varies = np.ptp(X[to_fit], axis=0) > 0 if family == "random_forest" and key in SPARSE else slice(None)
        known, unknown = scale.transform(X[to_fit])[:, varies], scale.transform(X[asked])[:, varies]
        predicted[asked] = _fitted(family, chosen, known, y[to_fit], unknown, sparse=key in SPARSE)
    return predicted


# ---- baselines ---------------------------------------------------------------------------------------------------------


def _mean(values: Sequence[float], otherwise: float) -> float:
    return float(np.mean(values)) if len(values) else otherwise


def product_of_singles(rows: Sequence[Row], singles: Mapping[str, float]) -> np.ndarray:
    """Product over the deleted genes; 1 for a gene without a single and for every single mutant."""
    return np.array(
        [np.prod([singles.get(gene, 1.0) for gene in row["genes"]]) if row["order"] > 1 else 1.0 for row in rows]
    )


def own_singles(rows: Sequence[Row]) -> dict[str, float]:
    """Gene -> mean of the single mutants in train."""
    found = defaultdict(list)
    for row in rows:
        if row["split"] == "train" and row["order"] == 1:
            found[row["genes"][0]].append(row["value"])
    return {gene: float(np.mean(values)) for gene, values in found.items()}


def additive_ridge(rows: Sequence[Row], target: np.ndarray) -> np.ndarray:
    """One effect per gene plus one per deletion; the penalty has the least squared error over five folds of train."""
    column = {gene: at for at, gene in enumerate(sorted({gene for row in rows for gene in row["genes"]}))}
    X = np.zeros((len(rows), len(column) + 1))
    for at, row in enumerate(rows):
        X[at, [column[gene] for gene in row["genes"]]] = 1
        X[at, -1] = len(row["genes"])
    train = np.array([row["split"] == "train" for row in rows])
    fold = np.where(train, folds(rows, 5), -1)

    def predict(penalty: float, held: int) -> np.ndarray:
        to_fit = train & (fold != held)
        used = X[to_fit].any(axis=0)  # a gene that no training genotype lacks has no effect
        model = Ridge(alpha=penalty, solver="cholesky").fit(X[to_fit][:, used], target[to_fit])
        return model.predict(X[fold == held][:, used])

    tried = []
    for penalty in PENALTIES:
        predicted = np.full(len(rows), np.nan)
        for held in range(5):
            predicted[fold == held] = predict(penalty, held)
        tried.append(predicted)
    best = min(range(len(PENALTIES)), key=lambda at: np.mean((tried[at] - target)[train] ** 2))
    tried[best][~train] = predict(PENALTIES[best], -1)
    return tried[best]


def query_strain(rows: Sequence[Row], fold: np.ndarray) -> np.ndarray:
    """Mean of the training crosses of the query strain in other folds; without one, that of the training rows of the order."""
    train = [at for at, row in enumerate(rows) if row["split"] == "train"]

    def mean(at: int, *names: str) -> float | None:
        own = rows[at]
        others = [i for i in train if own["split"] != "train" or fold[i] != fold[at]]
        values = [rows[i]["value"] for i in others if all(rows[i][name] == own[name] for name in names)]
        return _mean(values, np.nan)

    predicted = []
    for at, row in enumerate(rows):
        tries = (["query"] if row["query"] else [], ["order"], [])
        found = [mean(at, *names) for names in tries if names]
        known = [value for value in found if value == value]
        predicted.append(known[0] if known else mean(at))
    return np.array(predicted)


def query_x_single(rows: Sequence[Row], singles: Mapping[str, float], fold: np.ndarray) -> np.ndarray:
    """Mean of value / single over the training crosses of the query strain in other folds, times the array gene's single."""
    crosses = defaultdict(list)
    for at, row in enumerate(rows):
        if row["query"]:
            crosses[row["query"]].append(at)
    array: list[float | None] = [None] * len(rows)
    for of in crosses.values():
        shared = set.intersection(*(set(rows[at]["genes"]) for at in of))
        for at in of:
            varying = [gene for gene in rows[at]["genes"] if gene not in shared]
            array[at] = singles.get(varying[0]) if len(varying) == 1 else None
    predicted = query_strain(rows, fold)
    for of in crosses.values():
        usable = [at for at in of if rows[at]["split"] == "train" and array[at] is not None]
        for at in of:
            others = [i for i in usable if rows[at]["split"] != "train" or fold[i] != fold[at]]
            if array[at] is not None and others:
                worth = np.mean([rows[i]["value"] / max(array[i], FLOOR) for i in others])
                predicted[at] = worth * array[at]
    return predicted


def baselines(rows: Sequence[Row], singles: Mapping[str, float]) -> dict[str, np.ndarray]:
    """What every baseline predicts. singles: gene -> value, of all sizes."""
    y, fold = np.array([row["value"] for row in rows]), folds(rows, 5)
    train = np.array([row["split"] == "train" for row in rows])
    order = np.array([row["order"] for row in rows])
    mean = float(y[train].mean())
    return {
        "mean": np.full(len(y), mean),
        "mean_per_order": np.array([_mean(y[train & (order == k)], mean) for k in order]),
        "query_strain": query_strain(rows, fold),
        "query_x_single": query_x_single(rows, singles, fold),
        "product_of_singles": product_of_singles(rows, singles),
        "product_of_sample_singles": product_of_singles(rows, own_singles(rows)),
        "additive_log_ridge": np.exp(additive_ridge(rows, np.log(np.maximum(y, FLOOR)))),
        "additive_ridge": additive_ridge(rows, y),
    }
