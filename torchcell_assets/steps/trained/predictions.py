"""The table of predictions that every model and every baseline hands over.

Belongs here: its columns and the correlations of two columns of numbers. Does not: bootstrap and ceilings (scores.py).
"""

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.records import Prediction, polars_schema

NEEDED = ("genotype", "genes", "order", "value", "standard_error", "split")
"""Columns of a subset table that models read."""


class SubsetError(TorchcellError):
    """The subset table cannot be trained on."""


def check_subset(subset: pl.DataFrame) -> None:
    """Refuse a subset that lacks columns, repeats a genotype or has an empty split."""
    lacking = [name for name in NEEDED if name not in subset.columns]
    if lacking:
        raise SubsetError(f"The subset has no column {lacking[0]!r}: materialize merged/subset again.")
    if subset["genotype"].n_unique() != subset.height:
        raise SubsetError("The subset has a genotype twice: one row per genotype is needed.")
    present = set(subset["split"].cast(pl.String).unique())
    for split in ("train", "validation", "test"):
        if split not in present:
            raise SubsetError(
                f"The subset of {subset.height} genotypes has none in the split {split!r}: take a larger size."
            )


def split_mask(subset: pl.DataFrame, split: str) -> np.ndarray:
    """Which rows belong to a split, as booleans."""
    return (subset["split"].cast(pl.String) == split).to_numpy()


def prediction_table(
    subset: pl.DataFrame, predicted: np.ndarray, model: str, aggregation: str = "none"
) -> pl.DataFrame:
    """Columns of `Prediction`, one row per row of `subset`, in its order.

    predicted: fitness; of a training genotype the out-of-fold prediction.
    """
    types = polars_schema(Prediction)
    return subset.select(
        "genotype",
        pl.lit(model).alias("model"),
        pl.lit(aggregation).alias("aggregation"),
        pl.col("split").cast(pl.String),
        "genes",
        "order",
        pl.col("value").alias("observed"),
        "standard_error",
        pl.Series("predicted", np.asarray(predicted, dtype=np.float64)),
    ).select(pl.col(name).cast(dtype) for name, dtype in types.items())


def pearson(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson correlation; None where it is undefined (fewer than three points, or one side constant)."""
    if len(x) < 3:
        return None
    x, y = x - x.mean(), y - y.mean()
    # a constant predicted by a sum of floats varies in its last digits: that is no variation
    if x.std() <= 1e-12 or y.std() <= 1e-12:
        return None
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman correlation (Pearson of mid-ranks); None where it is undefined."""
    from scipy.stats import rankdata

    return None if pearson(x, y) is None else pearson(rankdata(x), rankdata(y))


def rmse(x: np.ndarray, y: np.ndarray) -> float | None:
    """Root mean square difference, in units of fitness; None without points."""
    return float(np.sqrt(np.mean(np.square(x - y)))) if len(x) else None
