"""What a data root holds, as dictionaries: the only module that reads it.

Belongs here: paths below a data root, and the way from its files to rows. Does not: judging them (compare.py).
"""

from pathlib import Path

import polars as pl


def rows(path: Path, key: str | tuple[str, ...] = "id") -> dict[object, dict[str, object]]:
    """Rows of a Parquet file by their key."""
    return keyed(pl.read_parquet(path), key)


def keyed(frame: pl.DataFrame, key: str | tuple[str, ...]) -> dict[object, dict[str, object]]:
    """Rows by one column, or by a tuple of several."""
    enums = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum | pl.Categorical)]
    told = frame.with_columns(pl.col(enums).cast(pl.String)) if enums else frame
    if isinstance(key, str):
        return {row[key]: row for row in told.iter_rows(named=True)}
    return {tuple(row[name] for name in key): row for row in told.iter_rows(named=True)}


def records(root: Path, dataset: str, quarantined: bool = False) -> dict[object, dict[str, object]]:
    """Records of a dataset by id, with `role`: those of its perturbations, in their order."""
    of = rows(root / "datasets" / f"{dataset}{'.quarantine' if quarantined else ''}.parquet")
    return {key: row | {"role": [one["role"] for one in row["perturbations"]]} for key, row in of.items()}


def of_merged(root: Path, table: str = "fitness") -> pl.DataFrame:
    """A table of the merged DuckDB file."""
    import duckdb

    with duckdb.connect(str(root / "merged" / "fitness.duckdb"), read_only=True) as connection:
        return connection.sql(f"SELECT * FROM {table}").pl()
