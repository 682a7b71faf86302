"""Our search of hyper-parameters beside scikit-learn's GridSearchCV over the same folds: CPU-seconds, and what each chooses.

    python benchmarks/grid_search.py DATA_ROOT [SIZE] [REPRESENTATION ...]

Both are given the rows, features, folds and candidates of a cell of the data root, and one thread. Ours gives the predictions of
all candidates out of fold, and the choice among them. GridSearchCV does not refit, and gives no predictions: those of the
candidate that it takes, which are stored, cost `cross_val_predict` once more, the second figure. A candidate that is relative to
its data is one parameter of an estimator that works it out in `fit`, as it would have to be written for GridSearchCV. Ends with 1
where a choice differs.
"""

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchcell_assets.config import layout
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import cross_validation, estimators, scikit_learn, targets
from torchcell_assets.steps.trained.design import Design
from torchcell_assets.steps.trained.families import FAMILIES
from torchcell_assets.steps.trained.grids import GRIDS, Candidate
from torchcell_assets.steps.trained.search import choose
from torchcell_assets.steps.trained.trainer import Config

TARGET, AGGREGATION, SEED = "fitness", "pert_sum", 1


class OfCandidate(RegressorMixin, BaseEstimator):
    """One family with a candidate of ours as its parameter, on scaled features."""

    def __init__(self, family: str = "", candidate: Candidate | None = None) -> None:
        self.family, self.candidate = family, candidate

    def fit(self, X: Any, y: np.ndarray) -> "OfCandidate":
        self.model_ = self._model(self.candidate or {}, X, y).fit(X, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return self.model_.predict(X)

    def _model(self, candidate: Candidate, X: Any, y: np.ndarray) -> Any:
        if self.family == "elastic_net":
            return estimators._elastic_net(candidate, estimators._alpha(candidate, X, y))
        if self.family == "support_vector":
            return estimators._support_vector(candidate, candidate["kernel"], estimators._gamma(candidate, X))
        return RandomForestRegressor(**candidate, random_state=SEED, n_jobs=1)


def ours(design: Design, config: Config) -> int:
    """The index of the candidate that our search takes."""

    def one_by_one(work: Callable[..., np.ndarray], each: list[tuple]) -> Any:
        return itertools.starmap(work, each)

    estimator = scikit_learn._Estimator(FAMILIES[config.family].trainer, config)
    held_out = cross_validation._out_of_fold(design, config, estimator, one_by_one)
    train = design.train
    return choose(config.candidates, design.fold[train], design.y[train], held_out, by=config.choose_by).best


def grid_search(design: Design, config: Config) -> int:
    """The index of the candidate that GridSearchCV takes."""
    search = GridSearchCV(
        _pipeline(design, config),
        {"model__candidate": list(config.candidates)},
        scoring="neg_root_mean_squared_error",
        cv=PredefinedSplit(design.fold[design.train]),
        refit=False,
    ).fit(design.X[design.train], design.y[design.train])
    return int(search.cv_results_["rank_test_score"].argmin())


def with_predictions(design: Design, config: Config) -> int:
    """The same, and then its predictions out of fold."""
    best = grid_search(design, config)
    pipeline = _pipeline(design, config).set_params(model__candidate=config.candidates[best])
    folds = PredefinedSplit(design.fold[design.train])
    cross_val_predict(pipeline, design.X[design.train], design.y[design.train], cv=folds)
    return best


def _pipeline(design: Design, config: Config) -> Pipeline:
    sparse = config.family == "random_forest" and hasattr(design.X, "tocsr")
    steps = [("seen", VarianceThreshold())] if sparse else []
    return Pipeline([*steps, ("scale", estimators.scaler(design.X)), ("model", OfCandidate(config.family))])


def measured(search: Callable[[Design, Config], int], design: Design, config: Config) -> tuple[int, float]:
    """What a search takes, and its CPU-seconds."""
    with scikit_learn._quiet_on_one_blas_thread():
        before = time.process_time()
        return search(design, config), time.process_time() - before


def main(root: Path, size: str = "1e3", *representations: str) -> int:
    rows = targets.read_samples(root, size, [TARGET])[TARGET]
    line = "{:<16}{:<20}{:>11}{:>8}{:>18}{:>12}  {}"
    print(line.format("family", "representation", "candidates", "ours s", "GridSearchCV s", "ratio", "choice"))
    apart = 0
    for family, key in itertools.product(
        ("elastic_net", "support_vector", "random_forest"),
        representations or ("one_hot", "codon_frequency", "random_1000"),
    ):
        config = Config(family, size, GRIDS["quick"].candidates[family], GRIDS["quick"].folds, seed=SEED)
        design = Design.of(rows, table.read(layout.embedding_file(root, key)), TARGET, AGGREGATION, config)
        searches = [measured(search, design, config) for search in (ours, grid_search, with_predictions)]
        taken, (own, search, whole) = zip(*searches, strict=True)
        same = len(set(taken)) == 1
        apart += not same
        seconds, ratio = f"{search:.2f}, {whole:.2f}", f"{search / own:.1f}, {whole / own:.1f}"
        choice = "the same" if same else " and ".join(str(config.candidates[one]) for one in taken[:2])
        print(line.format(family, key, len(config.candidates), f"{own:.2f}", seconds, ratio, choice), flush=True)
    return int(apart > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
