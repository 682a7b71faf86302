"""The meaning of a merge, written from its rules and by itself: plain Python, one record after the other, exact fractions.

Belongs here: what the tests of the merge compare with; records as the pages that the real one reads. Does not: expected numbers
of single tests; anything of the real merge.

The rules. Records of one genotype under one condition are pooled. What one laboratory published twice with the same value
and uncertainty is one measurement, with the smaller standard error, the larger shared error, the larger number of samples
and the first publication. The standard error is published, or the sample SD over the square root of the samples; the shared
error is that of the query and of the array standard, added in squares.

Two publications (or one with itself) differ with a variance: the mean, over all pairs of their measurements in one pool, of the
squared difference less both squared standard errors, 0 where they are not stated; at least 0; of fewer than 30 pairs, that of all
pairs of all publications. The variance between of a measurement is half of these, averaged over the others in its pool.

Where every measurement has a positive standard error each is weighed by one over its whole variance (stated and between),
else all alike. The standard error is at least the sample SD between measurements over the root of their number; the shared
error is averaged with the same weights and added in squares. Consistency is how often chi-squared exceeds the sum of squared
distances from the pooled value, each over its whole variance; distances below 1e-9 are none.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import scipy.stats
from polars.testing import assert_frame_equal

from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph.read import EDGES, ROWS
from torchcell_assets.steps.merged.phenotypes import FITNESS, Phenotype

IDENTITY = ("gene", "kind", "allele", "zygosity")
ROUNDED = ("value", "standard_error", "shared_error", "heterogeneity", "consistency")
"""What the real merge divides, and so rounds: the fractions here do not."""
FEW = 30


class Measurement(NamedTuple):
    value: Fraction
    standard_error: float | None
    shared: float | None
    samples: int | None
    publication: str

    @property
    def stated(self) -> Fraction:
        """Its variance as far as it is stated."""
        return Fraction(self.standard_error or 0.0) ** 2


Between = Callable[[Measurement, Measurement], Fraction]
"""Variance of the difference of two measurements, beyond what is stated: that of their publications."""


def merged(selected: pl.DataFrame, key: str = "genotype", phenotype: Phenotype = FITNESS) -> pl.DataFrame:
    """The merged table of records that have `perturbations`: by its primary key, what is relative to wild type first."""
    names = phenotype.merged.primary_key()
    groups = defaultdict(list)
    for row in selected.iter_rows(named=True):
        if row["value"] is not None:
            groups[_merge_key(row, names, key)].append(row)
    between = _between(_independent(rows) for rows in groups.values())
    rows = [
        {**dict(zip(names, k, strict=True)), "perturbations": _perturbations(k[0]), **_pooled(rows, between)}
        for k, rows in groups.items()
    ]
    types = polars_schema(phenotype.merged)
    order = [one for name in names for one in ([pl.col(name) != "wild type"] if name == "reference" else []) + [name]]
    return pl.DataFrame(rows, schema=types, strict=False).sort(order)


def assert_is_merged(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The real merge made what the rules say: all to the bit but the last digits of what is divided."""
    assert_frame_equal(found.drop(ROUNDED), expected.drop(ROUNDED), check_exact=True)
    assert_frame_equal(found.select(ROUNDED), expected.select(ROUNDED), rel_tol=1e-7, abs_tol=1e-9)


def _merge_key(row: dict[str, Any], names: list[str], key: str) -> tuple:
    """What may pool has it in common. names: of its parts, the genotype first."""
    if key == "paper":
        mixed = {"temperature": -1.0, "medium_class": "SGA plate", "assay": "colony size", "reference": "wild type"}
        row = {**row, **mixed, "evidence": "measured"}
        return ("+".join(_genes(row)), *(row[name] for name in names[1:]))
    texts = [f"{p['gene']}:{p['kind']}:{p['allele']}:{p['zygosity']}" for p in row["perturbations"]]
    temperature = -1.0 if row["temperature"] is None else row["temperature"]
    return (" + ".join(sorted(texts)), *({**row, "temperature": temperature}[name] for name in names[1:]))


def _perturbations(genotype: str) -> list[dict[str, str]]:
    """What the text of a genotype says; a gene set says its genes and nothing else."""
    if ":" not in genotype:
        return [{"gene": gene} for gene in genotype.split("+")]
    return [dict(zip(IDENTITY, text.split(":"), strict=True)) for text in genotype.split(" + ")]


def _genes(row: dict[str, Any]) -> list[str]:
    return sorted({p["gene"] for p in row["perturbations"]})


def _pooled(rows: list[dict[str, Any]], between: Between) -> dict[str, Any]:
    measurements = _independent(rows)
    every = [p for row in rows for p in row["perturbations"]]
    queries = {row["query"] for row in rows}
    samples = [m.samples for m in measurements]
    return {
        "genes": "+".join(_genes(rows[0])),
        "order": len(_genes(rows[0])),
        "deletions_only": all(p["kind"] == "deletion" for p in every),
        "haploid": all(p["zygosity"] == "haploid" for p in every),
        "query": queries.pop() if len(queries) == 1 else None,
        **_weighed(measurements, between),
        "measurements": len(measurements),
        "laboratories": len({row["laboratory"] for row in rows}),
        "samples": None if None in samples else sum(samples),
        "heterogeneity": _standard_deviation([m.value for m in measurements]),
        "publications": sorted({row["publication"] for row in rows}),
        "records": sorted(row["id"] for row in rows),
    }


