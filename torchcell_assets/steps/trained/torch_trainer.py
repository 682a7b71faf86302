"""The trainer of the linear model in torch: the smallest one with checkpoints, early stopping and a GPU.

Belongs here: scaling, what each fit of the cross-validation is called. Does not: the descent (torch_linear.py), which rows each
fit sees (cross_validation.py).
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from torchcell_assets.steps.representations.table import Matrix
from torchcell_assets.steps.trained import torch_linear
from torchcell_assets.steps.trained.aggregated import hand_over
from torchcell_assets.steps.trained.checkpoints import Checkpoints
from torchcell_assets.steps.trained.cross_validation import (
    FittedAggregation,
    fit_aggregation,
    fit_aggregations,
)
from torchcell_assets.steps.trained.design import Design
from torchcell_assets.steps.trained.estimators import scaler, singly
from torchcell_assets.steps.trained.grids import Candidate
from torchcell_assets.steps.trained.linear_model import LinearModel
from torchcell_assets.steps.trained.trainer import Config, Fitted, Inputs, Samples


@dataclass(frozen=True)
class TorchLinear:
    """All aggregations of all targets, one fit after the other, each with a checkpoint."""

    def fit(self, samples: Samples, inputs: Inputs, config: Config, checkpoints: Checkpoints) -> Fitted:
        """Train; every fit stops by the genotypes of `validation`."""

        def fit_one(design: Design, told: Config) -> FittedAggregation:
            return fit_aggregation(design, told, _Estimator(config, checkpoints), itertools.starmap)

        parts = [
            part
            for target, rows in samples.items()
            for part in fit_aggregations(rows, inputs.embedding, target, config, fit_one, aliases=True)
        ]
        return hand_over(parts, samples, inputs, config)


@dataclass(frozen=True)
class _Estimator:
    config: Config
    checkpoints: Checkpoints

    def groups(self, candidates: Sequence[Candidate]) -> list[list[int]]:
        return singly(candidates)

    def scan(self, design: Design, candidates: Sequence[Candidate], those: np.ndarray, held: np.ndarray) -> np.ndarray:
        fits = [self.fit(design, design.X, candidate, those) for candidate in candidates]
        return np.column_stack([fitted.predict(design.X[held]) for fitted in fits])

    def fit(
        self, design: Design, X: Matrix, candidate: Candidate, those: np.ndarray, *, alone: bool = False
    ) -> LinearModel:
        """Fitted on scaled features; the weights that are given are those of the features as they are."""
        scale = scaler(X).fit(X[those])
        width = np.asarray(scale.scale_, dtype=np.float64)
        seen = _seen(X[those])

        def rows(which: np.ndarray) -> torch_linear.Rows:
            scaled = scale.transform(X[which])[:, seen]
            return torch_linear.Rows(scaled.toarray() if sp.issparse(scaled) else scaled, design.y[which])

        fitted = torch_linear.fit(
            rows(those),
            rows(design.validation),
            torch_linear.Settings(**candidate),
            seed=self.config.seed,
            device=self.config.device,
            checkpoints=self.checkpoints,
            name=self._name(design, X is design.X, candidate, those),
        )
        weight = np.zeros(X.shape[1])
        weight[seen] = fitted.weight / width[seen]
        middle = np.zeros(len(weight)) if sp.issparse(X) else np.asarray(scale.mean_)
        return LinearModel(weight, fitted.intercept - float(middle @ weight))

    def _name(self, design: Design, own: bool, candidate: Candidate, those: np.ndarray) -> str:
        """Of one fit among all of a training: what is fitted, by which rows, with which candidate."""
        which = hashlib.sha256(np.packbits(those).tobytes() + json.dumps(candidate, sort_keys=True).encode())
        return f"{design.target}.{design.aggregation}.{'own' if own else 'permuted'}.{which.hexdigest()[:12]}"


def _seen(X: Matrix) -> Any:
    """Columns that a fit can learn of: in a sparse matrix those in which something stands."""
    return np.flatnonzero(abs(X).sum(axis=0)) if sp.issparse(X) else np.arange(X.shape[1])
