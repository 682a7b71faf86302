"""The rows of one target and the features of one aggregation, and which of them each fit sees.

Belongs here: folds, smaller samples, features of permuted vectors. Does not: fitting (cross_validation.py), the hash by which
rows fall into folds (splits.py), how features are computed (features.py).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.permuted import permuted
from torchcell_assets.steps.representations.table import GeneEmbedding, Matrix
from torchcell_assets.steps.trained.features import Incidence, aggregate, genes_of, incidence
from torchcell_assets.steps.trained.predictions import split_mask
from torchcell_assets.steps.trained.splits import fold_of
from torchcell_assets.steps.trained.trainer import Config, TrainingError

SAMPLES = 5
"""Training samples beside the whole: each lacks one fifth of the gene sets. How far their scores differ tells how far a score
depends on which genotypes were there to train on, at any size; samples without overlap would need six times the genotypes."""


@dataclass(frozen=True)
class Design:
    """Rows, features and values of one target and aggregation, and which rows are fitted and which held out.

    X: rows x features. y: one value per row. train, validation, test: which rows, as booleans.
    fold, fifth: of each row of train, -1 for the others.
    """

    rows: pl.DataFrame
    embedding: GeneEmbedding
    incidence: Incidence
    target: str
    aggregation: str
    X: Matrix
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    fold: np.ndarray
    fifth: np.ndarray

    @classmethod
    def of(
        cls, rows: pl.DataFrame, embedding: GeneEmbedding, target: str, aggregation: str, config: Config
    ) -> "Design":
        """The design of rows from `rows_to_predict`.

        Raises:
            TrainingError: the training genotypes all fall into one fold.
        """
        lacking = incidence(genes_of(rows["genes"].to_list()), embedding.genes)
        train, validation, test = (split_mask(rows, name) for name in ("train", "validation", "test"))
        genes = rows["genes"].to_numpy()[train]

        def of_train(parts: int) -> np.ndarray:
            number = np.full(rows.height, -1)
            number[train] = fold_of(genes, parts, config.seed)
            return number

        fold = of_train(config.folds)
        if len(np.unique(fold[train])) < 2:
            raise TrainingError(
                f"{train.sum()} training genotypes are too few for cross-validation: take a larger size."
            )
        return cls(
            rows,
            embedding,
            lacking,
            target,
            aggregation,
            X=aggregate(lacking, embedding, aggregation),
            y=rows["value"].to_numpy(),
            train=train,
            validation=validation,
            test=test,
            fold=fold,
            fifth=of_train(SAMPLES),
        )

    def permuted(self, seed: int) -> Matrix:
        """Features of the same rows from the vectors of other genes."""
        return aggregate(self.incidence, permuted(self.embedding, seed), self.aggregation)
