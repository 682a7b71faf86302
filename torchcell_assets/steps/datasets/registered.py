"""The open vocabularies: media, references, assays, units of samples and laboratories are rows of registered.toml.

Belongs here: what a row holds, which rows a dataset names, and that its records name no others. Does not: vocabularies of the
model itself, such as kinds of allele or of evidence (schema/vocabularies.py), which rows a dataset names (its module).

A TOML file, as a row is a fact and no code: a person who brings a publication writes it beside its reason, a medium holds a
list of additives, and nothing that computes changes with it. No record class knows the words, so that a new one changes no
class; what an asset depends on is the rows that it names (`Registered.rows`, a policy of the dataset).
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.errors import TorchcellError, no_such
from torchcell_assets.schema.vocabularies import DIPLOID
from torchcell_assets.steps.datasets.plausibility import ParserMistake

FILE = Path(__file__).with_suffix(".toml")

ADDITIVE = dy.Struct(
    {
        "compound": dy.String(min_length=1, description="as the field calls it: hydroxyurea, rapamycin ..."),
        "dose": dy.Float64(min_exclusive=0.0, description="final concentration, in `unit`"),
        "unit": dy.Enum(["mg/l", "g/l", "nM", "µM", "mM", "M", "% (v/v)", "% (w/v)"], description="of the dose"),
    }
)


class Medium(dy.Schema):
    """What cells grew in."""

    medium = dy.String(primary_key=True, min_length=1, description="as published")
    medium_class = dy.String(primary_key=True, min_length=1, description="class within which fitness is pooled")
    base = dy.String(min_length=1, description="what it is without the additives")
    additives = dy.List(ADDITIVE, description="what was added, with its dose")


class Reference(dy.Schema):
    """What a value is relative to."""

    reference = dy.String(primary_key=True, min_length=1, description="the strain, and how it was treated")
    ploidy = dy.Enum(["haploid", "diploid"], description="of the reference and of the mutants that are held against it")

    @dy.rule()
    def name_says_diploid(cls) -> pl.Expr:
        return cls.reference.col.str.starts_with(DIPLOID) == (cls.ploidy.col.cast(pl.String) == "diploid")


class Assay(dy.Schema):
    """How growth was seen."""

    assay = dy.String(primary_key=True, min_length=1, description="numbers of two assays never pool")


class SampleUnit(dy.Schema):
    """What one sample is."""

    sample_unit = dy.String(primary_key=True, min_length=1, description="of which a record counts its samples")


class Laboratory(dy.Schema):
    """Who measured."""

    laboratory = dy.String(primary_key=True, min_length=1, description="its numbers are not independent of each other")


TABLES: dict[str, type[dy.Schema]] = {
    "media": Medium,
    "references": Reference,
    "assays": Assay,
    "sample_units": SampleUnit,
    "laboratories": Laboratory,
}
"""Table of registered.toml -> what its rows hold. The primary key is what records name, column by column."""

Key = tuple[str, ...]


class NotRegistered(ParserMistake):
    """A dataset names a word that is not registered, or that it does not declare."""


class RegistryError(TorchcellError):
    """A row of registered.toml does not say what it has to."""


@dataclass(frozen=True)
class Registered:
    """The registered rows that the records of a dataset name.

    media: pairs of a medium and its class.
    """

    media: tuple[tuple[str, str], ...] = ()
    references: tuple[str, ...] = ()
    assays: tuple[str, ...] = ()
    sample_units: tuple[str, ...] = ()
    laboratories: tuple[str, ...] = ()

    def keys(self, table: str) -> list[Key]:
        """The keys that are declared of one of TABLES."""
        return [key if isinstance(key, tuple) else (key,) for key in getattr(self, table)]

    @property
    def columns(self) -> dict[str, pl.Expr]:
        """Column of a record -> the word, of whatever there is one of: a parser need not say it again.

        But for the unit of a sample, which stands beside the number of samples.
        """
        sole = {t: keys[0] for t in TABLES if t != "sample_units" and len(keys := self.keys(t)) == 1}
        return {
            column: pl.lit(word)
            for table, key in sole.items()
            for column, word in zip(TABLES[table].primary_key(), key, strict=True)
        }

    def rows(self, dataset: str) -> dict[str, Any]:
        """`assay colony size` -> what else its row says, JSON-able: what the dataset depends on.

        Raises:
            NotRegistered: there is no such row; `dataset` is named beside the nearest one.
        """
        found = {}
        for table in TABLES:
            known = registered()[table]
            for key in self.keys(table):
                if key not in known:
                    raise NotRegistered(_not_registered(table, key, dataset))
                found[f"{_kind(table)} {_name(key)}"] = known[key]
        return found

    def refuse_others(self, records: pl.DataFrame, dataset: str) -> None:
        """Raise NotRegistered where `records` name a word that is not registered, or not declared here.

        A null is left to the record class.
        """
        for table, cls in TABLES.items():
            columns = [name for name in cls.primary_key() if name in records.columns]
            if not columns:
                continue
            declared = self.keys(table)
            for key in records.select(columns).unique().drop_nulls().sort(columns).iter_rows():
                if key not in registered()[table]:
                    raise NotRegistered(_not_registered(table, key, dataset))
                if key not in declared:
                    raise NotRegistered(
                        f"The records of {dataset} name the {_kind(table)} {_name(key)!r}, which its `registered` does not: add "
                        f"it to `{table}` there."
                    )


def words(column: str) -> tuple[str, ...]:
    """Every registered word of a column of the records, in the order of registered.toml."""
    [(table, at)] = [(t, cls.primary_key().index(column)) for t, cls in TABLES.items() if column in cls.primary_key()]
    return tuple(dict.fromkeys(key[at] for key in registered()[table]))


@functools.cache
def registered() -> Mapping[str, Mapping[Key, dict[str, Any]]]:
    """Table -> key -> what else the row says; see `read`."""
    return read(FILE)


def read(path: Path) -> dict[str, dict[Key, dict[str, Any]]]:
    """The rows of a registry, each held against the class of its table.

    Raises:
        RegistryError: a table, a column or a value is none that may stand there.
    """
    with path.open("rb") as file:
        content = tomllib.load(file)
    for table in content:
        if table not in TABLES:
            raise RegistryError(f"{no_such('table', table, TABLES)} ({path.name})")
    return {table: _rows(content.get(table, []), cls, f"{path.name}, {table}") for table, cls in TABLES.items()}


def _rows(written: list[dict[str, Any]], cls: type[dy.Schema], where: str) -> dict[Key, dict[str, Any]]:
    names = list(cls.columns())
    for row in written:
        for name in row:
            if name not in names:
                raise RegistryError(f"{where}: {no_such('column', name, names)}")
    given = [{name: row.get(name, [] if name == "additives" else None) for name in names} for row in written]
    types = {name: column.dtype for name, column in cls.columns().items()}
    try:
        table = pl.DataFrame(given, schema=types, strict=False)
        good, failure = cls.filter(table)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise RegistryError(f"{where}: a value has another type than its column ({error})") from error
    if len(failure):
        bad = failure.invalid().row(0, named=True)
        broken = ", ".join(failure.counts())
        raise RegistryError(f"{where}: the row {_name(bad[name] for name in cls.primary_key())!r} breaks {broken}")
    key = cls.primary_key()
    return {tuple(row[name] for name in key): {n: row[n] for n in names if n not in key} for row in good.to_dicts()}


def _not_registered(table: str, key: Key, dataset: str) -> str:
    known = [_name(one) for one in registered()[table]]
    missing = no_such(_kind(table), _name(key), known).removesuffix("?")
    return f"{missing}; {dataset} names it, and a new one is a row of `{table}` in {FILE.name}."


def _kind(table: str) -> str:
    return {"media": "medium", "laboratories": "laboratory"}.get(table, table.removesuffix("s").replace("_", " "))


def _name(key: Any) -> str:
    return ", ".join(map(str, key))
