"""One cell of the grid: a family of models on one representation of one subset, in four aggregations.

Belongs here: the list of families, choosing a candidate by cross-validation inside train, and what a fitted cell hands
over. Does not: fitting a single candidate (estimators.py), the candidates (grids.py), scores with their intervals
(scores.py), files (model_store.py).
"""

import contextlib
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.table import GeneEmbedding, Matrix
from torchcell_assets.steps.trained import estimators
from torchcell_assets.steps.trained.features import AGGREGATIONS, aggregate, genes_of, incidence
from torchcell_assets.steps.trained.grids import GRIDS, Candidate, Grid
from torchcell_assets.steps.trained.predictions import (
    check_subset,
    pearson,
    prediction_table,
    rmse,
    spearman,
    split_mask,
)
from torchcell_assets.steps.trained.splits import fold_of

Tick = Callable[[int, int, str], None]
"""Called as tick(done, total, text)."""

ALIASES = {"intact_sum": "pert_sum"}
"""Aggregations that are the same features up to sign and a constant (features.py)."""


class TrainingError(TorchcellError):
    """A model cannot be trained."""


@dataclass(frozen=True)
class Family:
    """One family of models.

    aliases: true if the family provably predicts the same from the aggregations in ALIASES; trees do not, because
        ties between splits fall differently.
    """

    name: str
    title: str
    scan: Callable[[Sequence[Candidate], Matrix, np.ndarray, Matrix, int], np.ndarray]
    fit: Callable[[Candidate, Matrix, np.ndarray, int, int], Any]
    groups: Callable[[Sequence[Candidate]], list[list[int]]]
    aliases: bool


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "elastic_net",
            "Elastic net",
            estimators.elastic_net_scan,
            estimators.elastic_net_fit,
            estimators.by("l1_ratio"),
            aliases=True,
        ),
        Family(
            "support_vector",
            "Support vector regression",
            estimators.support_vector_scan,
            estimators.support_vector_fit,
            estimators.by("kernel", "gamma", "relative_gamma"),
            aliases=True,
        ),
        Family(
            "random_forest",
            "Random forest",
            estimators.random_forest_scan,
            estimators.random_forest_fit,
            estimators.singly,
            aliases=False,
        ),
    )
}


@dataclass(frozen=True)
class Fitted:
    """What training one family on one representation and one aggregation gives.

    features: the aggregation whose features `pipeline` reads; differs from `aggregation` for an alias.
    pipeline: a scikit-learn Pipeline, fitted on all of train.
    parameters: the chosen candidate.
    predictions: columns of `Prediction`; `train` out of fold, by the chosen candidate.
    search: one row per candidate, mean over folds; undefined correlations are null.
    missing: genes of the subset that the representation lacks; `genotypes_with_missing` counts their genotypes.
    """

    family: str
    aggregation: str
    features: str
    pipeline: Any
    parameters: Candidate
    predictions: pl.DataFrame
    search: pl.DataFrame
    missing: list[str]
    genotypes_with_missing: int
    seconds: float


def fit_aggregations(
    subset: pl.DataFrame,
    embedding: GeneEmbedding,
    family: str,
    grid: str | Grid,
    *,
    seed: int = 0,
    threads: int = 1,
    tick: Tick | None = None,
    aggregations: Sequence[str] = AGGREGATIONS,
) -> list[Fitted]:
    """All aggregations of one cell; what is provably the same is fitted once and handed over under both names."""
    done: dict[str, Fitted] = {}
    for number, aggregation in enumerate(aggregations):
        same = done.get(ALIASES.get(aggregation, ""))
        if FAMILIES[family].aliases and same is not None:
            done[aggregation] = alias_of(same, aggregation)
            continue

        def part(step: int, steps: int, text: str, number: int = number) -> None:
            if tick:
                tick(number * steps + step, len(aggregations) * steps, text)

        done[aggregation] = fit_cell(
            subset, embedding, family, grid, aggregation, seed=seed, threads=threads, tick=part
        )
    return list(done.values())


