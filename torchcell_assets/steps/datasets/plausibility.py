"""What shows that a parser is wrong although each of its rows looks right.

Belongs here: what must hold of a dataset as a whole. Does not: rules of a row (schema/records.py), the number of records, which
a check compares with the published one (checks.py).
"""

from collections.abc import Set
from dataclasses import dataclass, field

import dataframely as dy
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.schema.validation import PROBLEM
from torchcell_assets.steps.datasets.raw_file import any_unreadable

_MEASUREMENT = ("screen", "strain", "column")
"""What a number is of: no table gives two numbers for it."""

_MEDIANS: dict[type[dy.Schema], tuple[float, float, str]] = {
    Fitness: (
        0.3,
        2.0,
        "fitness is mutant / reference, near 1 for most strains: logarithms and percent have to be converted",
    ),
    Interaction: (-0.3, 0.3, "a score is observed - expected fitness, near 0 for most crosses"),
}


class ParserMistake(TorchcellError):
    """A parser or its declaration is wrong: its author has to correct it."""


def with_contradictions(records: pl.DataFrame) -> pl.DataFrame:
    """`records`, with a `problem` in each row that gives another number than a second row for the same measurement."""
    if "value" not in records.columns:
        return records
    repeated = records.select(pl.struct(_MEASUREMENT).hash().is_duplicated()).to_series()
    if not repeated.any():
        return records
    value = pl.col("value").fill_null(float("inf"))  # a bound in place of a number differs from one
    contradicted = pl.lit(repeated) & (value.n_unique().over(_MEASUREMENT) > 1)
    told = pl.when(contradicted).then(pl.lit("its strain stands in this column with another number too"))
    return records.with_columns(any_unreadable(pl.col(PROBLEM), told).alias(PROBLEM))


@dataclass
class Seen:
    """What was seen of the records of a dataset, batch by batch."""

    dataset: str
    record: type[dy.Schema]
    genes_outside: int
    _outside: set[str] = field(default_factory=set)
    _medians: list[float] = field(default_factory=list)

    def add(self, records: pl.DataFrame, outside: Set[str]) -> None:
        """Take note of a batch. outside: perturbed genes in it that are no ORF of today."""
        self._outside |= outside
        if self.record in _MEDIANS:
            median = records.select(pl.col("value").filter(pl.col("value").is_finite()).median()).item()
            self._medians += [] if median is None else [median]

    def refuse_implausible(self) -> None:
        """Raise ParserMistake where what was seen cannot be what the record class means."""
        if len(self._outside) > self.genes_outside:
            named = ", ".join(sorted(self._outside)[:5]) + (", ..." if len(self._outside) > 5 else "")
            raise ParserMistake(
                f"{len(self._outside)} perturbed genes of {self.dataset} are no ORFs of S288C ({named}), and it declares "
                f"{self.genes_outside}: correct the column that they are read from, or `genes_outside`."
            )
        if self._medians:
            low, high, meaning = _MEDIANS[self.record]
            median = pl.Series(self._medians).median()
            assert isinstance(median, float)
            if not low <= median <= high:
                raise ParserMistake(f"The median of {self.dataset} is {median:.3g}: {meaning}.")
