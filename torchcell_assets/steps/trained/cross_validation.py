"""One model on one aggregation of gene vectors: a candidate is chosen inside train, fitted on train, and held against controls.

Belongs here: out-of-fold predictions, the smaller samples, the permuted vectors, aliases. Does not: rows and features
(design.py), how a candidate is fitted (an Estimator: scikit_learn.py, torch_trainer.py), which candidates there are (grids.py),
which wins (search.py), files (model_store.py).
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.permuted import has_control
from torchcell_assets.steps.representations.table import GeneEmbedding, Matrix
from torchcell_assets.steps.trained.design import Design
from torchcell_assets.steps.trained.features import AGGREGATIONS
from torchcell_assets.steps.trained.grids import Candidate
from torchcell_assets.steps.trained.predictions import prediction_table
from torchcell_assets.steps.trained.search import choose
from torchcell_assets.steps.trained.trainer import Config

ALIASES = {"intact_sum": "pert_sum"}
"""Aggregations that are the same features up to sign and a constant (features.py)."""

SideBySide = Callable[[Callable[..., np.ndarray], Sequence[tuple]], Iterable[np.ndarray]]
"""Gives work(*each) of every one of them, in their order."""


class Predictor(Protocol):
    """A fitted model."""

    def predict(self, X: Matrix) -> np.ndarray:
        """One number per row of X."""
        ...


class Estimator(Protocol):
    """How a family fits. Arrays named `those` and `held` are booleans over the rows of the design."""

    def groups(self, candidates: Sequence[Candidate]) -> list[list[int]]:
        """Candidates, as indices, that are tried together on one fold."""
        ...

    def scan(self, design: Design, candidates: Sequence[Candidate], those: np.ndarray, held: np.ndarray) -> np.ndarray:
        """What each candidate, fitted on `those`, says of `held`: held rows x candidates."""
        ...

    def fit(
        self, design: Design, X: Matrix, candidate: Candidate, those: np.ndarray, *, alone: bool = False
    ) -> Predictor:
        """One candidate. X: features of all rows, of the design or permuted. alone: no other fit runs beside it."""
        ...


@dataclass(frozen=True)
class FittedAggregation:
    """What cross-validation of one family on one representation and one aggregation gives.

    features: the aggregation whose features `model` reads; differs from `aggregation` for an alias.
    model: fitted on all of train.
    parameters: the chosen candidate.
    predictions: columns of `Prediction`; `train` out of fold, by the chosen candidate.
    controls: columns of `Prediction`: `test` by the same candidate, fitted on each of SAMPLES smaller training samples; and,
        where the representation has one, all but `train` by its control, the permuted vectors.
    search: one row per candidate, mean over folds; undefined correlations are null.
    missing: genes of the rows that the representation lacks; `genotypes_with_missing` counts their rows.
    """

    family: str
    target: str
    aggregation: str
    features: str
    model: Any
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
    target: str,
    config: Config,
    fit: Callable[[Design, Config], FittedAggregation],
    *,
    aliases: bool,
    aggregations: Sequence[str] = AGGREGATIONS,
) -> list[FittedAggregation]:
    """All aggregations of one target; what is provably the same is fitted once and handed over under both names.

    rows: from `rows_to_predict`. fit: `fit_aggregation` with an estimator. aliases: whether ALIASES hold for the family.
    """
    done: dict[str, FittedAggregation] = {}
    for number, aggregation in enumerate(aggregations):
        same = done.get(ALIASES.get(aggregation, ""))
        if aliases and same is not None:
            done[aggregation] = alias_of(same, aggregation)
            continue

        def part(step: int, steps: int, text: str, number: int = number) -> None:
            if config.tick:
                config.tick(number * steps + step, len(aggregations) * steps, text)

        told = replace(config, tick=part)
        done[aggregation] = fit(Design.of(rows, embedding, target, aggregation, config), told)
    return list(done.values())


def fit_aggregation(
    design: Design, config: Config, estimator: Estimator, side_by_side: SideBySide
) -> FittedAggregation:
    """Choose a candidate by cross-validation inside train, refit it on train, predict every row; and fit its controls.

    The candidate that is best by what the config chooses by wins (search.py).
    """
    start = time.perf_counter()
    run = _told(design, config, estimator, side_by_side)
    held_out = _out_of_fold(design, config, estimator, run)
    train = design.train
    found = choose(
        config.candidates,
        design.fold[train],
        design.y[train],
        held_out,
        by=config.choose_by,
        warning=config.warning,
    )
    best = config.candidates[found.best]
    model: Any = None

    def whole() -> np.ndarray:
        nonlocal model
        model = estimator.fit(design, design.X, best, train, alone=True)
        return model.predict(design.X[~train])

    predicted = np.empty(len(design.y))
    predicted[train] = held_out[:, found.best]
    [predicted[~train]] = run(whole, [()], alone=True)
    return FittedAggregation(
        family=config.family,
        target=design.target,
        aggregation=design.aggregation,
        features=design.aggregation,
        model=model,
        parameters=best,
        predictions=_table(design, config)(design.rows, predicted),
        controls=_controls(design, config, estimator, best, run),
        search=found.table,
        missing=design.incidence.missing,
        genotypes_with_missing=design.incidence.genotypes_with_missing,
        seconds=time.perf_counter() - start,
    )


Run = Callable[..., Iterator[np.ndarray]]


def _told(design: Design, config: Config, estimator: Estimator, side_by_side: SideBySide) -> Run:
    """`side_by_side`, or one after the other, with a tick after each of all fits of an aggregation."""
    folds = len(np.unique(design.fold[design.train]))
    total = (
        folds * len(estimator.groups(config.candidates)) + 1 + len(_fifths(design)) + has_control(design.embedding.key)
    )
    step = itertools.count(1)
    where = f"{config.family} on {design.embedding.key}, {design.aggregation}"

    def run(work: Callable[..., np.ndarray], each: Sequence[tuple], *, alone: bool = False) -> Iterator[np.ndarray]:
        for made in itertools.starmap(work, each) if alone else side_by_side(work, each):
            if config.tick:
                config.tick(next(step), total, where)
            yield made

    return run


def _fifths(design: Design) -> list[np.ndarray]:
    """The smaller samples: rows of train without one fifth of its gene sets."""
    numbers = np.unique(design.fifth[design.train])
    return [design.train & (design.fifth != number) for number in numbers]


def _out_of_fold(design: Design, config: Config, estimator: Estimator, run: Run) -> np.ndarray:
    """What each candidate says of each training row, fitted on the other folds: training rows x candidates."""
    train = design.train
    groups = estimator.groups(config.candidates)
    tasks = [(fold, group) for fold in np.unique(design.fold[train]) for group in groups]

    def scan(fold: int, group: list[int]) -> np.ndarray:
        held = train & (design.fold == fold)
        return estimator.scan(design, [config.candidates[i] for i in group], train & ~held, held)

    held_out = np.full((int(train.sum()), len(config.candidates)), np.nan)
    for (fold, group), predicted in zip(tasks, run(scan, tasks), strict=True):
        held_out[np.ix_(design.fold[train] == fold, group)] = predicted
    return held_out


def _controls(design: Design, config: Config, estimator: Estimator, best: Candidate, run: Run) -> pl.DataFrame:
    """The chosen candidate on smaller samples and on permuted vectors."""
    test, rest = design.rows.filter(design.test), design.rows.filter(~design.train)

    def predicted_by(X: Matrix, those: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return estimator.fit(design, X, best, those).predict(X[wanted])

    table = _table(design, config)
    samples = run(predicted_by, [(design.X, those, design.test) for those in _fifths(design)])
    tables = [table(test, p, sample=i) for i, p in enumerate(samples, start=1)]
    if has_control(design.embedding.key):
        [predicted] = run(predicted_by, [(design.permuted(config.seed), design.train, ~design.train)])
        tables.append(table(rest, predicted, permuted=True))
    return pl.concat(tables)


def _table(design: Design, config: Config) -> Callable[..., pl.DataFrame]:
    """`prediction_table` of what is fitted."""
    return partial(prediction_table, model=config.family, aggregation=design.aggregation, target=design.target)


def alias_of(fitted: FittedAggregation, aggregation: str) -> FittedAggregation:
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
