"""One bucket of integer rows -> rows of MergedFitness, and the pairs of publications in it.

Belongs here: what goes into pooling.sql and replicates.sql, and the way back from numbers to texts. Does not: which rows
make a bucket (runs.py), where the result is kept (fitness.py).
"""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from torchcell_assets.schema.records import MergedFitness, polars_schema
from torchcell_assets.steps.merged.identities import DELETION, HAPLOID, starts_of, texts
from torchcell_assets.steps.merged.runs import Survey

_TINY = 1e-300
"""An uncertainty of no more may become a standard error of zero."""

POOLING = Path(__file__).with_name("pooling.sql")
REPLICATES = Path(__file__).with_name("replicates.sql")
PAIRS: dict[str, Any] = {
    "genotype": pl.String,
    "temperature": pl.Float64,
    "x": pl.Float64,
    "y": pl.Float64,
    "x_publication": pl.String,
    "y_publication": pl.String,
}
"""Columns of the pairs of publications -> type."""


def pooled(bucket: pl.DataFrame, known: Survey, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The rows of a bucket, one per key and condition, with the columns of MergedFitness, in the order of its key.

    bucket: what runs.py::buckets gives.
    """
    keys, conditions = bucket["key"].to_numpy(), bucket["condition"].to_numpy()
    starts = starts_of(keys, conditions)
    counts = np.diff(starts, append=bucket.height)
    place = np.repeat(np.arange(len(starts), dtype=np.int32), counts)
    values = bucket["value"].to_numpy()
    # of two records it is seen at once whether they say the same number; where there are more, SQL finds out
    twice = counts > 2
    two = counts == 2
    twice[two] = values[starts[two]] == values[starts[two] + 1]
    zero = np.logical_or.reduceat((bucket["uncertainty"] <= _TINY).fill_null(False).to_numpy(), starts)
    rows = bucket.select(
        "publication",
        "value",
        "uncertainty",
        "uncertainty_type",
        "samples",
        place=pl.Series(place),
        alone=pl.Series(np.repeat(counts == 1, counts)),
        twice=pl.Series(np.repeat(twice, counts)),
        zero=pl.Series(np.repeat(zero, counts)),
    )
    numbers = _query(POOLING, rows, connection)
    named = known.conditions[conditions[starts]]
    flags = np.bitwise_and.reduceat(bucket["flags"].to_numpy(), starts)
    listed = {
        "deletions_only": pl.Series((flags & DELETION) > 0),
        "haploid": pl.Series((flags & HAPLOID) > 0),
        "publications": _publications(place, bucket["publication"].to_numpy(), known.publications),
        "records": _lists(bucket["id"], starts),
    }
    table = pl.concat([texts(keys[starts], known.identities), named, numbers], how="horizontal").with_columns(**listed)
    return table.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(MergedFitness).items())


def replicates(bucket: pl.DataFrame, known: Survey, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Pairs of measurements of one genotype at one temperature in two publications, each the mean of its records.

    Columns as in PAIRS. Two publications with one genotype at one temperature are one row.
    """
    publication = bucket["publication"].to_numpy()
    starts = starts_of(bucket["key"].to_numpy())
    counts = np.diff(starts, append=bucket.height)
    shared = np.minimum.reduceat(publication, starts) < np.maximum.reduceat(publication, starts)
    rows = bucket.filter(pl.Series(np.repeat(shared, counts)))
    temperature = known.conditions["temperature"][rows["condition"]]
    pairs = _query(REPLICATES, rows.select("key", "publication", "value", temperature=temperature), connection)
    genotype = texts(pairs["key"].to_numpy(), known.identities)["genotype"]
    return pairs.select(
        genotype,
        "temperature",
        "x",
        "y",
        x_publication=known.publications[pairs["x_publication"]],
        y_publication=known.publications[pairs["y_publication"]],
    )


def _query(path: Path, rows: pl.DataFrame, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    connection.register("selected", rows.to_arrow())
    try:
        return connection.sql(path.read_text()).pl()
    finally:
        connection.unregister("selected")


def _publications(place: np.ndarray, publication: np.ndarray, names: pl.Series) -> pl.Series:
    """The distinct publications of each place, sorted."""
    many = max(1, len(names))
    pairs = np.sort(place.astype(np.int64) * many + publication)
    distinct = pairs[starts_of(pairs)]
    return _lists(names[distinct % many], starts_of(distinct // many))


def _lists(values: pl.Series, starts: np.ndarray) -> pl.Series:
    """Lists of neighbours: no value is copied."""
    # not pa.array, which imports pandas to look at an array of numpy: a second of CPU
    offsets = pl.Series(np.append(starts, len(values)), dtype=pl.Int64).to_arrow()
    arrow = values.to_arrow(compat_level=pl.CompatLevel.newest())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, arrow)))
