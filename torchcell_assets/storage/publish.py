"""Storing a table: validate, quarantine, write under a temporary name, say what was written, rename.

Belongs here: `publish` and `publish_batches` for tables of one record class, `result` for what is stored in another form, the
metadata of all of them. Does not: the files (stored.py), what the table holds (the steps), what is out of date (staleness).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from torchcell_assets.schema import validate
from torchcell_assets.storage.atomic import atomic_write_together
from torchcell_assets.storage.files import METADATA, record
from torchcell_assets.storage.stored import Stored, preview, quarantine_of, write


def publish(
    path: Path,
    cls: type[dy.Schema],
    records: pl.LazyFrame | pl.DataFrame,
    *,
    blank: int | None = None,
    sort_by: Sequence[str] | None = None,
    metadata: Callable[[Path], Mapping[str, Any]] = lambda table: {},
) -> dg.MaterializeResult:
    """Validate `records` against `cls` and write those that pass to `path` (Parquet), the others to its quarantine.

    records: columns of `cls`, types as near as they come (they are cast); a row with a `problem` does not pass.
    blank: value cells of the raw file that held nothing; given, the metadata show that cells read = kept + blank +
        quarantined.
    sort_by: order of the stored rows; by default the primary key.
    metadata: gets the path at which the table is written; asked for before the table takes its place.
    The quarantine lies beside the table as `<name>.quarantine.parquet`, with the rules that each row breaks.
    """
    kept, failure = validate(cls, records.lazy().collect())
    good = kept.sort(*(sort_by or cls.primary_key()))
    return _published(path, cls, [(good, failure)], metadata, lambda: blank)


def publish_batches(
    path: Path,
    cls: type[dy.Schema],
    batches: Iterable[tuple[pl.LazyFrame, int]],
    *,
    metadata: Callable[[Path], Mapping[str, Any]] = lambda table: {},
) -> dg.MaterializeResult:
    """Like `publish`, of records that come in batches and are too many to be held at once.

    batches: (records, blank cells) in the order in which the rows are stored. Keys are held against the rows of their own
        batch: a parser that numbers the rows of a file gives no id twice.
    metadata: gets the path at which the table is written; asked for before the table takes its place.
    """
    blank = 0

    def checked() -> Iterator[tuple[pl.DataFrame, dy.FailureInfo]]:
        nonlocal blank
        for records, empty in batches:
            blank += empty
            yield validate(cls, records.collect())

    return _published(path, cls, checked(), metadata, lambda: blank)


def _published(
    path: Path,
    cls: type[dy.Schema],
    batches: Iterable[tuple[pl.DataFrame, dy.FailureInfo]],
    metadata: Callable[[Path], Mapping[str, Any]],
    blank: Callable[[], int | None],
) -> dg.MaterializeResult:
    """Table and quarantine, replaced as one, once all is known that is said of them. blank: asked for after the last batch."""
    places = (path, quarantine_of(path))
    with atomic_write_together(*places) as (table, quarantine):
        stored = write(table, quarantine, batches)
        said = {**_metadata(cls, stored, blank()), **metadata(table)}
        made = result(path, stored.data_version, metadata=said, files={path: table, places[1]: quarantine})
    return made


def _metadata(cls: type[dy.Schema], stored: Stored, blank: int | None) -> dict[str, Any]:
    counts: dict[str, Any] = {"quarantined": stored.quarantined}
    if stored.quarantined:
        counts["quarantined_by_rule"] = dg.MetadataValue.json(dict(stored.by_rule))
    if blank is not None:
        counts |= {"blank": blank, "cells_read": stored.cells + blank}
    return {**table_metadata(cls, pl.concat(stored.sample), stored.rows), **counts}


def result(
    path: Path,
    data_version: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    files: Mapping[Path, Path] | None = None,
    present: Sequence[Path] = (),
) -> dg.MaterializeResult:
    """What is stored at `path`, for Dagster: its data version, where it is, how large, and the files that belong to it.

    Best called before the files take their places, so that nothing can fail between that and the event.

    Args:
        path: the place of the asset.
        data_version: hash of its logical rows.
        metadata: what else its page shows, and first, in this order.
        tags: of the event.
        files: place of a file or folder -> where it is now; all of them are looked at by `survey` from then on. By default
            `path` alone, as it stands there. One of them is `path`, or the folder in which it lies.
        present: paths that others write to, of which `survey` sees only whether they are there.

    """
    made = {path: path} if files is None else files
    now = next(now / path.relative_to(place) for place, now in made.items() if path.is_relative_to(place))
    size = sum(one.stat().st_size for one in now.rglob("*") if one.is_file()) if now.is_dir() else now.stat().st_size
    where: dict[str, Any] = {
        "dagster/uri": str(path),
        "bytes": size,
        METADATA: dg.MetadataValue.text(record(made, present)),
    }
    return dg.MaterializeResult(
        data_version=dg.DataVersion(data_version), metadata={**(metadata or {}), **where}, tags=tags
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


def column_schema(cls: type[dy.Schema], *beside: tuple[type[dy.Schema], Mapping[str, str]]) -> dg.TableSchema:
    """The columns of a record class as the UI shows them.

    beside: other classes of which some columns stand behind them: column -> how it is called there.
    """
    every = [(cls, {name: name for name in cls.columns()}), *beside]
    columns = [
        dg.TableColumn(called, _type_name(column.dtype), description=column.description)
        for one, names in every
        for name, called in names.items()
        for column in [one.columns()[name]]
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
