"""Pages -> runs of integer rows sorted by key -> buckets, each a range of keys that fits in memory.

Belongs here: what keeps the memory of a merge bounded, whatever the number of records. Does not: how a genotype becomes a
key (identities.py), what pools (pooling.py).

Buckets are ranges and not hashes of the key, because buckets written one after the other are then the sorted table:
nothing is sorted as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from torchcell_assets.steps.merged.identities import Identities, MergeError, number, packed
from torchcell_assets.steps.merged.phenotypes import Phenotype

if TYPE_CHECKING:
    import duckdb

BUCKET = 1_000_000
"""Rows of a run, and of a bucket: 1e6 take about 0.6 GB with all that becomes of them, and amortise the cost of a query."""
ROW_GROUP = 16_384
"""Rows of a run that are read together: a bucket takes a small part of every run."""
SAMPLED = 64
"""Every so many keys of a run decide where buckets begin."""
NO_TEMPERATURE = -1.0
"""Stands for `none` in the merge key, where a null would not be a key."""

_GENES_ONLY = {
    "temperature": NO_TEMPERATURE,
    "medium_class": "SGA plate",
    "assay": "colony size",
    "reference": "wild type",
    "evidence": "measured",
}
_FIRST = {"reference": pl.col("reference") != "wild type"}
"""Of the conditions of one genotype what is relative to wild type comes first, and all else by name: the words are not numbered
anywhere, so that a new one moves no row."""
_SOURCES = ("publication", "laboratory", "query")
_ERRORS = ("uncertainty", "uncertainty_type", "query_error", "array_error", "samples")
ALL = (
    "key",
    "condition",
    "flags",
    "value",
    "uncertainty",
    "standard_error",
    "shared",
    "samples",
    "id",
    *_SOURCES,
)
"""Columns of a run. uncertainty: as published, whatever it is; standard_error: where it is one; shared: what the standards of a
cross add to it; the last three are numbers of the survey, -1 for no query."""
WITHOUT_IDS = tuple(name for name in ALL if name not in ("id", "flags", "query"))
"""What is read of a run for the differences between publications."""


@dataclass(frozen=True)
class Survey:
    """What the pages hold, before any row is read.

    conditions: the columns of `phenotype.condition`, in their order (see `_FIRST`); the row is the number.
    publications, laboratories, queries: sorted; the place is the number. selected, censored: records, and those of them without a
    value.
    """

    phenotype: Phenotype
    identities: Identities
    conditions: pl.DataFrame
    publications: pl.Series
    laboratories: pl.Series
    queries: pl.Series
    selected: int
    censored: int


@dataclass(frozen=True)
class Runs:
    """Sorted runs. rows: in all of them. samples: every 64th key."""

    files: list[Path]
    rows: int
    samples: np.ndarray


def survey(
    pages: Sequence[tuple[Path, Path]], phenotype: Phenotype, genes_only: bool, connection: "duckdb.DuckDBPyConnection"
) -> Survey:
    """Number the identities, conditions and publications in `pages`: pairs of a file of rows and one of edges."""
    query = f"""
        SELECT {", ".join((*phenotype.condition, *_SOURCES))}, count(*) AS selected, count(*) - count(value) AS censored
        FROM read_parquet(?) GROUP BY ALL
    """
    found = connection.sql(query, params=[[str(rows) for rows, _ in pages]]).pl()
    order = [one for name in phenotype.condition for one in (*([_FIRST[name]] if name in _FIRST else []), name)]
    conditions = _condition(found, phenotype, genes_only).unique().sort(order)
    identities = number([edges for _, edges in pages], genes_only, connection)
    counts = found.select(pl.col("selected", "censored").sum().cast(pl.Int64)).row(0)
    sources = (found[name].drop_nulls().unique().sort() for name in _SOURCES)
    return Survey(phenotype, identities, conditions, *sources, *counts)


def write(pages: Sequence[tuple[Path, Path]], known: Survey, folder: Path) -> Runs:
    """Turn the pages into runs in `folder`, which is there and empty."""
    files, samples, rows = [], [], 0
    for at, run in enumerate(_gathered(_encoded(rows, edges, known) for rows, edges in pages)):
        path = folder / f"{at:06d}.parquet"
        run = run.sort("key")  # noqa: PLW2901
        run.write_parquet(path, compression="lz4", row_group_size=ROW_GROUP)
        files.append(path)
        samples.append(run["key"].gather_every(SAMPLED).to_numpy())
        rows += run.height
    return Runs(files, rows, np.concatenate(samples) if samples else np.empty(0, dtype=np.int64))


def buckets(runs: Runs, columns: Sequence[str] = ALL) -> Iterator[pl.DataFrame]:
    """The rows of all runs, in buckets of about BUCKET rows: sorted by key, condition and (if it is asked for) id, over all
    buckets.
    """
    if not runs.rows:
        return
    parts = -(-runs.rows // BUCKET)
    ordered = np.sort(runs.samples)
    inner = np.unique(ordered[np.arange(1, parts) * len(ordered) // parts])
    bounds = [np.iinfo(np.int64).min, *inner.tolist(), np.iinfo(np.int64).max]
    for low, high in pairwise(bounds):
        yield _bucket(runs, low, high, columns)


def _bucket(runs: Runs, low: int, high: int, columns: Sequence[str]) -> pl.DataFrame:
    here = (pl.col("key") >= low) & (pl.col("key") < high)
    by = [name for name in ("key", "condition", "id") if name in columns]
    return pl.scan_parquet(runs.files).filter(here).select(columns).collect().sort(by)


def _gathered(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in tables of about BUCKET rows."""
    held: list[pl.DataFrame] = []
    for part in parts:
        held.append(part)
        if sum(table.height for table in held) >= BUCKET:
            yield pl.concat(held)
            held = []
    if sum(table.height for table in held):
        yield pl.concat(held)


