"""How far the query strain of a cross goes by itself: two baselines that know no gene of the array, or one number of it.

Belongs here: the mean of a query strain, and what it is worth beside the single mutant of the array gene. Does not:
baselines that know nothing of queries (baselines.py).
"""

import numpy as np
import polars as pl

from torchcell_assets.schema.genotype import GENE_SEPARATOR


def query_strain(rows: pl.DataFrame, folds: np.ndarray) -> np.ndarray:
    """Mean value of the training crosses of the same query strain; one number per row of `rows`.

    What has no query strain (single mutants above all), or one that train does not hold, gets the mean of the training
    genotypes with as many deletions; of all of train where there is none.

    Args:
        rows: from `rows_to_predict`.
        folds: fold of each row; a training genotype is predicted from those of other folds.
    """
    table = _table(rows, folds)
    of_order = _left_out_mean(table, ["order"], pl.col("value"))
    of_all = _left_out_mean(table, [], pl.col("value"))
    of_query = _left_out_mean(table, ["query"], pl.col("value"))
    known = rows["query"].is_not_null().to_numpy()
    return np.where(known & np.isfinite(of_query), of_query, np.where(np.isfinite(of_order), of_order, of_all))


def query_x_single(rows: pl.DataFrame, singles: pl.DataFrame, folds: np.ndarray, floor: float) -> np.ndarray:
    """What the query strain is worth, as its training crosses tell it, times that of the single mutant of the array gene.

    A query strain is worth the mean of observed / single over its training crosses whose array gene has a single mutant; the
    array gene is the one that not every cross of the query strain has. A cross whose array gene has no single mutant gets
    the mean of its query strain; anything else (single mutants among it: a genotype never predicts itself) what
    `query_strain` says.

    Args:
        rows: from `rows_to_predict`.
        singles: `gene`, `value`: the measured single mutants.
        folds: fold of each row; a training genotype is predicted from those of other folds.
        floor: least value of a single mutant by which is divided.
    """
    array = _array_genes(rows).join(singles, on="gene", how="left", maintain_order="left")["value"]
    table = _table(rows, folds).with_columns(single=array)
    relative = pl.col("value") / pl.col("single").clip(lower_bound=floor)
    worth = _left_out_mean(table, ["query"], relative)
    predicted = worth * array.cast(pl.Float64).to_numpy()
    usable = rows["query"].is_not_null().to_numpy() & np.isfinite(predicted)
    return np.where(usable, predicted, query_strain(rows, folds))


def _table(rows: pl.DataFrame, folds: np.ndarray) -> pl.DataFrame:
    train = pl.col("split").cast(pl.String) == "train"
    return rows.select("query", "order", "value", train=train).with_columns(fold=pl.Series(folds))


def _left_out_mean(table: pl.DataFrame, by: list[str], of: pl.Expr) -> np.ndarray:
    """Mean of `of` over the training rows that agree in `by`, those of the row's own fold left out if it is in train itself.

    NaN where there are none.
    """
    of = pl.when("train").then(of)
    place: list[str | pl.Expr] = [*by] or [pl.lit(0)]

    def left_out(each: pl.Expr) -> pl.Expr:
        return each.sum().over(place) - pl.when("train").then(each.sum().over([*place, "fold"])).otherwise(0)

    total, count = left_out(of.fill_null(0.0)), left_out(of.is_not_null().cast(pl.Int64))
    return table.select(pl.when(count > 0).then(total / count)).to_series().cast(pl.Float64).to_numpy()


def _array_genes(rows: pl.DataFrame) -> pl.DataFrame:
    """`gene`: the gene of each row that not every cross of its query strain has; null where that is none or several."""
    parts = rows.select("query", pl.int_range(pl.len()).alias("row"), gene=pl.col("genes").str.split(GENE_SEPARATOR))
    genes = parts.explode("gene")
    crosses = pl.col("row").n_unique().over("query")
    varies = pl.col("query").is_not_null() & (pl.len().over("query", "gene") < crosses)
    array = genes.filter(varies).group_by("row").agg(pl.col("gene").first(), several=pl.len() > 1)
    alone = array.filter(~pl.col("several"))
    return parts.select("row").join(alone, on="row", how="left", maintain_order="left").select("gene")
