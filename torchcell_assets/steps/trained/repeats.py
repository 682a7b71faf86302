"""How well another measurement of the same genotypes predicts them: what a model may be held against where there is one.

Belongs here: which measurements of test genotypes are independent of the value that models are scored on. Does not: ceilings from
standard errors (ceilings.py).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from torchcell_assets.steps.datasets import DATASETS
from torchcell_assets.steps.merged import merged_table

FEWEST = 30
"""Genotypes below which another measurement is left out: its correlation would have an interval of +-0.3 or more."""

_SCALE = ("reference", "evidence")
"""Columns in which two measurements have to agree, beside those that the condition of a study does not decide (the score of an
interaction): the numbers mean the same, whatever the medium and the assay.
"""


def repeats(path: Path, test_set: pl.DataFrame) -> pl.DataFrame:
    """Other measurements of test genotypes: columns `who`, `genotype`, `order`, `observed`, `repeated`.

    A row of the merged table of which no publication stands behind the test value is another measurement of it (who:
    publication and condition). Where a test value is itself pooled from two publications, they are held against each other
    (who: both). Each `who` has FEWEST rows or more.

    Args:
        path: the merged file.
        test_set: what merged/test_set holds of the phenotype of that file.
    """
    scale = [*_SCALE, *merged_table.held(path).undecided]
    own = test_set.select("genotype", "order", "publications", *scale, "temperature", observed="value")
    found = pl.concat([_elsewhere(path, own, scale), _within(path, own, scale)])
    return found.filter(pl.len().over("who") >= FEWEST).sort("who", "genotype")


def _elsewhere(path: Path, own: pl.DataFrame, scale: list[str]) -> pl.DataFrame:
    """Rows of the merged table under other conditions, from other publications alone."""
    columns = ["genotype", *scale, "medium_class", "assay", "temperature", "value", "publications"]
    rows = merged_table.read(path, "genotype IN (SELECT unnest(?))", [own["genotype"].to_list()], columns)
    both = rows.rename({"publications": "others", "value": "repeated"}).join(
        own.drop("temperature"), on=["genotype", *scale]
    )
    both = both.filter(pl.col("others").list.set_intersection("publications").list.len() == 0)
    where = pl.format(", {}, {}, {} °C", "medium_class", "assay", pl.col("temperature").cast(pl.Int64))
    return both.select(_named(pl.col("others")) + where, "genotype", "order", "observed", "repeated")


def _within(path: Path, own: pl.DataFrame, scale: list[str]) -> pl.DataFrame:
    """The two publications behind one test value, each by itself."""
    there = own.rename({"temperature": "at"}).drop("observed")
    pairs = merged_table.replicates(path).with_columns(pl.col(name).cast(there.schema[name]) for name in scale)
    both = pairs.join(there, on=["genotype", *scale])
    inside = [pl.col("publications").list.contains(pl.col(name)) for name in ("x_publication", "y_publication")]
    nearest = both.filter(*inside).sort((pl.col("temperature") - pl.col("at")).abs(), maintain_order=True)
    once = nearest.unique(["genotype", "x_publication", "y_publication"], keep="first", maintain_order=True)
    who = _named(pl.concat_list("x_publication", "y_publication"), " against ")
    return once.select(who, "genotype", "order", observed="x", repeated="y")


def _named(publications: pl.Expr, between: str = " + ") -> pl.Expr:
    names = dict(short_names())
    each = pl.element().replace(names)
    return publications.list.eval(each).list.join(between).alias("who")


def short_names() -> Mapping[str, str]:
    """DOI -> `Costanzo 2016`, from the names of the datasets; others are called by their DOI."""
    parts = {d.publication: re.fullmatch(r"\w+?_([a-z]+)(\d{4})\w*", d.name) for d in DATASETS}
    return {doi: f"{part[1].capitalize()} {part[2]}" for doi, part in parts.items() if part}
