"""The contract of a trainer: what it is given, and what it hands over.

Belongs here: the protocol and its data. Does not: which families there are (families.py), how they fit (scikit_learn.py,
torch_trainer.py), reading samples and storing a cell (training.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.table import GeneEmbedding
from torchcell_assets.steps.trained.checkpoints import Checkpoints
from torchcell_assets.steps.trained.grids import Candidate

Samples = Mapping[str, pl.DataFrame]
"""Target -> its rows, from `rows_to_predict`: the genotypes that have a value of it, their `value` and their `split`.

A trainer that fits target by target loops over them; one that learns several together joins them by genotype, whose split is the
same in all.
"""
Tick = Callable[[int, int, str], None]
"""Called as tick(done, total, text)."""


class TrainingError(TorchcellError):
    """A model cannot be trained."""


@dataclass(frozen=True)
class Inputs:
    """What a model knows of genes, beside their names."""

    embedding: GeneEmbedding


@dataclass(frozen=True)
class Config:
    """How a family is fitted; with samples and inputs, all that decides the numbers.

    size: partition of the samples. candidates: hyper-parameters to try. folds: of the cross-validation inside train. choose_by:
    what decides among candidates, `rmse` or `spearman`. warning: what a reader of the search has to know.
    threads: fits that run side by side; device: `cpu`, `cuda`, or `auto` for a GPU where there is one. Neither decides a number
    by more than the last digits.
    """

    family: str
    size: str
    candidates: Sequence[Candidate]
    folds: int
    choose_by: str = "rmse"
    warning: str | None = None
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    tick: Tick | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Fitted:
    """What a trainer hands over, of all targets.

    predictions: columns of `Prediction`; those of `train` out of fold, controls among them.
    artefact: name of each file that keeps the models -> what writes it to a path.
    manifest: what the cell says of itself, JSON-able; `inputs` holds the content hash of everything it was trained on.
    """

    predictions: pl.DataFrame
    artefact: Mapping[str, Callable[[Path], None]]
    manifest: dict[str, Any]


class Trainer(Protocol):
    """One way of fitting models."""

    def fit(self, samples: Samples, inputs: Inputs, config: Config, checkpoints: Checkpoints) -> Fitted:
        """Train, predict every row of the samples, and hand over what is stored.

        The same samples, inputs and config give the same result, whether it was interrupted or not: what `checkpoints` hold is
        of this very training, and what it takes long to make may be saved there.
        """
        ...
