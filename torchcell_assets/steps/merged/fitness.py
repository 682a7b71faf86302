"""De-duplication: selected fitness records -> one row per genotype and condition, in DuckDB.

Belongs here: the merge key, which records count as one measurement, pooling, what is excluded and why. Does not: what
is selected (graph/queries), samples of the result (subsets.py).

The merge key is genotype, temperature, medium class, assay, reference and kind of evidence: two alleles of one gene, two
temperatures, assays, zygosities or references never pool. `paper` is the gene-only key of the system described in 2024,
offered for comparison: it mixes alleles, assays, zygosities and conditions. Records are merged as integers (identities.py),
in buckets that fit in memory (runs.py), twice: how far publications differ has to be known before anything is pooled.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from torchcell_assets.schema.records import MergedFitness, polars_schema
from torchcell_assets.steps.graph.read import pages_in
from torchcell_assets.steps.merged import pooled, runs
from torchcell_assets.steps.merged.between_publications import PAIRS, Differences
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.measurements import measurements
from torchcell_assets.storage.atomic import temporary_folder
from torchcell_assets.storage.content import ContentHash

TABLE = "fitness"
REPLICATES = "replicates"

KEYS = ("genotype", "paper")

BETWEEN_PUBLICATIONS = "between_publications"
_AS_THEY_ARE = (*("genotype", *runs.CONDITION), "genes", "order", "query", "samples")
_STATED = ("uncertainty", "uncertainty_type", "samples")
_WEIGHED_BY = ("value", *_STATED, "publication")
_SHARED = ("query_error", "array_error")
COLUMNS_FROM: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in _AS_THEY_ARE},
    "deletions_only": ("perturbations",),
    "haploid": ("perturbations",),
    "value": _WEIGHED_BY,
    "standard_error": (*_WEIGHED_BY, *_SHARED),
    "shared_error": (*_SHARED, *_WEIGHED_BY),
    "pooling": _STATED,
    "measurements": ("value", "uncertainty", "laboratory"),
    "laboratories": ("laboratory",),
    "heterogeneity": ("value",),
    "consistency": _WEIGHED_BY,
    "publications": ("publication",),
    "records": ("id",),
}
"""Column of the merged table -> columns of the records that decide it."""


@dataclass(frozen=True)
class Merged:
    """What became of the selected records: the counts add up to `selected`.

    rows: of the merged table. data_version: what `content_hash` gives for them. excluded: reason -> records. pooled: records
    that stand behind some row.
    """

    rows: int
    data_version: str
    selected: int
    pooled: int
    excluded: dict[str, int]


def merge(folder: Path, path: Path, key: str = "genotype", *, threads: int = 2, memory_limit: str = "800MB") -> Merged:
    """Pool the selected records and write them to `path`, a DuckDB file, in the order of the merge key.

    folder: pages, as graph/read.py::select writes them; the order of the records does not matter.
    memory_limit: of DuckDB; what Python holds of a bucket comes on top, about as much.
    Measurements are pooled by random effects where each has a positive standard error (the sample SD over the square root of n;
    a bootstrap SE as it is), otherwise with equal weights: see pooling.py. Equal value and uncertainty of the same genotype in
    the same laboratory count once: see measurements.py.
    Raises MergeError if there is no such key or no page, or if a record has no genotype; dataframely's ValidationError if a
    merged row breaks a rule of MergedFitness.
    """
    if key not in KEYS:
        raise MergeError(f"There is no merge key {key!r}: set `merge_key` of the study to one of {', '.join(KEYS)}.")
    pages = pages_in(folder)
    if not pages:
        raise MergeError(f"There is nothing to merge in {folder}: no experiments were read from the graph.")
    rows, content = 0, ContentHash()
    content.update(pl.DataFrame(schema=polars_schema(MergedFitness)))  # a table without rows has columns too
    with temporary_folder(path.parent) as scratch, _created(path, threads, memory_limit) as connection:
        known = runs.survey(pages, key == "paper", connection)
        sorted_runs = runs.write(pages, known, scratch)
        differences = Differences()
        for bucket in runs.buckets(sorted_runs, runs.WITHOUT_IDS):
            differences.add(measurements(bucket, pooled.places(bucket)))
        variances, between = differences.variances(known.publications)
        _append(connection, BETWEEN_PUBLICATIONS, between)
        for bucket in runs.buckets(sorted_runs):
            found, repeats = pooled.pooled(bucket, known, variances)
            table = MergedFitness.validate(found)
            _append(connection, TABLE, table)
            _append(connection, REPLICATES, repeats)
            content.update(table)  # here, where the rows are in memory and in order: the file need not be read back
            rows += table.height
    return Merged(
        rows, content.digest(), known.selected, sorted_runs.rows, {"censored (below a bound, no value)": known.censored}
    )


def write(path: Path, table: pl.DataFrame) -> None:
    """Write a table of MergedFitness, sorted by the merge key, as a DuckDB file."""
    with _created(path, threads=1, memory_limit="800MB") as connection:
        _append(connection, TABLE, table)


def read(
    path: Path, where: str = "true", parameters: list | None = None, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Rows of a merged file, in the order of the merge key.

    where: a DuckDB condition with `?` for each parameter. columns: all by default.
    """
    types = polars_schema(MergedFitness)
    names = list(columns or types)
    listed = ", ".join(f'"{name}"' for name in names)
    with _opened(path) as connection:
        found = connection.sql(f"SELECT {listed} FROM {TABLE} WHERE {where}", params=parameters or []).pl()
    return found.select(pl.col(name).cast(types[name]) for name in names)


