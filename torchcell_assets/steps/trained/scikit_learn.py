"""The trainer of the families that scikit-learn fits: elastic net, support vector regression, random forest.

Belongs here: threads, and what scikit-learn says of itself. Does not: fitting a single candidate (estimators.py), which rows each
fit sees (cross_validation.py), what is stored of a cell (aggregated.py).

A fit takes seconds, so that nothing is saved in between: a training that was killed begins anew.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchcell_assets.steps.representations.table import Matrix
from torchcell_assets.steps.trained import estimators
from torchcell_assets.steps.trained.aggregated import hand_over
from torchcell_assets.steps.trained.checkpoints import Checkpoints
from torchcell_assets.steps.trained.cross_validation import (
    FittedAggregation,
    SideBySide,
    fit_aggregation,
    fit_aggregations,
)
from torchcell_assets.steps.trained.design import Design
from torchcell_assets.steps.trained.grids import Candidate
from torchcell_assets.steps.trained.trainer import Config, Fitted, Inputs, Samples


@dataclass(frozen=True)
class ScikitLearn:
    """One of the families, as a trainer.

    scan: what several candidates say of held-out rows. fit: one candidate, as a pipeline. groups: candidates that share work.
    aliases: true if the family provably predicts the same from the aggregations in ALIASES; trees do not, because
        ties between splits fall differently.
    """

    scan: Callable[[Sequence[Candidate], Matrix, np.ndarray, Matrix, int], np.ndarray]
    fit_one: Callable[[Candidate, Matrix, np.ndarray, int, int], Any]
    groups: Callable[[Sequence[Candidate]], list[list[int]]]
    aliases: bool

    def fit(self, samples: Samples, inputs: Inputs, config: Config, checkpoints: Checkpoints) -> Fitted:
        """Train all aggregations of all targets. `checkpoints` are not used."""
        parts = [
            part
            for target, rows in samples.items()
            for part in fit_aggregations(
                rows, inputs.embedding, target, config, self.fit_aggregation, aliases=self.aliases
            )
        ]
        return hand_over(parts, samples, inputs, config)

    def fit_aggregation(self, design: Design, config: Config) -> FittedAggregation:
        """One aggregation.

        `config.threads` fits run side by side; linear algebra stays on one thread, so that two levels of threads do not fight
        and the result is the same at any number.
        """
        with _quiet_on_one_blas_thread():
            return fit_aggregation(design, config, _Estimator(self, config), _threads(config.threads))


@dataclass(frozen=True)
class _Estimator:
    """A family with the seed and the threads of one training."""

    family: ScikitLearn
    config: Config

    def groups(self, candidates: Sequence[Candidate]) -> list[list[int]]:
        return self.family.groups(candidates)

    def scan(self, design: Design, candidates: Sequence[Candidate], those: np.ndarray, held: np.ndarray) -> np.ndarray:
        return self.family.scan(candidates, design.X[those], design.y[those], design.X[held], self.config.seed)

    def fit(self, design: Design, X: Matrix, candidate: Candidate, those: np.ndarray, *, alone: bool = False) -> Any:
        threads = self.config.threads if alone else 1
        return self.family.fit_one(candidate, X[those], design.y[those], self.config.seed, threads)


ELASTIC_NET = ScikitLearn(
    estimators.elastic_net_scan, estimators.elastic_net_fit, estimators.by("l1_ratio"), aliases=True
)
SUPPORT_VECTOR = ScikitLearn(
    estimators.support_vector_scan,
    estimators.support_vector_fit,
    estimators.by("kernel", "gamma", "relative_gamma"),
    aliases=True,
)
RANDOM_FOREST = ScikitLearn(
    estimators.random_forest_scan, estimators.random_forest_fit, estimators.singly, aliases=False
)


def _threads(count: int) -> SideBySide:
    def side_by_side(work: Callable[..., np.ndarray], each: Sequence[tuple]) -> Iterator[np.ndarray]:
        from joblib import Parallel, delayed

        yield from Parallel(n_jobs=count, backend="threading", return_as="generator")(delayed(work)(*e) for e in each)

    return side_by_side


@contextlib.contextmanager
def _quiet_on_one_blas_thread() -> Iterator[None]:
    """Silence is kept on two things that are no news.

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