def _independent(rows: list[dict[str, Any]]) -> list[Measurement]:
    same = defaultdict(list)
    for row in rows:
        same[row["laboratory"], row["value"], row["uncertainty"]].append(row)
    return [
        Measurement(
            Fraction(value),
            _chosen(min, map(_standard_error, alike)),
            _chosen(max, map(_shared, alike)),
            _chosen(max, (row.get("samples") for row in alike)),
            min(row["publication"] for row in alike),
        )
        for (_, value, _), alike in same.items()
    ]


def _standard_error(row: dict[str, Any]) -> float | None:
    match row["uncertainty_type"]:
        case "standard_error" | "bootstrap_se":
            return row["uncertainty"]
        case "sample_sd" if row.get("samples") and row["uncertainty"] is not None:
            return row["uncertainty"] / math.sqrt(row["samples"])
    return None


def _shared(row: dict[str, Any]) -> float | None:
    parts = [row[name] for name in ("query_error", "array_error") if row[name] is not None]
    return math.sqrt(sum(part**2 for part in parts)) if parts else None


def _between(pools: Iterable[list[Measurement]]) -> Between:
    found = defaultdict(list)
    for one, other in (pair for pool in pools for pair in combinations(pool, 2)):
        apart = (one.value - other.value) ** 2 - one.stated - other.stated
        found[frozenset({one.publication, other.publication})].append(apart)
    everything = [apart for pair in found.values() for apart in pair]
    variances = {
        pair: max(Fraction(0), sum(enough, Fraction(0)) / len(enough))
        for pair, own in found.items()
        for enough in (own if len(own) >= FEW else everything,)
    }
    return lambda one, other: variances[frozenset({one.publication, other.publication})]


def _weighed(measurements: list[Measurement], between: Between) -> dict[str, Any]:
    """Value, both errors, how it was pooled, and how well its parts agree."""
    n, errors = len(measurements), [m.standard_error for m in measurements]
    shared = [m.shared for m in measurements]
    if n == 1:
        alone = {"value": float(measurements[0].value), "pooling": "single", "shared_error": shared[0]}
        return {**alone, "standard_error": None if errors[0] is None else math.hypot(errors[0], shared[0] or 0.0)}
    whole = [m.stated + sum(between(m, other) for other in others) / (2 * (n - 1)) for m, others in _each(measurements)]
    by_precision = all(errors)  # neither unknown nor zero
    weights = [1 / variance for variance in whole] if by_precision else [Fraction(1)] * n
    mean = sum((w * m.value for w, m in zip(weights, measurements, strict=True)), Fraction(0)) / sum(weights)
    variance = 1 / sum(weights) if by_precision else sum(whole, Fraction(0)) / n**2
    spread = _standard_deviation([m.value for m in measurements])
    own = max(math.sqrt(variance), (spread or 0.0) / math.sqrt(n))
    of_standards = float(sum(w * Fraction(s or 0.0) for w, s in zip(weights, shared, strict=True)) / sum(weights))
    return {
        "value": float(mean),
        "pooling": "random_effects" if by_precision else "equal_weights",
        "shared_error": None if shared == [None] * n else of_standards,
        "standard_error": math.hypot(own, of_standards),
        "consistency": _probability([m.value - mean for m in measurements], whole),
    }


def _each(measurements: list[Measurement]) -> Iterator[tuple[Measurement, list[Measurement]]]:
    """Each measurement, and the others."""
    for at, one in enumerate(measurements):
        yield one, measurements[:at] + measurements[at + 1 :]


def _probability(apart: list[Fraction], variances: list[Fraction]) -> float:
    terms = [
        (distance**2, variance) for distance, variance in zip(apart, variances, strict=True) if abs(distance) >= 1e-9
    ]
    if any(variance == 0 for _, variance in terms):
        return 0.0
    q = sum((square / variance for square, variance in terms), Fraction(0))
    return float(scipy.stats.chi2.sf(float(q), len(apart) - 1))


def _standard_deviation(values: list[Fraction]) -> float | None:
    if len(values) == 1:
        return None
    mean = sum(values, Fraction(0)) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _chosen(choose: Callable, values: Iterable[Any]) -> Any:
    return choose((value for value in values if value is not None), default=None)


def pages(folder: Path, selected: pl.DataFrame, page: int = 5) -> Path:
    """Write records as pages; `ordinal` tells them apart."""
    folder.mkdir(parents=True)
    for at in range(0, max(selected.height, 1), page):
        rows = selected.slice(at, page)
        edges = rows.select("ordinal", "perturbations").explode("perturbations").unnest("perturbations").drop_nulls()
        rows.drop("perturbations").write_parquet(folder / f"{at:06d}{ROWS}")
        edges.select("ordinal", *IDENTITY).write_parquet(folder / f"{at:06d}{EDGES}")
    return folder
