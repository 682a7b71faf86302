"""Checksums of what a build holds, column by column: the same of the tables that become a bundle and of what a server gives back.

Belongs here: hashing pages and rows of nodes and edges. Does not: reading them from a server (verification.py).

They are exact: Cypher of the Community edition has no hash and cannot see the bits of a number, so that sums made on the
server would miss small changes; what is read back is hashed here (what that costs: docs/performance.md). The order in which
rows arrive does not matter: `ordinal` and `position` say where each belongs.
"""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from torchcell_assets.storage.content import ContentHash

PAGE = 50_000
"""Experiments of which the checksums are made together."""


def of_rows(table: pl.DataFrame) -> dict[str, str]:
    """Column -> checksum of its values, in the order of the rows.

    Args:
        table: Text, numbers, truths and lists of them. Empty text and empty lists count as null, as on the way from a
            server; whole numbers of any width are the same.

    """
    return {column.name: _checksum(column) for column in table.iter_columns()}


def of_page(experiments: pl.DataFrame, edges: pl.DataFrame) -> dict[str, str]:
    """Column -> checksum of one page; the columns of the edges are called `PERTURBS.<name>`.

    Args:
        experiments: One row an experiment, with its `ordinal`.
        edges: One row a perturbation, with the `ordinal` of its experiment and its `position`.

    """
    return {
        **of_rows(experiments.sort("ordinal")),
        **{f"PERTURBS.{name}": value for name, value in of_rows(edges.sort("ordinal", "position")).items()},
    }


def together(parts: Mapping[str, str] | list[str]) -> str:
    """One checksum of many, in their order; those of a mapping in the order of its keys."""
    listed = [f"{name}\0{parts[name]}" for name in sorted(parts)] if isinstance(parts, Mapping) else parts
    return hashlib.sha256("\0".join(listed).encode()).hexdigest()[:16]


class Pages:
    """Checksums of the pages of a build, whose experiments and edges come in batches, in the order of their ordinals."""

    def __init__(self) -> None:
        self._open: tuple[pl.DataFrame, pl.DataFrame] | None = None
        self._found: list[dict[str, str]] = []

    def add(self, experiments: pl.DataFrame, edges: pl.DataFrame) -> None:
        """Add experiments, with the columns `ordinal` and `perturbation_count`, and their edges, in the same order."""
        counts = experiments["perturbation_count"].to_numpy()
        edges = edges.with_columns(ordinal=pl.Series(np.repeat(experiments["ordinal"].to_numpy(), counts)))
        if self._open is not None:
            experiments, edges = pl.concat([self._open[0], experiments]), pl.concat([self._open[1], edges])
            counts = experiments["perturbation_count"].to_numpy()
        ends = np.concatenate([[0], np.cumsum(counts)])
        whole = experiments.height // PAGE * PAGE
        for lo in range(0, whole, PAGE):
            self._close(experiments.slice(lo, PAGE), edges[int(ends[lo]) : int(ends[lo + PAGE])])
        self._open = (experiments.slice(whole), edges.slice(int(ends[whole])))

    def checksums(self) -> list[dict[str, str]]:
        """Of each page: column -> checksum. Nothing can be added afterwards."""
        if self._open is not None and self._open[0].height:
            self._close(*self._open)
        self._open = None
        return self._found

    def _close(self, experiments: pl.DataFrame, edges: pl.DataFrame) -> None:
        self._found.append(of_page(experiments, edges))


def by_column(pages: list[dict[str, str]]) -> dict[str, str]:
    """Column -> one checksum over all pages."""
    return {name: together([page[name] for page in pages]) for name in (pages[0] if pages else ())}


def bounds(experiments: int) -> Iterator[tuple[int, int]]:
    """The ordinals at which pages begin and end."""
    return ((lo, min(lo + PAGE, experiments)) for lo in range(0, experiments, PAGE))


def _checksum(column: pl.Series) -> str:
    column = _plain(column)
    if column.null_count() == len(column):
        return together(["null", str(len(column))])
    if not isinstance(column.dtype, pl.List) and not column.null_count() and (column == column[0]).all():
        return together(["same", str(len(column)), _hash(column.head(1))])  # most columns say the same a page long
    return _hash(column)


def _hash(column: pl.Series) -> str:
    content = ContentHash()
    content.update(column.to_frame("_"))
    return content.digest()


def _plain(column: pl.Series) -> pl.Series:
    """Null for what has no other form on the way from a server."""
    frame = column.alias("_").to_frame()
    if isinstance(column.dtype, pl.List):
        return frame.select(pl.when(pl.col("_").list.len() > 0).then(pl.col("_")))["_"]
    if column.dtype in (pl.String, pl.Enum, pl.Categorical):
        text = pl.col("_").cast(pl.String)
        return frame.select(pl.when(text != "").then(text).alias("_"))["_"]
    return column.fill_nan(None) if column.dtype.is_float() else column