def fit_cell(
    subset: pl.DataFrame,
    embedding: GeneEmbedding,
    family: str,
    grid: str | Grid,
    aggregation: str,
    *,
    seed: int = 0,
    threads: int = 1,
    tick: Tick | None = None,
) -> Fitted:
    """Choose a candidate by cross-validation inside train, refit it on train, predict every genotype.

    subset: MergedFitness with `rank` and `split`; one row per genotype.
    family: a key of FAMILIES. grid: a key of GRIDS, or a grid. aggregation: one of AGGREGATIONS.
    threads: fits that run side by side; linear algebra stays on one thread, so that two levels of threads do not fight
        and the result is the same at any number.
    The candidate with the best mean Spearman over the folds wins; ties go to Pearson, then to RMSE.
    """
    from joblib import Parallel, delayed

    start = time.perf_counter()
    chosen_family, chosen_grid = _family(family), _grid(grid)
    check_subset(subset)
    candidates = chosen_grid.candidates[family]
    where = f"{family} on {embedding.key}, {aggregation}"
    with _calm():
        lacking = incidence(genes_of(subset["genes"].to_list()), embedding.genes)
        X = aggregate(lacking, embedding, aggregation)
        train = split_mask(subset, "train")
        y = subset["value"].to_numpy()[train]
        XT = X[train]
        folds = fold_of(subset["genes"].to_numpy()[train], chosen_grid.folds, seed)
        if len(np.unique(folds)) < 2:
            raise TrainingError(
                f"{train.sum()} training genotypes are too few for cross-validation: take a larger size."
            )
        tasks = [(fold, group) for fold in np.unique(folds) for group in chosen_family.groups(candidates)]

        def scan(fold: int, group: list[int]) -> np.ndarray:
            held = folds == fold
            return chosen_family.scan([candidates[i] for i in group], XT[~held], y[~held], XT[held], seed)

        held_out = np.full((len(y), len(candidates)), np.nan)
        results = Parallel(n_jobs=threads, backend="threading", return_as="generator")(delayed(scan)(*t) for t in tasks)
        for done, ((fold, group), predicted) in enumerate(zip(tasks, results, strict=True), start=1):
            held_out[np.ix_(folds == fold, group)] = predicted
            if tick:
                tick(done, len(tasks) + 1, where)
        search, best = _choose(candidates, folds, y, held_out, chosen_grid.warnings.get(family))
        pipeline = chosen_family.fit(candidates[best], XT, y, seed, threads)
        predicted = np.empty(subset.height)
        predicted[train] = held_out[:, best]
        predicted[~train] = pipeline.predict(X[~train])
    if tick:
        tick(len(tasks) + 1, len(tasks) + 1, where)
    return Fitted(
        family=family,
        aggregation=aggregation,
        features=aggregation,
        pipeline=pipeline,
        parameters=candidates[best],
        predictions=prediction_table(subset, predicted, family, aggregation),
        search=search,
        missing=lacking.missing,
        genotypes_with_missing=lacking.genotypes_with_missing,
        seconds=time.perf_counter() - start,
    )


def alias_of(fitted: Fitted, aggregation: str) -> Fitted:
    """The same model under the name of an aggregation that is provably the same features to it."""
    return replace(
        fitted,
        aggregation=aggregation,
        predictions=fitted.predictions.with_columns(pl.lit(aggregation).alias("aggregation")),
        search=fitted.search.with_columns(pl.lit(fitted.aggregation).alias("alias_of")),
        seconds=0.0,
    )


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """One thread for linear algebra, and silence on two things that are no news.

    They are last digits that have not settled (the folds show the cost), and a complaint of scikit-learn about its own
    threads: each of its tasks swaps the process-wide warning filters, and two at once leave them empty, after which it
    finds them missing and says so for every tree. A filter cannot stop that, as it is the filters that get lost; what
    shows warnings is not lost. On leaving, both are as before.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if not (issubclass(category, ConvergenceWarning) or "sklearn.utils.parallel.delayed" in str(message)):
                shown(message, category, *where)

        warnings.showwarning = show  # type: ignore[assignment]
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _choose(
    candidates: Sequence[Candidate], folds: np.ndarray, y: np.ndarray, held_out: np.ndarray, warning: str | None
) -> tuple[pl.DataFrame, int]:
    """The search table and the index of the winner."""

    def mean(measure: Callable[[np.ndarray, np.ndarray], float | None], column: np.ndarray) -> float | None:
        values = [measure(column[folds == fold], y[folds == fold]) for fold in np.unique(folds)]
        defined = [value for value in values if value is not None]
        return float(np.mean(defined)) if len(defined) == len(values) else None

    scores = [{m.__name__: mean(m, column) for m in (spearman, pearson, rmse)} for column in held_out.T]

    def rank(index: int) -> tuple[float, float, float]:
        def of(name: str) -> float:
            value = scores[index][name]
            return -np.inf if value is None else round(value, 9)  # beyond that it is the order of summation

        return of("spearman"), of("pearson"), -of("rmse")

    best = max(range(len(candidates)), key=rank)
    types = {"candidate": pl.UInt32, "parameters": pl.String, "spearman": pl.Float64, "pearson": pl.Float64}
    types |= {"rmse": pl.Float64, "chosen": pl.Boolean, "alias_of": pl.String, "warning": pl.String}
    rows = [
        {
            "candidate": i,
            "parameters": json.dumps(c),
            **scores[i],
            "chosen": i == best,
            "alias_of": None,
            "warning": warning,
        }
        for i, c in enumerate(candidates)
    ]
    return pl.DataFrame(rows, schema=types), best


def _family(name: str) -> Family:
    if name not in FAMILIES:
        raise TrainingError(f"There is no model family {name!r}: use one of {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def _grid(grid: str | Grid) -> Grid:
    if isinstance(grid, Grid):
        return grid
    if grid not in GRIDS:
        raise TrainingError(f"There is no grid {grid!r}: use one of {', '.join(GRIDS)}.")
    return GRIDS[grid]
