"""What one dataset declares: the record class, the raw files, the parser, the citation; and reading it.

Belongs here: the form of an entry of `DATASETS`, and what is done to the records of every parser. Does not: the entries (one
module per publication), validation row by row (schema).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.schema.records import Record
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets import plausibility, retired_names
from torchcell_assets.steps.datasets.registered import Registered
from torchcell_assets.steps.datasets.retired_names import Found, RetiredNames


@dataclass(frozen=True)
class Parsed:
    """What a parser found in its raw files, before validation.

    Attributes:
        records: one row per value cell that holds something, as `as_records` makes them.
        blank: value cells that hold nothing, or that the publication marks as not determined.
        repeated: value cells that print the measurement of another cell of their row again: it is stored once.
        names: the names among them that are no genes of today; what `Dataset.read` found, a parser leaves it out.
    """

    records: pl.LazyFrame
    blank: int = 0
    repeated: int = 0
    names: Found = field(default_factory=Found)


@dataclass(frozen=True)
class Dataset:
    """One entry of `DATASETS`.

    Attributes:
        parse: takes the local path of each source, in the order of `sources`; raises `BadRawFile` with one sentence if the
            file is not what the publication says it is (columns, sheet, number of columns). Files of millions of rows come in
            batches, in the order in which the records are stored.
        registered: the media, references, assays, units and laboratories that the records name; they name no others.
        published_records: how many records the published file gives; a check compares.
        quarantine_limit: how many value cells of the published file are known to break a rule; more make a check fail.
        genes_outside: how many perturbed genes are known to be no ORF of S288C today, nor a part of one; more are refused.
        queries: of trigenic interactions, the dataset of the fitness of their query strains: the score follows from both.
        logic: raise it when the code changes what is stored and neither the record class, the sources nor `policies` show it.
        policies: constants of the parser that decide what is stored, JSON-able, by name; a change of one outdates the dataset.
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
    genes_outside: int = 0
    queries: "Dataset | None" = None
    logic: str = "1"
    policies: Mapping[str, Any] = field(default_factory=dict)
    registered: Registered = field(default_factory=Registered)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_reference(self) -> bool:
        """Whether its rows are parts of the reference genome, and no records of an experiment."""
        return not issubclass(self.record, Record)

    @property
    def raw_files(self) -> tuple[Source, ...]:
        """`sources`, and what retired names are looked up in."""
        return self.sources if self.is_reference else tuple(dict.fromkeys([*self.sources, *retired_names.SOURCES]))

    @property
    def stored_by(self) -> dict[str, Any]:
        """`policies`, the registered rows that the records name, and the rule by which retired names are resolved."""
        if self.is_reference:
            return dict(self.policies)
        rows = self.registered.rows(self.name)
        return {**self.policies, "registered": rows, "retired_names": retired_names.RULE}

    def read(self, path_of: Callable[[Source], Path]) -> Parsed | Iterator[Parsed]:
        """The records of the raw files that `path_of` finds, with retired names resolved and contradictions marked.

        Args:
            path_of: the local path of each of `raw_files`.

        Returns:
            What `parse` gives, its batches as they come. A stream is held against what only all of it can show at its end.

        Raises:
            BadRawFile: see `parse`.
            ParserMistake: the records are not what their class means, whatever the single row says (see plausibility.py), or name
                a word that is not registered (see registered.py).
        """
        parsed = self.parse(*(path_of(source) for source in self.sources))
        if self.is_reference:
            return parsed
        retired = RetiredNames.read(*map(path_of, retired_names.SOURCES))
        if isinstance(parsed, Parsed):
            return next(self._looked_at(iter([parsed]), retired, whole=True))
        return self._looked_at(parsed, retired, whole=False)

    def _looked_at(self, parts: Iterator[Parsed], retired: RetiredNames, *, whole: bool) -> Iterator[Parsed]:
        seen = plausibility.Seen(self.name, self.record, self.genes_outside)
        for part in parts:
            records = part.records.collect()
            self.registered.refuse_others(records, self.name)
            names = retired.of(records, whole=whole)
            records = retired_names.resolve(records, names)
            seen.add(records, names.outside)
            if whole:
                seen.refuse_implausible()
            yield replace(part, records=plausibility.with_contradictions(records).lazy(), names=names)
        seen.refuse_implausible()
