"""Storing a table: validate, quarantine, write under a temporary name, rename, and say what was stored.

Belongs here: `publish` for tables of one record class, `result` for what is stored in another form. Does not: what
the table holds (the steps), what is out of date (outdated.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from torchcell_assets.staleness.content import content_hash
from torchcell_assets.storage import replacing

PREVIEW_ROWS = 8


def publish(
    path: Path,
    cls: type[dy.Schema],
    records: pl.LazyFrame | pl.DataFrame,
    *,
    blank: int | None = None,
    sort_by: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """Validate `records` against `cls` and write those that pass to `path` (Parquet), the others to its quarantine.

    records: columns of `cls`, types as near as they come (they are cast).
    blank: value cells of the raw file that held nothing; given, the metadata show that cells read = kept + blank +
        quarantined.
    sort_by: order of the stored rows; by default the primary key.
    The quarantine lies beside the table as `<name>.quarantine.parquet`, with the rules that each row breaks.
    """
    keys = list(cls.primary_key())
    kept, failure = cls.filter(records.lazy().collect(), cast=True)
    good = kept.sort(*(sort_by or keys))
    bad = _quarantined(failure)
    with replacing(quarantine_of(path)) as temporary:
        bad.write_parquet(temporary)
    with replacing(path) as temporary:
        good.write_parquet(temporary, compression="zstd")
    counts: dict[str, Any] = {"quarantined": bad.height}
    if bad.height:
        counts["quarantined_by_rule"] = dg.MetadataValue.json(failure.counts())
    if blank is not None:
        counts |= {"blank": blank, "cells_read": good.height + blank + bad.height}
    return result(
        path,
        content_hash(good, keys),
        metadata={**table_metadata(cls, good), **counts, **(metadata or {})},
    )


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


def preview(table: pl.DataFrame) -> dg.MetadataValue:
    """A few rows spread over the table, as a Markdown table."""
    every = max(1, table.height // PREVIEW_ROWS)
    rows = table.gather_every(every).head(PREVIEW_ROWS)
    texts = rows.select(
        pl.col(name).map_elements(_cell, return_dtype=pl.String, skip_nulls=False) for name in rows.columns
    )
    lines = [" | ".join(row) for row in texts.iter_rows()]
    return dg.MetadataValue.md("\n".join([" | ".join(rows.columns), " | ".join("---" for _ in rows.columns), *lines]))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, pl.Series):
        value = value.to_list()
    if isinstance(value, list):
        value = ", ".join(
            " ".join(str(v) for v in item.values() if v) if isinstance(item, dict) else str(item) for item in value
        )
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return (text if len(text) <= 60 else text[:57] + "...").replace("|", "\\|")


def quarantine_of(path: Path) -> Path:
    """Where the rows of `path` that broke a rule are kept."""
    return path.with_suffix(".quarantine.parquet")


def _quarantined(failure: dy.FailureInfo) -> pl.DataFrame:
    invalid = failure.invalid()
    details = failure.details()
    rules = [name for name in details.columns if name not in invalid.columns]
    broken = (
        pl.concat_list(pl.when(pl.col(rule) == "invalid").then(pl.lit(rule)).otherwise(None) for rule in rules)
        .list.drop_nulls()
        .list.join(", ")
    )
    return details.select(*invalid.columns, broken_rules=broken if rules else pl.lit(""))
