"""What the quarantine of a dataset says to a person: which rule, how often, which values, and what is allowed.

Belongs here: reading a quarantine table, and rules in words. Does not: deciding what is quarantined (staleness/publish.py),
how many may be (the datasets).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.schema.validation import DEPENDENT, NOT_INDEPENDENT, PROBLEM, ROW_IS_READ

_NOTES = {
    ROW_IS_READ: (PROBLEM, "the published row can be read"),
    NOT_INDEPENDENT: (DEPENDENT, "a screen is a measurement of its own"),
}
"""Rule -> the column in which a parser notes why a row breaks it, and the rule in words."""
_SHOWN = 3
"""Values named of each rule, and rules named of each quarantine, the commonest first."""


@dataclass(frozen=True)
class Broken:
    """One rule that rows of a quarantine break. words: the rule; values: what they hold instead -> how many rows."""

    rule: str
    words: str
    rows: int
    values: Mapping[str, int]

    def __str__(self) -> str:
        found = ", ".join(f"{value} ({rows:,} x)" for value, rows in self.values.items())
        return f"{self.rows:,} break the rule {self.rule!r}: {self.words}; they hold {found}"


def broken_rules(path: Path, cls: type[dy.Schema]) -> list[Broken]:
    """The rules that rows of a quarantine break, the commonest first.

    Args:
        path: A quarantine, as `publish` writes it: the columns of the records as they came, and `broken_rules`.
        cls: The record class whose rules they are.

    """
    rows = pl.scan_parquet(path)
    each = pl.col("broken_rules").str.split(", ")
    counts = rows.select(rule=each).explode("rule").group_by("rule").len().sort("len", "rule", descending=[True, False])
    return [
        Broken(rule, words(rule, cls), count, _values(rows.filter(each.list.contains(rule)), rule, cls))
        for rule, count in counts.collect().iter_rows()
    ]


def summary(path: Path, cls: type[dy.Schema]) -> str:
    """The commonest rules that rows of a quarantine break, in sentences, and where the rows are."""
    broken = broken_rules(path, cls)
    sentences = [f"{one}." for one in broken[:_SHOWN]]
    if len(broken) > _SHOWN:
        sentences.append(f"{len(broken) - _SHOWN} other rules are broken too.")
    return " ".join([*sentences, f"The rows and the rules that they break: {path}"])


def words(rule: str, cls: type[dy.Schema]) -> str:
    """A rule of a record class in words, with what it allows."""
    leaf = _leaf(rule, cls)
    if rule in _NOTES:
        return _NOTES[rule][1]
    if leaf is None:
        return "each is there once" if rule == "primary_key" else rule.replace("_", " ")
    if leaf.is_one_of_few:
        return f"{leaf.name} is one of {', '.join(leaf.allowed)}"
    stated: Any = getattr(leaf.column, leaf.kind, None)
    said = {
        "dtype": "is a number" if leaf.column.dtype.is_numeric() else f"has the type {leaf.column.dtype}",
        "nullability": "is not empty",
        "min": f"is at least {stated}",
        "max": f"is at most {stated}",
        "min_length": f"has a length of at least {stated}",
        "regex": f"looks like {stated}",
        "inf": "is finite",
        "nan": "is a number",
    }
    return f"{leaf.name} {said.get(leaf.kind, leaf.kind.replace('_', ' '))}"


@dataclass(frozen=True)
class _Leaf:
    """What a rule of a column looks at: the column itself, or a field of the structs in its lists.

    values: the expression of it, one row each.
    """

    name: str
    column: dy.Column
    kind: str
    values: pl.Expr

    @property
    def allowed(self) -> list[str]:
        """The categories of an enum."""
        return list(self.column.dtype.categories) if isinstance(self.column.dtype, pl.Enum) else []

    @property
    def is_one_of_few(self) -> bool:
        """In a list, what is none of them is nothing once it is cast: it breaks the rule that it is not empty."""
        return isinstance(self.column.dtype, pl.Enum) and self.kind in ("dtype", "nullability")

    def breaks(self) -> pl.Expr:
        """Which values break the rule, as far as it can be told from one value; in a list the others do not."""
        value, stated = pl.col("value"), getattr(self.column, self.kind, None)
        if self.is_one_of_few:
            return value.is_null() | ~value.cast(pl.String).is_in(self.allowed)
        if self.kind == "nullability":
            return value.is_null()
        if self.kind == "regex":
            return ~value.str.contains(str(stated))
        return pl.lit(True)


def _leaf(rule: str, cls: type[dy.Schema]) -> _Leaf | None:
    """None for a rule that looks at several columns."""
    name, _, kind = rule.partition("|")
    column = cls.columns().get(name)
    if not kind or column is None:
        return None
    values = pl.col(name)
    if isinstance(column, dy.List) and (kind.startswith("inner_") or _fields(column)):
        for field, inner in _fields(column).items():
            of_field = kind.removeprefix(f"inner_inner_{field}_")
            if of_field != kind:
                return _Leaf(f"{name}.{field}", inner, of_field, values.explode().struct.field(field))
        return _Leaf(name, column.inner, kind.removeprefix("inner_"), values.explode())
    return _Leaf(name, column, kind, values)


def _fields(column: dy.List) -> Mapping[str, dy.Column]:
    return column.inner.inner if isinstance(column.inner, dy.Struct) else {}


def _values(rows: pl.LazyFrame, rule: str, cls: type[dy.Schema]) -> dict[str, int]:
    """What rows that break a rule hold in the columns that it looks at -> how many do, the commonest first."""
    leaf = _leaf(rule, cls)
    if leaf is not None:
        found = rows.select(value=leaf.values).filter(leaf.breaks()).select(value=_text("value"))
    elif rule in _NOTES:
        found = rows.select(value=_text(_NOTES[rule][0]))
    else:
        names = cls.primary_key() if rule == "primary_key" else _looked_at(rule, cls)
        found = rows.select(value=pl.concat_str([pl.format(f"{n} {{}}", _text(n)) for n in names], separator=", "))
    counts = found.group_by("value").len().sort("len", "value", descending=[True, False])
    return dict(counts.head(_SHOWN).collect().iter_rows())


def _looked_at(rule: str, cls: type[dy.Schema]) -> list[str]:
    """The columns in the expression of a named rule."""
    return cls._schema_validation_rules()[rule].expr.meta.root_names()


def _text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("nothing")
