"""De-duplication: selected fitness records -> one row per genotype and condition, in DuckDB.

Belongs here: the merge key, which records count as one measurement, pooling, what is excluded and why. Does not: what
is selected (graph/queries), samples of the result (subsets.py).

The merge key is genotype, temperature, medium class, reference and kind of evidence: two alleles of one gene, two
temperatures, zygosities or references never pool. `paper` is the gene-only key of the system described in 2024,
offered for comparison. Records are merged as integers (identities.py), in buckets that fit in memory (runs.py).
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from torchcell_assets.schema.records import MergedFitness, polars_schema
from torchcell_assets.staleness import ContentHash
from torchcell_assets.steps.graph.read import pages_in
from torchcell_assets.steps.merged import pooled, runs
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.storage import building

TABLE = "fitness"
REPLICATES = "replicates"

KEYS = ("genotype", "paper")

_AS_THEY_ARE = ("genotype", "temperature", "medium_class", "reference", "evidence", "genes", "order", "samples")
_WEIGHED_BY = ("uncertainty", "uncertainty_type", "samples")
COLUMNS_FROM: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in _AS_THEY_ARE},
    "deletions_only": ("perturbations",),
    "haploid": ("perturbations",),
    "value": ("value", *_WEIGHED_BY),
    "standard_error": _WEIGHED_BY,
    "pooling": _WEIGHED_BY,
    "measurements": ("value", "uncertainty", "publication"),
    "heterogeneity": ("value",),
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
    Independent measurements are pooled by inverse variance where each has a positive standard error (the sample SD
    over the square root of n; a bootstrap SE as it is), otherwise by number of samples. Equal value and uncertainty
    of the same genotype in the same publication count once. Heterogeneity is the sample SD between measurements.
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
    with building(path.parent) as scratch, _created(path, threads, memory_limit) as connection:
        known = runs.survey(pages, key == "paper", connection)
        sorted_runs = runs.write(pages, known, scratch)
        for bucket in runs.buckets(sorted_runs):
            table = MergedFitness.validate(pooled.pooled(bucket, known, connection))
            _append(connection, TABLE, table)
            _append(connection, REPLICATES, pooled.replicates(bucket, known, connection))
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
    """Pairs of measurements of one genotype at one temperature in two publications: columns `genotype`, `temperature`,
    `x`, `y`, `x_publication`, `y_publication`, in the order of the first two. What a genotype is follows the merge key.
    Media differ, and are allowed to: it shows how far publications agree.
    """
    with _opened(path) as connection:
        return connection.sql(f"SELECT * FROM {REPLICATES}").pl()


@contextlib.contextmanager
def _created(path: Path, threads: int, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new file with empty tables."""
    path.unlink(missing_ok=True)
    with duckdb.connect(path, config={"threads": threads, "memory_limit": memory_limit}) as connection:
        # DuckDB otherwise tries every codec on every column: twice the CPU for a file a fifth smaller
        connection.execute("SET force_compression = 'zstd'")
        for name, schema in ((TABLE, polars_schema(MergedFitness)), (REPLICATES, pooled.PAIRS)):
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
