"""The table of predictions that every model and every baseline hands over.

Belongs here: which rows are predicted, the columns, the correlations of two columns of numbers. Does not: bootstrap
(resampling.py), ceilings (ceilings.py).
"""

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Prediction
from torchcell_assets.schema.records import polars_schema

NEEDED = ("genotype", "genes", "order", "query", "value", "standard_error", "split")
"""Columns of a subset table that models read."""


class SubsetError(TorchcellError):
    """The subset table cannot be trained on."""


def rows_to_predict(subset: pl.DataFrame, test_set: pl.DataFrame) -> pl.DataFrame:
    """What a model of one size predicts: the sample, and below it the test set of all sizes; columns NEEDED.

    The split `test` of the sample becomes `test_of_size`, and `test` are the rows of the test set. A genotype may stand in
    both.

    Args:
        subset: a sample, with `split`.
        test_set: what merged/test_set holds.

    Raises:
        SubsetError: a column is missing, a genotype stands in one of them twice, a split is empty; or a gene set of the test
            set is one that models are fitted on or chosen by.
    """
    for table, name in ((subset, "subset"), (test_set, "test_set")):
        if lacking := [column for column in NEEDED if column not in table.columns]:
            raise SubsetError(f"merged/{name} has no column {lacking[0]!r}: materialize it again.")
        if table["genotype"].n_unique() != table.height:
            raise SubsetError(f"merged/{name} has a genotype twice: one row per genotype is needed.")
    own = pl.col("split").cast(pl.String).replace("test", "test_of_size")
    rows = pl.concat(
        [subset.select(NEEDED).with_columns(split=own), test_set.select(NEEDED).with_columns(split=pl.lit("test"))]
    )
    present = set(rows["split"])
    for split in ("train", "validation", "test"):
        if split not in present:
            raise SubsetError(
                f"The subset of {subset.height} genotypes has none in the split {split!r}: take a larger size."
            )
    known = rows.filter(pl.col("split").is_in(["train", "validation"]))["genes"]
    seen = test_set.filter(pl.col("genes").is_in(known.implode()))
    if seen.height:
        raise SubsetError(
            f"{seen['genes'][0]} and {seen.height - 1} more of merged/test_set are trained on: materialize it and "
            "merged/subset again."
        )
    return rows


def split_mask(rows: pl.DataFrame, split: str) -> np.ndarray:
    """Which rows belong to a split, as booleans."""
    return (rows["split"].cast(pl.String) == split).to_numpy()


def prediction_table(
    rows: pl.DataFrame,
    predicted: np.ndarray,
    model: str,
    aggregation: str = "none",
    *,
    target: str,
    permuted: bool = False,
    sample: int = 0,
) -> pl.DataFrame:
    """Columns of `Prediction`, one row per row of `rows`, in its order.

    target: what `value` is of. predicted: of a training genotype the out-of-fold prediction. permuted, sample: `permuted` and
        `training_sample` of `Prediction`.
    """
    types = polars_schema(Prediction)
    return rows.select(
        "genotype",
        pl.lit(target).alias("target"),
        pl.lit(model).alias("model"),
        pl.lit(aggregation).alias("aggregation"),
        pl.lit(permuted).alias("permuted"),
        pl.lit(sample).alias("training_sample"),
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
    # spearmanr takes the last digits of a constant for ranks, and costs the same up to some thousand genotypes
    from scipy.stats import rankdata

    return None if pearson(x, y) is None else pearson(rankdata(x), rankdata(y))


def rmse(x: np.ndarray, y: np.ndarray) -> float | None:
    """Root mean square difference, in units of what is predicted; None without points."""
    # the checks of scikit-learn's root_mean_squared_error take 30 times as long as the sum
    return float(np.sqrt(np.mean(np.square(x - y)))) if len(x) else None
