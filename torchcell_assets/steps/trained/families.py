"""One cell of the grid: a family of models on one representation of one subset, in four aggregations.

Belongs here: the list of families, cross-validation inside train, and what a fitted cell hands over. Does not: fitting a single
candidate (estimators.py), the candidates (grids.py), which of them wins (search.py), scores (scores.py), files (model_store.py).
"""

import contextlib
import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.permuted import has_control, permuted
from torchcell_assets.steps.representations.table import GeneEmbedding, Matrix
from torchcell_assets.steps.trained import estimators
from torchcell_assets.steps.trained.features import AGGREGATIONS, aggregate, genes_of, incidence
from torchcell_assets.steps.trained.grids import GRIDS, Candidate, Grid
from torchcell_assets.steps.trained.predictions import prediction_table, split_mask
from torchcell_assets.steps.trained.search import choose
from torchcell_assets.steps.trained.splits import fold_of

Tick = Callable[[int, int, str], None]
"""Called as tick(done, total, text)."""

ALIASES = {"intact_sum": "pert_sum"}
"""Aggregations that are the same features up to sign and a constant (features.py)."""

SAMPLES = 5
"""Training samples beside the whole: each lacks one fifth of the gene sets. How far their scores differ tells how far a score
depends on which genotypes were there to train on, at any size; samples without overlap would need six times the genotypes."""


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
    controls: columns of `Prediction`: `test` by the same candidate, fitted on each of SAMPLES smaller training samples; and,
        where the representation has one, all but `train` by its control, the permuted vectors.
    search: one row per candidate, mean over folds; undefined correlations are null.
    missing: genes of the rows that the representation lacks; `genotypes_with_missing` counts their rows.
    """

    family: str
    aggregation: str
    features: str
    pipeline: Any
    parameters: Candidate
    predictions: pl.DataFrame
    controls: pl.DataFrame
    search: pl.DataFrame
    missing: list[str]
    genotypes_with_missing: int
    seconds: float


def fit_aggregations(
    rows: pl.DataFrame,
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

        done[aggregation] = fit_cell(rows, embedding, family, grid, aggregation, seed=seed, threads=threads, tick=part)
    return list(done.values())


def fit_cell(
    rows: pl.DataFrame,
    embedding: GeneEmbedding,
    family: str,
    grid: str | Grid,
    aggregation: str,
    *,
    seed: int = 0,
    threads: int = 1,
    tick: Tick | None = None,
) -> Fitted:
    """Choose a candidate by cross-validation inside train, refit it on train, predict every row; and fit its controls.

    rows: from `rows_to_predict`.
    family: a key of FAMILIES. grid: a key of GRIDS, or a grid. aggregation: one of AGGREGATIONS.
    threads: fits that run side by side; linear algebra stays on one thread, so that two levels of threads do not fight
        and the result is the same at any number.
    The candidate that is best by what the grid chooses by wins (search.py).
    """
    start = time.perf_counter()
    chosen_family, chosen_grid = _family(family), _grid(grid)
    candidates = chosen_grid.candidates[family]
    where = f"{family} on {embedding.key}, {aggregation}"
    lacking = incidence(genes_of(rows["genes"].to_list()), embedding.genes)
    X, train = aggregate(lacking, embedding, aggregation), split_mask(rows, "train")
    y, genes = rows["value"].to_numpy()[train], rows["genes"].to_numpy()[train]
    XT, XR = X[train], X[~train]
    folds, fifths = fold_of(genes, chosen_grid.folds, seed), fold_of(genes, SAMPLES, seed)
    if len(np.unique(folds)) < 2:
        raise TrainingError(f"{train.sum()} training genotypes are too few for cross-validation: take a larger size.")
    tasks = [(fold, group) for fold in np.unique(folds) for group in chosen_family.groups(candidates)]
    parts = [np.flatnonzero(fifths != fifth) for fifth in np.unique(fifths)]
    shuffled = has_control(embedding.key)
    total = len(tasks) + 1 + len(parts) + shuffled
    step = itertools.count(1)

    def side_by_side(work: Callable[..., np.ndarray], each: Sequence[tuple]) -> Iterator[np.ndarray]:
        from joblib import Parallel, delayed

        for made in Parallel(n_jobs=threads, backend="threading", return_as="generator")(
            delayed(work)(*e) for e in each
        ):
            if tick:
                tick(next(step), total, where)
            yield made

    def scan(fold: int, group: list[int]) -> np.ndarray:
        held = folds == fold
        return chosen_family.scan([candidates[i] for i in group], XT[~held], y[~held], XT[held], seed)

    def predicted_by(XF: Matrix, y: np.ndarray, X: Matrix) -> np.ndarray:
        return chosen_family.fit(best, XF, y, seed, 1).predict(X)

    with _calm():
        held_out = np.full((len(y), len(candidates)), np.nan)
        for (fold, group), predicted in zip(tasks, side_by_side(scan, tasks), strict=True):
            held_out[np.ix_(folds == fold, group)] = predicted
        found = choose(
            candidates, folds, y, held_out, by=chosen_grid.choose_by, warning=chosen_grid.warnings.get(family)
        )
        best = candidates[found.best]
        pipeline = chosen_family.fit(best, XT, y, seed, threads)
        everything = np.empty(rows.height)
        everything[train], everything[~train] = held_out[:, found.best], pipeline.predict(XR)
        if tick:
            tick(next(step), total, where)
        test, rest = rows.filter(split_mask(rows, "test")), rows.filter(~train)
        XE = X[split_mask(rows, "test")]
        samples = side_by_side(predicted_by, [(XT[part], y[part], XE) for part in parts])
        controls = [prediction_table(test, p, family, aggregation, sample=i) for i, p in enumerate(samples, start=1)]
        if shuffled:
            XP = aggregate(lacking, permuted(embedding, seed), aggregation)
            [predicted] = side_by_side(predicted_by, [(XP[train], y, XP[~train])])
            controls.append(prediction_table(rest, predicted, family, aggregation, permuted=True))
    return Fitted(
        family=family,
        aggregation=aggregation,
        features=aggregation,
        pipeline=pipeline,
        parameters=best,
        predictions=prediction_table(rows, everything, family, aggregation),
        controls=pl.concat(controls),
        search=found.table,
        missing=lacking.missing,
        genotypes_with_missing=lacking.genotypes_with_missing,
        seconds=time.perf_counter() - start,
    )


def alias_of(fitted: Fitted, aggregation: str) -> Fitted:
    """The same model under the name of an aggregation that is provably the same features to it."""
    named = pl.lit(aggregation).alias("aggregation")
    return replace(
        fitted,
        aggregation=aggregation,
        predictions=fitted.predictions.with_columns(named),
        controls=fitted.controls.with_columns(named),
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
