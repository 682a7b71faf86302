"""The meaning of a merge, written from its rules and by itself: plain Python, one record after the other, exact fractions.

Belongs here: what the tests of the merge compare with; records as the pages that the real one reads. Does not: expected numbers
of single tests; anything of the real merge.

The rules. Records of one genotype under one condition are pooled. What was published twice with the same value and uncertainty
is one measurement, with the smaller standard error and the larger number of samples. The standard error is published, or the
sample SD over the square root of the samples. Values count in units of 1e-9, precisions (1 / SE squared) in units of 1e-6. Where
every measurement has a positive standard error they are weighed by precision, else by samples, one where they are not said.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from polars.testing import assert_frame_equal

from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph.read import EDGES, ROWS, SELECTION

IDENTITY = ("gene", "kind", "allele", "zygosity")
ROUNDED = ("value", "standard_error", "heterogeneity")
"""What the real merge divides, and so rounds: the fractions here do not."""


class Measurement(NamedTuple):
    """value: in units of 1e-9."""

    value: int
    standard_error: float | None
    samples: int | None


def merged(selected: pl.DataFrame, key: str = "genotype") -> pl.DataFrame:
    """The merged table of records that have `perturbations`, sorted by its primary key."""
    groups = defaultdict(list)
    for row in selected.iter_rows(named=True):
        if row["value"] is not None:
            groups[_merge_key(row, key)].append(row)
    types = polars_schema(MergedFitness)
    rows = [{**dict(zip(MergedFitness.primary_key(), k, strict=True)), **_pooled(rows)} for k, rows in groups.items()]
    return pl.DataFrame(rows, schema=types, strict=False).sort(*MergedFitness.primary_key())


def assert_is_merged(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The real merge made what the rules say: all to the bit but the last digits of what is divided."""
    assert_frame_equal(found.drop(ROUNDED), expected.drop(ROUNDED), check_exact=True)
    assert_frame_equal(found.select(ROUNDED), expected.select(ROUNDED), rel_tol=1e-9, abs_tol=1e-15)


def _merge_key(row: dict[str, Any], key: str) -> tuple:
    if key == "paper":
        return ("+".join(_genes(row)), -1.0, "SGA plate", "wild type", "measured")
    texts = []
    for p in row["perturbations"]:
        allele = "delta" if p["kind"] == "deletion" else p["allele"]
        texts.append(f"{p['gene']}:{p['kind']}:{allele}:{p['zygosity']}")
    temperature = -1.0 if row["temperature"] is None else row["temperature"]
    return (" + ".join(sorted(texts)), temperature, row["medium_class"], row["reference"], row["evidence"])


def _genes(row: dict[str, Any]) -> list[str]:
    return sorted({p["gene"] for p in row["perturbations"]})


def _pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    measurements = _independent(rows)
    every = [p for row in rows for p in row["perturbations"]]
    value, error, pooling = _weighed(measurements)
    samples = [m.samples for m in measurements]
    return {
        "genes": "+".join(_genes(rows[0])),
        "order": len(_genes(rows[0])),
        "deletions_only": all(p["kind"] == "deletion" for p in every),
        "haploid": all(p["zygosity"] == "haploid" for p in every),
        "value": value,
        "standard_error": error,
        "pooling": pooling,
        "measurements": len(measurements),
        "samples": None if None in samples else sum(samples),
        "heterogeneity": _standard_deviation([m.value for m in measurements]),
        "publications": sorted({row["publication"] for row in rows}),
        "records": sorted(row["id"] for row in rows),
    }


def _independent(rows: list[dict[str, Any]]) -> list[Measurement]:
    same = defaultdict(list)
    for row in rows:
        same[row["publication"], row["value"], row["uncertainty"]].append(row)
    return [
        Measurement(
            _nearest(value * 1e9),
            _least(_standard_error(row) for row in alike),
            max((row["samples"] for row in alike if row["samples"] is not None), default=None),
        )
        for (_, value, _), alike in same.items()
    ]


def _standard_error(row: dict[str, Any]) -> float | None:
    match row["uncertainty_type"]:
        case "standard_error" | "bootstrap_se":
            return row["uncertainty"]
        case "sample_sd" if row["samples"] and row["uncertainty"] is not None:
            return row["uncertainty"] / math.sqrt(row["samples"])
    return None


def _weighed(measurements: list[Measurement]) -> tuple[float, float | None, str]:
    """Value, standard error, and how it was pooled."""
    errors = [m.standard_error for m in measurements]
    if len(measurements) == 1:
        return measurements[0].value / 1e9, errors[0], "single"
    if all(errors):  # neither unknown nor zero
        weights = [_nearest(1e6 / (error * error)) for error in errors]
        return _mean(measurements, weights), math.sqrt(1e6 / sum(weights)), "inverse_variance"
    weights = [1 if m.samples is None else m.samples for m in measurements]
    if None in errors:
        return _mean(measurements, weights), None, "sample_weighted"
    squares = sum((Fraction(w) * Fraction(error)) ** 2 for w, error in zip(weights, errors, strict=True))
    return _mean(measurements, weights), math.sqrt(squares) / sum(weights), "sample_weighted"


def _mean(measurements: list[Measurement], weights: list[int]) -> float:
    total = sum(w * m.value for w, m in zip(weights, measurements, strict=True))
    return float(Fraction(total, sum(weights) * 10**9))


def _standard_deviation(values: list[int]) -> float | None:
    if len(values) == 1:
        return None
    mean = Fraction(sum(values), len(values))
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) / 1e9


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _nearest(value: float) -> int:
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def pages(folder: Path, selected: pl.DataFrame, page: int = 5) -> Path:
    """Write records as pages; `ordinal` tells them apart."""
    folder.mkdir(parents=True)
    for at in range(0, max(selected.height, 1), page):
        rows = selected.slice(at, page)
        edges = rows.select("ordinal", "perturbations").explode("perturbations").unnest("perturbations").drop_nulls()
        rows.select(list(SELECTION)).write_parquet(folder / f"{at:06d}{ROWS}")
        edges.select("ordinal", *IDENTITY).write_parquet(folder / f"{at:06d}{EDGES}")
    return folder