def spread(path: Path, rows: int) -> pl.DataFrame:
    """About so many rows, evenly spread over a merged file."""
    with _opened(path) as connection:
        total = connection.sql(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0]
    return read(path, "rowid % ? = 0", [max(1, total // rows)]).head(rows)


def records_in(path: Path) -> tuple[int, int]:
    """How many records stand behind the rows of a merged file, and how many different ones: the same number, if it is whole."""
    counted = f"SELECT count(*), count(DISTINCT hash(id)) FROM (SELECT unnest(records) AS id FROM {TABLE})"
    with _opened(path) as connection:
        [(records, distinct)] = connection.sql(counted).fetchall()
    return records, distinct


def replicates(path: Path) -> pl.DataFrame:
    """What two publications measured of one genotype under one condition: columns `genotype`, those of the condition, `x`, `y`
    (the mean of each), `x_publication`, `y_publication`, in the order of the merge key. Like is compared with like: what may
    not pool is no pair. What a genotype and a condition are follows the merge key.
    """
    return _all_of(path, REPLICATES)


def between_publications(path: Path) -> pl.DataFrame:
    """By how much each two publications differ, as they were pooled by: columns as in between_publications.py::PAIRS."""
    return _all_of(path, BETWEEN_PUBLICATIONS)


def _all_of(path: Path, table: str) -> pl.DataFrame:
    with _opened(path) as connection:
        return connection.sql(f"SELECT * FROM {table}").pl()


def least_consistent(path: Path, rows: int) -> pl.DataFrame:
    """So many rows of the smallest `consistency`, the smallest first."""
    columns = [*MergedFitness.primary_key(), "value", "standard_error", "heterogeneity", "measurements", "consistency"]
    listed = ", ".join(f'"{name}"' for name in columns)
    query = f"SELECT {listed} FROM {TABLE} WHERE consistency IS NOT NULL ORDER BY consistency, heterogeneity DESC, rowid LIMIT ?"
    with _opened(path) as connection:
        return connection.sql(query, params=[rows]).pl()


def rules(path: Path) -> dict[str, tuple[int, int]]:
    """Rule of pooling -> its rows, and those of them whose measurements differ with p < 0.05."""
    counted = f"SELECT pooling, count(*), count(*) FILTER (WHERE consistency < 0.05) FROM {TABLE} GROUP BY 1 ORDER BY 1"
    with _opened(path) as connection:
        return {rule: (rows, apart) for rule, rows, apart in connection.sql(counted).fetchall()}


@contextlib.contextmanager
def _created(path: Path, threads: int, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new file with empty tables."""
    path.unlink(missing_ok=True)
    with duckdb.connect(path, config={"threads": threads, "memory_limit": memory_limit}) as connection:
        # DuckDB otherwise tries every codec on every column: twice the CPU for a file a fifth smaller
        connection.execute("SET force_compression = 'zstd'")
        for name, schema in (
            (TABLE, polars_schema(MergedFitness)),
            (REPLICATES, pooled.REPLICATES),
            (BETWEEN_PUBLICATIONS, PAIRS),
        ):
            connection.register("nothing", pl.DataFrame(schema=schema).to_arrow())
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM nothing")
            connection.unregister("nothing")
        yield connection
        connection.execute("CHECKPOINT")


def _append(connection: duckdb.DuckDBPyConnection, name: str, table: pl.DataFrame) -> None:
    connection.register("appended", table.to_arrow())
    connection.execute(f"INSERT INTO {name} SELECT * FROM appended")
    connection.unregister("appended")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    if not path.is_file():
        raise MergeError(f"{path} is not there: materialize merged/fitness first.")
    try:
        with duckdb.connect(path, read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        raise MergeError(f"{path} is no merged table ({error}): materialize merged/fitness again.") from error
