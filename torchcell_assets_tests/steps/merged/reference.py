"""The meaning of a merge, record by record in plain Python; and records as the pages that the real one reads.

Belongs here: what the tests of the merge compare with, written from the rules and not from the code. Does not: expected
numbers of single tests.

The rules:
- A genotype is the sorted list of (gene, kind, allele, zygosity) of its perturbations; the allele of a deletion is constant.
- Genotype, temperature, class of media, reference and kind of evidence make one row. The policy `paper` pools by genes alone.
- A record without a value is left out. Equal value and uncertainty of one row in one publication are one measurement: it has
  the smallest standard error and the largest number of samples that is stated.
- The standard error of a sample SD is SD / sqrt(n); a bootstrap SE is taken as it is; all else has none.
- One measurement stands as it is. Several are weighed by 1 / SE^2 where each has a positive SE, else by their samples (1 where
  none are stated); the SE of the latter is given where each has one.
- Heterogeneity is the sample SD between the measurements. Samples are given where all are stated.
- Sums run over integers, so that no order of records matters: billionths of a value, round(1e6 / SE^2) as a weight.
"""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph.read import EDGES, ROWS, SELECTION

IDENTITY = ("gene", "kind", "allele", "zygosity")
ROW = ("genotype", "temperature", "medium_class", "reference", "evidence")


def merged(selected: pl.DataFrame, key: str = "genotype") -> pl.DataFrame:
    """The merged table of records that have `perturbations`, sorted by its primary key."""
    rows: dict[tuple, list[dict]] = defaultdict(list)
    for record in selected.iter_rows(named=True):
        if record["value"] is not None:
            said = record | described(record["perturbations"])
            said["temperature"] = -1.0 if said["temperature"] is None else said["temperature"]
            if key == "paper":
                said |= {"genotype": said["genes"], "temperature": -1.0, "medium_class": "SGA plate"}
                said |= {"reference": "wild type", "evidence": "measured"}
            rows[tuple(said[name] for name in ROW)].append(said)
    made = [dict(zip(ROW, where, strict=True)) | pooled(records) for where, records in rows.items()]
    table = pl.DataFrame(made, schema=polars_schema(MergedFitness), infer_schema_length=None)
    return table.sort(*MergedFitness.primary_key())


def described(perturbations: list[dict]) -> dict[str, Any]:
    """What a genotype is, from its perturbations."""
    identities = sorted(
        ":".join((p["gene"], p["kind"], "delta" if p["kind"] == "deletion" else p["allele"], p["zygosity"]))
        for p in perturbations
    )
    genes = sorted({p["gene"] for p in perturbations})
    return {
        "genotype": " + ".join(identities),
        "genes": "+".join(genes),
        "order": len(genes),
        "deletions_only": all(p["kind"] == "deletion" for p in perturbations),
        "haploid": all(p["zygosity"] == "haploid" for p in perturbations),
    }


def pooled(records: list[dict]) -> dict[str, Any]:
    """One row, of all records that belong to it."""
    alike: dict[tuple, list[dict]] = defaultdict(list)
    for record in records:
        alike[record["publication"], record["value"], record["uncertainty"]].append(record)
    measurements = [
        (
            rounded(group[0]["value"] * 1e9),
            min((se for se in map(standard_error, group) if se is not None), default=None),
            max((one["samples"] for one in group if one["samples"] is not None), default=None),
        )
        for group in alike.values()
    ]
    stated = [samples for _, _, samples in measurements if samples is not None]
    return {
        **{name: records[0][name] for name in ("genes", "order")},
        **{name: all(one[name] for one in records) for name in ("deletions_only", "haploid")},
        **mean(measurements),
        "measurements": len(measurements),
        "samples": sum(stated) if len(stated) == len(measurements) else None,
        "heterogeneity": spread([value for value, _, _ in measurements]),
        "publications": sorted({one["publication"] for one in records}),
        "records": sorted(one["id"] for one in records),
    }


def standard_error(record: dict) -> float | None:
    kind, uncertainty, samples = record["uncertainty_type"], record["uncertainty"], record["samples"]
    if uncertainty is None or kind == "none":
        return None
    if kind == "sample_sd":
        return uncertainty / math.sqrt(samples) if samples else None
    return uncertainty


def mean(measurements: list[tuple[int, float | None, int | None]]) -> dict[str, Any]:
    """Value, standard error and kind of pooling of measurements: (billionths, standard error, samples)."""
    if len(measurements) == 1:
        ((value, se, _),) = measurements
        return {"value": value / 1e9, "standard_error": se, "pooling": "single"}
    if all(se is not None and se > 0 for _, se, _ in measurements):
        weights = [rounded(1e6 / (se * se)) for _, se, _ in measurements]
        se, kind = math.sqrt(1e6 / float(sum(weights))), "inverse_variance"
    else:
        weights, kind = [samples or 1 for _, _, samples in measurements], "sample_weighted"
        se = None
        if all(one is not None for _, one, _ in measurements):
            squares = [rounded(float(w) * w * s * s * 1e18) for w, (_, s, _) in zip(weights, measurements, strict=True)]
            se = math.sqrt(float(sum(squares)) / 1e18) / float(sum(weights))
    total = sum(w * value for w, (value, _, _) in zip(weights, measurements, strict=True))
    return {"value": float(total) / float(sum(weights)) / 1e9, "standard_error": se, "pooling": kind}


def spread(values: list[int]) -> float | None:
    """Sample SD of billionths."""
    n = len(values)
    if n < 2:
        return None
    return math.sqrt(float(n * sum(v * v for v in values) - sum(values) ** 2) / (n * (n - 1.0))) / 1e9


def rounded(number: float) -> int:
    """To the nearest integer, halves away from zero."""
    if abs(number) >= 2**52:  # has no fraction
        return int(number)
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def pages(folder: Path, selected: pl.DataFrame, page: int = 5) -> Path:
    """Write records as pages; `ordinal` tells them apart."""
    folder.mkdir(parents=True)
    for at in range(0, max(selected.height, 1), page):
        rows = selected.slice(at, page)
        edges = rows.select("ordinal", "perturbations").explode("perturbations").unnest("perturbations").drop_nulls()
        rows.select(list(SELECTION)).write_parquet(folder / f"{at:06d}{ROWS}")
        edges.select("ordinal", *IDENTITY).write_parquet(folder / f"{at:06d}{EDGES}")
    return folder
