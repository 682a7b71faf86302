"""The interval of a prediction: how far out-of-fold predictions of like genotypes were from what was observed.

Belongs here: which genotypes are alike, the quantiles of their residuals, which of them a new genotype takes. Does not: files
(model_store.py), intervals of scores (scores.py).

Genotypes are alike in two things. Of a gene that no training genotype lacks a model knows what its vector tells, and with one-hot
vectors nothing: errors are several times larger. And a single deletion is told by one gene, a cross by a common query too. So
residuals are taken by `unseen` (in its fold, some gene of the genotype was in no genotype that the model was trained on) and by
single or more.

An interval holds for genotypes like those of the training set. Of the rare sick mutants it holds little: few residuals of a class
are theirs, and quantiles of all of them do not speak of 1 % of them.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from torchcell_assets.schema.genotype import GENE_SEPARATOR
from torchcell_assets.steps.trained.splits import fold_of

QUANTILES = (0.025, 0.975)
FEWEST_RESIDUALS = 50
"""Genotypes of one class below which a broader class gives the interval: 2.5 % of 50 is one genotype."""

POLICY = {
    "quantiles": list(QUANTILES),
    "fewest": FEWEST_RESIDUALS,
    "classes": "unseen or seen, single or more; else the wider of both",
}
"""What decides the interval of a prediction."""

EVERY = "all"
"""The class of all genotypes, which always has quantiles."""

Quantiles = dict[str, list[float]]
"""Class -> the two quantiles of observed - predicted."""


def training_genes(predictions: pl.DataFrame) -> list[str]:
    """The genes that some training genotype lacks, sorted. predictions: columns of `Prediction`."""
    genes = _train(predictions)["genes"].str.split(GENE_SEPARATOR).explode()
    return genes.unique().sort().to_list()


def quantiles_by_class(predictions: pl.DataFrame, folds: int, seed: int) -> Quantiles:
    """Quantiles of observed - predicted of the training genotypes, out of fold, by class; a class with too few has none.

    predictions: columns of `Prediction`; those of `train` out of fold. folds, seed: by which they were.
    """
    train = _train(predictions)
    fold = pl.Series("fold", fold_of(train["genes"].to_numpy(), folds, seed))
    residuals = train.select("genes", "order", residual=pl.col("observed") - pl.col("predicted"))
    rows = residuals.with_columns(fold).with_row_index("at")
    # the genotype of its own fold names a gene, so one that a single fold has is one that the others lack
    alone = pl.col("fold").n_unique().over("gene") == 1
    genes = rows.select("at", "fold", gene=pl.col("genes").str.split(GENE_SEPARATOR)).explode("gene")
    unseen = genes.with_columns(unseen=alone).group_by("at", maintain_order=True).agg(pl.col("unseen").any())["unseen"]
    classes = [
        [EVERY, *marginal_classes(order, new), exact_class(order, new)]
        for order, new in zip(rows["order"], unseen, strict=True)
    ]
    found = rows.select("residual", name=pl.Series(classes, dtype=pl.List(pl.String))).explode("name")
    return {
        str(name): np.quantile(part["residual"].to_numpy(), QUANTILES).tolist()
        for (name,), part in found.group_by("name", maintain_order=True)
        if part.height >= FEWEST_RESIDUALS or name == EVERY
    }


def marginal_classes(order: int, unseen: bool) -> tuple[str, str]:
    """The two classes that a genotype belongs to by one thing alone."""
    return "unseen" if unseen else "seen", "single" if order == 1 else "double or more"


def exact_class(order: int, unseen: bool) -> str:
    """The class of a genotype. unseen: whether some of its genes is none of the training genes."""
    return ", ".join(marginal_classes(order, unseen))


def limits(quantiles: Quantiles, orders: Sequence[int], unseen: Sequence[bool]) -> np.ndarray:
    """What is to be added to each prediction: genotypes x 2.

    Where a class has no quantiles, those of the wider of its two broader classes are taken: a seen single deletion is rare in a
    small sample, and is neither as well known as a cross of seen genes nor as unknown as an unseen one.
    """
    chosen = [_of_class(quantiles, order, new) for order, new in zip(orders, unseen, strict=True)]
    return np.array(chosen, dtype=np.float64).reshape(-1, 2)


def _of_class(quantiles: Quantiles, order: int, unseen: bool) -> list[float]:
    exact = quantiles.get(exact_class(order, unseen))
    if exact is not None:
        return exact
    broader = [quantiles[name] for name in marginal_classes(order, unseen) if name in quantiles]
    return max(broader, key=lambda ends: ends[1] - ends[0], default=quantiles[EVERY])


def _train(predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.filter(pl.col("split").cast(pl.String) == "train")
