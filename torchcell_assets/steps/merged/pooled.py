"""One bucket of integer rows -> rows of the merged table, and how far publications agree in it.

Belongs here: what a bucket becomes, and the way back from numbers to texts. Does not: which rows make a bucket (runs.py), what is
one measurement (measurements.py), how measurements are pooled (pooling.py), where the result is kept (merged_table.py).
"""

from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.steps.merged import pooling
from torchcell_assets.steps.merged.between_publications import beside, cells
from torchcell_assets.steps.merged.identities import DELETION, HAPLOID, lists, perturbations, starts_of, texts
from torchcell_assets.steps.merged.measurements import Measurements, measurements
from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.steps.merged.runs import Survey


def columns_of_replicates(phenotype: Phenotype) -> dict[str, Any]:
    """Columns of the repeats in two publications -> type."""
    values, texts = dict.fromkeys(("x", "y"), pl.Float64), dict.fromkeys(("x_publication", "y_publication"), pl.String)
    return {"genotype": pl.String, **phenotype.condition, **values, **texts}


def places(bucket: pl.DataFrame) -> np.ndarray:
    """The row of a bucket at which each genotype and condition begins."""
    return starts_of(bucket["key"].to_numpy(), bucket["condition"].to_numpy())


def pooled(bucket: pl.DataFrame, known: Survey, variances: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a bucket, one per key and condition, with the columns of the merged class, in the order of its key; and the
    repeats in it, with those of `columns_of_replicates`.

    bucket: what runs.py::buckets gives. variances: as Differences.variances gives, of the publications of `known`.
    """
    starts = places(bucket)
    of = measurements(bucket, starts)
    keys, conditions = bucket["key"].to_numpy()[starts], bucket["condition"].to_numpy()[starts]
    named = pl.concat([texts(keys, known.identities), known.conditions[conditions]], how="horizontal")
    table = pl.concat([named, pooling.numbers(of, variances)], how="horizontal").with_columns(
        perturbations(keys, known.identities), **_of_all_records(bucket, starts, known)
    )
    return table.select(pl.col(name).cast(dtype) for name, dtype in known.phenotype.types.items()), _replicates(
        of, named, known
    )


def _of_all_records(bucket: pl.DataFrame, starts: np.ndarray, known: Survey) -> dict[str, pl.Series]:
    """Columns that follow from the records of a place, whichever of them are one measurement."""
    place = np.repeat(np.arange(len(starts)), np.diff(starts, append=bucket.height))
    flags = np.bitwise_and.reduceat(bucket["flags"].to_numpy(), starts)
    query = bucket["query"].to_numpy()
    same = np.minimum.reduceat(query, starts) == np.maximum.reduceat(query, starts)
    one = pl.Series(np.where(same, query[starts], -1), dtype=pl.Int64)
    return {
        "deletions_only": pl.Series((flags & DELETION) > 0),
        "haploid": pl.Series((flags & HAPLOID) > 0),
        "query": known.queries.gather(one.replace(-1, None)),
        "publications": _publications(place, bucket["publication"].to_numpy(), known.publications),
        "records": lists(bucket["id"], starts),
    }


def _replicates(of: Measurements, named: pl.DataFrame, known: Survey) -> pl.DataFrame:
    """Each two publications of a place, with the mean of the measurements of each. named: genotype and condition by place."""
    table, _ = cells(of.repeated())
    first, second = beside(table.place)
    mean = table.total / table.count
    first, second = first[first < second], second[first < second]
    return named[table.place[first]].select(
        pl.col("genotype", *known.phenotype.condition),
        x=pl.Series(mean[first], dtype=pl.Float64),
        y=pl.Series(mean[second], dtype=pl.Float64),
        x_publication=known.publications[table.publication[first]],
        y_publication=known.publications[table.publication[second]],
    )


def _publications(place: np.ndarray, publication: np.ndarray, names: pl.Series) -> pl.Series:
    """The distinct publications of each place, sorted."""
    many = max(1, len(names))
    pairs = np.sort(place.astype(np.int64) * many + publication)
    distinct = pairs[starts_of(pairs)]
    return lists(names[distinct % many], starts_of(distinct // many))
