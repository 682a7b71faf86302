"""A merged file: the table of one phenotype in DuckDB, and how far publications agree on it.

Belongs here: creating such a file, reading all of it or a part. A file holds its phenotype in the name of its table, so that who
reads it need not be told. Does not: what is written into it (merge.py), samples of it (subsets.py).
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.steps.merged.between_publications import PAIRS
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import PHENOTYPES, Phenotype
from torchcell_assets.steps.merged.pooled import columns_of_replicates

if TYPE_CHECKING:
    import duckdb

REPLICATES = "replicates"
BETWEEN_PUBLICATIONS = "between_publications"


def write(path: Path, table: pl.DataFrame, phenotype: Phenotype) -> None:
    """Write a table of the merged class of a phenotype, sorted by the merge key, as a file without replicates."""
    with created(path, phenotype, threads=1, memory_limit="800MB") as connection:
        append(connection, phenotype.name, table)


@contextlib.contextmanager
def created(path: Path, phenotype: Phenotype, threads: int, memory_limit: str) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A new file with empty tables; what was at `path` gives way."""
    import duckdb

    path.unlink(missing_ok=True)
    tables = {
        phenotype.name: phenotype.types,
        REPLICATES: columns_of_replicates(phenotype),
        BETWEEN_PUBLICATIONS: PAIRS,
    }
    with duckdb.connect(path, config={"threads": threads, "memory_limit": memory_limit}) as connection:
        # DuckDB otherwise tries every codec on every column: twice the CPU for a file a fifth smaller
        connection.execute("SET force_compression = 'zstd'")
        for name, schema in tables.items():
            connection.register("nothing", pl.DataFrame(schema=schema).to_arrow())
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM nothing")
            connection.unregister("nothing")
        yield connection
        connection.execute("CHECKPOINT")


def append(connection: "duckdb.DuckDBPyConnection", name: str, table: pl.DataFrame) -> None:
    """Add rows to one of the tables of a new file; columns in its order."""
    connection.register("appended", table.to_arrow())
    connection.execute(f"INSERT INTO {name} SELECT * FROM appended")
    connection.unregister("appended")


@contextlib.contextmanager
def opened(
    path: Path, config: Mapping[str, Any] | None = None
) -> Iterator[tuple["duckdb.DuckDBPyConnection", Phenotype]]:
    """A merged file for reading alone, and the phenotype that it holds. config: of DuckDB.

    Raises:
        MergeError: it is not there, or no merged file.
    """
    import duckdb

    if not path.is_file():
        raise MergeError(f"{path} is not there: materialize merged/{path.stem} first.")
    try:
        with duckdb.connect(path, read_only=True, config=dict(config or {})) as connection:
            yield connection, _held(connection)
    except duckdb.OutOfMemoryException:  # says nothing of the file
        raise
    except duckdb.Error as error:
        raise MergeError(f"{path} is no merged table ({error}): materialize merged/{path.stem} again.") from error


def _held(connection: "duckdb.DuckDBPyConnection") -> Phenotype:
    """The phenotype of which there is a table."""
    import duckdb

    there = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
    for name in there & PHENOTYPES.keys():
        return PHENOTYPES[name]
    raise duckdb.CatalogException(f"it holds a table of none of {', '.join(PHENOTYPES)}")


def held(path: Path) -> Phenotype:
    """The phenotype of which a merged file is. Raises MergeError as `opened` does."""
    with opened(path) as (_, phenotype):
        return phenotype


def read(
    path: Path, where: str = "true", parameters: list | None = None, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Rows of a merged file, in the order of the merge key.

    where: a DuckDB condition with `?` for each parameter. columns: all by default.
    """
    with opened(path) as (connection, phenotype):
        types = phenotype.types
        names = list(columns or types)
        listed = ", ".join(f'"{name}"' for name in names)
        found = connection.sql(f"SELECT {listed} FROM {phenotype.name} WHERE {where}", params=parameters or []).pl()
    return found.select(pl.col(name).cast(types[name]) for name in names)


def spread(path: Path, rows: int) -> pl.DataFrame:
    """About so many rows, evenly spread over a merged file."""
    with opened(path) as (connection, phenotype):
        total = connection.sql(f"SELECT count(*) FROM {phenotype.name}").fetchall()[0][0]
    return read(path, "rowid % ? = 0", [max(1, total // rows)]).head(rows)


def records_in(path: Path) -> tuple[int, int]:
    """How many records stand behind the rows of a merged file, and how many different ones: the same number, if it is whole."""
    with opened(path) as (connection, phenotype):
        listed = f"SELECT unnest(records) AS id FROM {phenotype.name}"
        [(records, distinct)] = connection.sql(f"SELECT count(*), count(DISTINCT hash(id)) FROM ({listed})").fetchall()
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
    with opened(path) as (connection, _):
        return connection.sql(f"SELECT * FROM {table}").pl()


def least_consistent(path: Path, rows: int) -> pl.DataFrame:
    """So many rows of the smallest `consistency`, the smallest first."""
    with opened(path) as (connection, phenotype):
        key = phenotype.merged.primary_key()
        columns = [*key, "value", "standard_error", "heterogeneity", "measurements", "consistency"]
        query = f"""
            SELECT {", ".join(f'"{name}"' for name in columns)} FROM {phenotype.name}
            WHERE consistency IS NOT NULL ORDER BY consistency, heterogeneity DESC, rowid LIMIT ?
        """
        return connection.sql(query, params=[rows]).pl()


def rules(path: Path) -> dict[str, tuple[int, int]]:
    """Rule of pooling -> its rows, and those of them whose measurements differ with p < 0.05."""
    with opened(path) as (connection, phenotype):
        counts = "count(*), count(*) FILTER (WHERE consistency < 0.05)"
        found = connection.sql(f"SELECT pooling, {counts} FROM {phenotype.name} GROUP BY 1 ORDER BY 1").fetchall()
    return {rule: (rows, apart) for rule, rows, apart in found}
