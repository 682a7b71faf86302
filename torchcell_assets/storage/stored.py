"""Tables on disk: batches of checked rows -> one Parquet file and its quarantine, with a data version; a few rows to show.

Belongs here: writing batch by batch, so that a table of any length needs the memory of one batch. Does not: validation and
metadata of an asset (publish.py), the hash itself (content.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from torchcell_assets.storage.content import ContentHash

PREVIEW_ROWS = 8
_SHOWN_OF_A_BATCH = 100


@dataclass
class Stored:
    """What was written: rows kept and quarantined, the data version, and a few rows spread over the table."""

    rows: int = 0
    quarantined: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    data_version: str = ""
    sample: list[pl.DataFrame] = field(default_factory=list)

    @property
    def cells(self) -> int:
        """Value cells that held something."""
        return self.rows + self.quarantined


def write(table: Path, quarantine: Path, batches: Iterable[tuple[pl.DataFrame, dy.FailureInfo]]) -> Stored:
    """Write rows that keep the rules to `table`, the others to `quarantine`.

    batches: what `cls.filter` gives of each batch, in the order of the rows; at least one.
    """
    stored, content = Stored(), ContentHash()
    with RowGroups(table) as good, RowGroups(quarantine) as bad:
        for kept, failure in batches:
            good.add(kept)
            bad.add(_quarantined(failure))
            content.update(kept)
            stored.rows += kept.height
            stored.quarantined += len(failure)
            stored.by_rule.update(failure.counts())
            stored.sample.append(_copied(kept.gather_every(max(1, kept.height // _SHOWN_OF_A_BATCH))))
    stored.data_version = content.digest()
    return stored


def _copied(rows: pl.DataFrame) -> pl.DataFrame:
    """The same few rows in memory of their own: texts that were picked from a batch hold on to all texts of it."""
    return pl.DataFrame(rows.to_dicts(), schema=rows.schema)


class RowGroups:
    """A Parquet file that takes one batch after the other, each a row group; it is whole at the end of the block.

    metadata: what those of the file say, key -> text. options: of pyarrow's ParquetWriter.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str] | None = None, **options: Any) -> None:
        self._path = path
        self._metadata = dict(metadata or {})
        self._options = options
        self._writer: Any = None

    def __enter__(self) -> "RowGroups":
        return self

    def add(self, batch: pl.DataFrame) -> None:
        """Append a batch; all have the columns of the first."""
        import pyarrow.parquet as pq

        rows = batch.to_arrow()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, rows.schema, compression="zstd", **self._options)
        self._writer.write_table(rows)

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            if self._metadata:
                self._writer.add_key_value_metadata(self._metadata)
            self._writer.close()


def preview(table: pl.DataFrame) -> dg.MetadataValue:
    """A few rows spread over the table, as a Markdown table."""
    every = max(1, table.height // PREVIEW_ROWS)
    return listed(table.gather_every(every).head(PREVIEW_ROWS))


def listed(rows: pl.DataFrame) -> dg.MetadataValue:
    """All rows, as a Markdown table: for few."""
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
