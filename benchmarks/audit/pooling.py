"""The merged table: which records are one measurement, how far publications differ, one row per genotype and condition.

Belongs here: random effects and equal weights in plain loops. Does not: records (singles.py, crosses.py), samples (samples.py).
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from scipy.special import chdtrc

Record = dict[str, object]
Key = tuple[object, ...]
Pair = tuple[str, str]

CONDITION = ("temperature", "medium_class", "assay", "reference", "evidence")
ENOUGH = 30
"""Shared measurements from which on two publications have a variance of their own."""
EQUAL = 1e-9
"""Values nearer to each other than this do not differ."""


@dataclass(frozen=True)
class Measurement:
    """error: standard error of the value alone, None where nothing states one. shared: what crosses have in common of it."""

    value: float
    error: float | None
    shared: float | None
    samples: int | None
    publication: str
    laboratory: str


def _error(record: Record) -> float | None:
    stated = record["uncertainty"]
    if stated is None or record["uncertainty_type"] in ("none", "unspecified"):
        return None
    if record["uncertainty_type"] == "sample_sd":
        return stated / math.sqrt(record["samples"])  # type: ignore[operator,arg-type]
    return stated  # type: ignore[return-value]


def _shared(record: Record) -> float | None:
    parts = [error for name in ("query_error", "array_error") if (error := record.get(name)) is not None]
    return math.hypot(*parts) if parts else None


def _best(choose: type | object, values: Iterable[float | None]) -> float | None:
    stated = [value for value in values if value is not None]
    return choose(stated) if stated else None  # type: ignore[operator]


def measurements(records: list[Record]) -> list[Measurement]:
    """Of the records of one key, those of equal value and uncertainty in one laboratory as one."""
    alike = defaultdict(list)
    for record in records:
        alike[record["laboratory"], record["value"], record["uncertainty"]].append(record)
    return [
        Measurement(
            value,
            _best(min, map(_error, same)),
            _best(max, map(_shared, same)),
            _best(max, (record.get("samples") for record in same)),
            min(record["publication"] for record in same),
            laboratory,
        )
        for (laboratory, value, _), same in alike.items()
    ]


def grouped(records: Iterable[Record]) -> dict[Key, list[Record]]:
    """Records that have a value, by genotype and condition."""
    groups = defaultdict(list)
    for record in records:
        if record["value"] is not None:
            groups[record["genotype"], *(record[name] for name in CONDITION)].append(record)
    return dict(groups)


def _pair(one: Measurement, other: Measurement) -> Pair:
    return min(one.publication, other.publication), max(one.publication, other.publication)


class Between:
    """Variance of the difference of two publications beyond their standard errors, 0 at least; a pair that shares too little
    has that of all pairs."""

    def __init__(self, groups: Iterable[list[Measurement]]) -> None:
        self.excess: dict[Pair, list[float]] = defaultdict(list)
        for of in groups:
            for one, other in combinations(of, 2):
                stated = (one.error or 0.0) ** 2 + (other.error or 0.0) ** 2
                self.excess[_pair(one, other)].append((one.value - other.value) ** 2 - stated)
        everything = [excess for of in self.excess.values() for excess in of]
        self.of_all = max(0.0, math.fsum(everything) / len(everything)) if everything else 0.0

    def __call__(self, pair: Pair) -> float:
        of = self.excess.get(pair, [])
        return max(0.0, math.fsum(of) / len(of)) if len(of) >= ENOUGH else self.of_all


def _row(of: list[Measurement], between: Between) -> Record:
    """The numbers of one row. Stated and between-publication variance make sigma^2 of a measurement."""
    n = len(of)
    if n == 1:
        own, shared = of[0].error, of[0].shared
        total = None if own is None else math.hypot(own, shared or 0.0)
        return {"value": of[0].value, "standard_error": total, "shared_error": shared, "pooling": "single"} | {
            **{"heterogeneity": None, "consistency": None},
        }
    tau_squared = [
        math.fsum(between(_pair(one, other)) / 2 for j, other in enumerate(of) if j != i) / (n - 1)
        for i, one in enumerate(of)
    ]
    sigma_squared = [(one.error or 0.0) ** 2 + tau for one, tau in zip(of, tau_squared, strict=True)]
    weighed = all(one.error for one in of)
    weights = [1 / variance if weighed else 1.0 for variance in sigma_squared]
    total = math.fsum(weights)
    value = math.fsum(weight * one.value for weight, one in zip(weights, of, strict=True)) / total
    mean = math.fsum(one.value for one in of) / n
    heterogeneity = math.sqrt(math.fsum((one.value - mean) ** 2 for one in of) / (n - 1))
    own = math.sqrt(1 / total if weighed else math.fsum(sigma_squared) / n**2)
    own = max(own, heterogeneity / math.sqrt(n))
    stated = any(one.shared is not None for one in of)
    shared = math.fsum(weight * (one.shared or 0.0) for weight, one in zip(weights, of, strict=True)) / total
    return {
        **{"value": value, "pooling": "random_effects" if weighed else "equal_weights", "heterogeneity": heterogeneity},
        **{"standard_error": math.hypot(own, shared if stated else 0.0), "shared_error": shared if stated else None},
        "consistency": _consistency([one.value - value for one in of], sigma_squared),
    }


def _consistency(apart: list[float], sigma_squared: list[float]) -> float:
    """P-value of Cochran's Q."""
    terms = [
        distance**2 / variance if variance else (math.inf if abs(distance) > EQUAL else 0.0)
        for distance, variance in zip(apart, sigma_squared, strict=True)
    ]
    return float(chdtrc(len(apart) - 1, math.fsum(terms)))


def merged(records: Iterable[Record]) -> tuple[dict[Key, Record], Between]:
    """Genotype and condition -> the row, with the columns of the merged table; and how far publications differ."""
    groups = grouped(records)
    measured = {key: measurements(of) for key, of in groups.items()}
    between = Between(measured.values())
    rows = {}
    for key, of in groups.items():
        parts = [part.split(":") for part in of[0]["genotype"].split(" + ")]
        samples = [one.samples for one in measured[key]]
        queries = {record["query"] for record in of}
        rows[key] = _row(measured[key], between) | {
            **{"genes": of[0]["genes"], "order": of[0]["order"], "measurements": len(measured[key])},
            "perturbations": [dict(zip(("gene", "kind", "allele", "zygosity"), part, strict=True)) for part in parts],
            "deletions_only": all(kind == "deletion" for _, kind, _, _ in parts),
            "haploid": all(zygosity == "haploid" for _, _, _, zygosity in parts),
            "query": queries.pop() if len(queries) == 1 else None,
            "laboratories": len({one.laboratory for one in measured[key]}),
            "samples": None if None in samples else sum(samples),
            "publications": sorted({record["publication"] for record in of}),
            "records": sorted(record["id"] for record in of),
        }
    return rows, between
