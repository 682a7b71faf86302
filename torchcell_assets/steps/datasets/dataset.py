"""What one dataset declares: the record class, the raw files, the parser, the citation.

Belongs here: the form of an entry of `DATASETS`. Does not: the entries (one module per publication).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.sources import Source


@dataclass(frozen=True)
class Parsed:
    """What a parser found in its raw files, before validation.

    records: one row per value cell that holds something, with the columns of the record class.
    blank: value cells that hold nothing, or that the publication marks as not determined.
    """

    records: pl.LazyFrame
    blank: int = 0


@dataclass(frozen=True)
class Dataset:
    """One entry of `DATASETS`.

    parse: takes the local path of each source, in the order of `sources`; raises `BadRawFile` with one sentence if the
        file is not what the publication says it is (columns, sheet, number of columns). Files of millions of rows come in
        batches, in the order in which the records are stored.
    quarantine_limit: how many value cells of the published file are known to break a rule; more make a check fail.
    logic: raise it when the code changes what is stored and neither the record class, the sources nor `policies` show it.
    policies: constants of the parser that decide what is stored, JSON-able, by name; a change of one outdates the dataset.
    published_records: how many records the published file gives; a check compares.
    """

    name: str
    record: type[dy.Schema]
    sources: tuple[Source, ...]
    parse: Callable[..., Parsed | Iterator[Parsed]]
    description: str
    citation: str
    publication: str
    licence: str
    published_records: int
    quarantine_limit: int = 0
    logic: str = "1"
    policies: Mapping[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def read(self, path_of: Callable[[Source], Path]) -> Parsed | Iterator[Parsed]:
        """Parse the raw files that `path_of` finds."""
        return self.parse(*(path_of(source) for source in self.sources))
