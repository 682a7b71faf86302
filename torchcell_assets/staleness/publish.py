"""Storing a table: validate, quarantine, write under a temporary name, rename, and say what was stored.

Belongs here: `publish` and `publish_batches` for tables of one record class, `result` for what is stored in another form, the
metadata of all of them. Does not: the files (stored.py), what the table holds (the steps), what is out of date (outdated.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from torchcell_assets.schema import validate
from torchcell_assets.staleness.stored import Stored, preview, store


def publish(
    path: Path,
    cls: type[dy.Schema],
    records: pl.LazyFrame | pl.DataFrame,
    *,
    blank: int | None = None,
    sort_by: Sequence[str] | None = None,
    metadata: Callable[[], Mapping[str, Any]] = dict,
) -> dg.MaterializeResult:
    """Validate `records` against `cls` and write those that pass to `path` (Parquet), the others to its quarantine.

    records: columns of `cls`, types as near as they come (they are cast); a row with a `problem` does not pass.
    blank: value cells of the raw file that held nothing; given, the metadata show that cells read = kept + blank +
        quarantined.
    sort_by: order of the stored rows; by default the primary key.
    metadata: asked for once everything is stored at `path`.
    The quarantine lies beside the table as `<name>.quarantine.parquet`, with the rules that each row breaks.
    """
    kept, failure = validate(cls, records.lazy().collect())
    good = kept.sort(*(sort_by or cls.primary_key()))
    return _published(path, cls, store(path, [(good, failure)]), blank, metadata)


def publish_batches(
    path: Path,
    cls: type[dy.Schema],
    batches: Iterable[tuple[pl.LazyFrame, int]],
    *,
    metadata: Callable[[], Mapping[str, Any]] = dict,
) -> dg.MaterializeResult:
    """Like `publish`, of records that come in batches and are too many to be held at once.

    batches: (records, blank cells) in the order in which the rows are stored. Keys are held against the rows of their own
        batch: a parser that numbers the rows of a file gives no id twice.
    metadata: asked for once everything is stored at `path`.
    """
    blank = 0

    def checked() -> Iterator[tuple[pl.DataFrame, dy.FailureInfo]]:
        nonlocal blank
        for records, empty in batches:
            blank += empty
            yield validate(cls, records.collect())

    stored = store(path, checked())
    return _published(path, cls, stored, blank, metadata)


def _published(
    path: Path, cls: type[dy.Schema], stored: Stored, blank: int | None, metadata: Callable[[], Mapping[str, Any]]
) -> dg.MaterializeResult:
    counts: dict[str, Any] = {"quarantined": stored.quarantined}
    if stored.quarantined:
        counts["quarantined_by_rule"] = dg.MetadataValue.json(dict(stored.by_rule))
    if blank is not None:
        counts |= {"blank": blank, "cells_read": stored.cells + blank}
    shown = table_metadata(cls, pl.concat(stored.sample), stored.rows)
    return result(path, stored.data_version, metadata={**shown, **counts, **metadata()})


def result(
    path: Path,
    data_version: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.MaterializeResult:
    """What was stored at `path`, for Dagster: its data version, where it is, how large."""
    where: dict[str, Any] = {"dagster/uri": str(path), "bytes": path.stat().st_size} if path.exists() else {}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(data_version),
        metadata={**where, **(metadata or {})},
        tags=tags,
    )


def table_metadata(cls: type[dy.Schema], table: pl.DataFrame, rows: int | None = None) -> dict[str, Any]:
    """Row count, column schema with descriptions, and a preview of a stored table.

    rows: of the stored table, where `table` is only some of it.
    """
    return {
        "dagster/row_count": table.height if rows is None else rows,
        "dagster/column_schema": column_schema(cls),
        "preview": preview(table),
    }


def column_lineage(*origins: tuple[dg.AssetKey, Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    """Metadata by which the UI shows where a column comes from.

    origins: an input, and for each column of the asset the columns of that input that it is made from.
    """
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for parent, columns in origins:
        for column, names in columns.items():
            deps.setdefault(column, []).extend(dg.TableColumnDep(parent, name) for name in names)
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def as_they_are(names: Iterable[str]) -> dict[str, list[str]]:
    """Column -> itself: for `column_lineage` of columns that are taken over."""
    return {name: [name] for name in names}


def column_schema(cls: type[dy.Schema]) -> dg.TableSchema:
    """The columns of a record class as the UI shows them."""
    columns = [
        dg.TableColumn(name, _type_name(column.dtype), description=column.description)
        for name, column in cls.columns().items()
    ]
    return dg.TableSchema(columns=columns)


def _type_name(dtype: pl.DataType) -> str:
    """A polars type in words: `one of wild type, diploid wild type`; `list of {gene, kind, allele}`."""
    if isinstance(dtype, pl.Enum):
        return f"one of {', '.join(dtype.categories)}"
    if isinstance(dtype, pl.List):
        return f"list of {_type_name(dtype.inner)}"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return "{" + ", ".join(field.name for field in dtype.fields) + "}"
    return str(dtype)