def _encoded(rows: Path, edges: Path, known: Survey) -> pl.DataFrame:
    """The records of one page that have a value, as integers beside their id."""
    phenotype, condition = known.phenotype, list(known.phenotype.condition)
    wanted = ["ordinal", "id", "value", *_ERRORS, *_SOURCES, *condition]
    there = [name for name in wanted if name in phenotype.columns]
    page = pl.read_parquet(rows, columns=there).filter(pl.col("value").is_not_null())
    if "samples" not in there:
        page = page.with_columns(samples=pl.lit(None, dtype=pl.Int64))
    keys = packed(pl.read_parquet(edges), known.identities)
    numbered = known.conditions.with_row_index("condition").with_columns(pl.col("condition").cast(pl.Int16))
    joined = (
        page.with_columns(_condition(page, phenotype, known.identities.genes_only))
        .join(numbered, on=condition, how="left")
        .join(keys, on="ordinal", how="left")
    )
    if joined["key"].null_count():
        stray = joined.filter(pl.col("key").is_null())["id"][0]
        raise MergeError(f"{joined['key'].null_count():,} selected records perturb no gene, such as {stray}.")
    numbers = {
        name: pl.col(name).cast(pl.Enum(names)).to_physical().cast(pl.Int32)
        for name, names in (("publication", known.publications), ("laboratory", known.laboratories))
    }
    query = pl.col("query").cast(pl.Enum(known.queries)).to_physical().cast(pl.Int32).fill_null(-1)
    return joined.with_columns(**numbers, query=query, standard_error=_standard_error(), shared=_shared()).select(ALL)


def _standard_error() -> pl.Expr:
    """Of one record; null where what is published is none."""
    kind, published = pl.col("uncertainty_type"), pl.col("uncertainty")
    of_samples = published / pl.when(pl.col("samples") > 0).then(pl.col("samples").sqrt())
    stated = pl.when(kind.is_in(["standard_error", "bootstrap_se"])).then(published)
    return pl.when(kind == "sample_sd").then(of_samples).otherwise(stated)


def _shared() -> pl.Expr:
    """The standard error that a cross shares with others: of its query and its array standard, which are independent."""
    query, array = pl.col("query_error"), pl.col("array_error")
    both = (query.fill_null(0.0) ** 2 + array.fill_null(0.0) ** 2).sqrt()
    return pl.when(query.is_not_null() | array.is_not_null()).then(both)


def _condition(rows: pl.DataFrame, phenotype: Phenotype, genes_only: bool) -> pl.DataFrame:
    """The condition of each row; of genes alone, what the paper does not tell apart is one."""
    if genes_only:
        rows = rows.with_columns(pl.lit(value).alias(name) for name, value in _GENES_ONLY.items())
    return rows.select(pl.col(name).cast(dtype) for name, dtype in phenotype.condition.items()).with_columns(
        pl.col("temperature").fill_null(NO_TEMPERATURE)
    )
