"""De-duplication: selected records of a phenotype -> one row per genotype and condition, in DuckDB.

Belongs here: the merge key, which records count as one measurement, pooling, what is excluded and why. Does not: what
is selected (graph/queries), which phenotypes there are (phenotypes.py), the file (merged_table.py), samples of it (subsets.py).

The merge key is the primary key of the merged class: genotype, temperature, medium class, assay, reference, kind of evidence, and
what else the phenotype tells apart. Two alleles of one gene, two temperatures, assays, zygosities or references never pool.
`paper` is the gene-only key of the system described in 2024, offered for comparison: it mixes alleles, assays, zygosities and
conditions. Records are merged as integers (identities.py), in buckets that fit in memory (runs.py), twice: how far publications
differ has to be known before anything is pooled.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from torchcell_assets.steps.graph.read import pages_in
from torchcell_assets.steps.merged import pooled, runs
from torchcell_assets.steps.merged.between_publications import Differences
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.measurements import measurements
from torchcell_assets.steps.merged.merged_table import BETWEEN_PUBLICATIONS, REPLICATES, append, created
from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.storage.atomic import temporary_folder
from torchcell_assets.storage.content import ContentHash

KEYS = ("genotype", "paper")

_STATED = ("uncertainty", "uncertainty_type", "samples")
_WEIGHED_BY = ("value", *_STATED, "publication")
_SHARED = ("query_error", "array_error")
_DECIDED_BY = {
    "deletions_only": ("perturbations",),
    "haploid": ("perturbations",),
    "value": _WEIGHED_BY,
    "standard_error": (*_WEIGHED_BY, *_SHARED),
    "shared_error": (*_SHARED, *_WEIGHED_BY),
    "pooling": _STATED,
    "measurements": ("value", "uncertainty", "laboratory"),
    "laboratories": ("laboratory",),
    "heterogeneity": ("value",),
    "consistency": _WEIGHED_BY,
    "publications": ("publication",),
    "records": ("id",),
}
"""Column of a merged table -> columns of the records that decide it, where it is not the one of its own name."""


def columns_from(phenotype: Phenotype) -> dict[str, tuple[str, ...]]:
    """Column of the merged table -> columns of the records that decide it."""
    own = phenotype.record.columns()
    return {
        name: tuple(one for one in _DECIDED_BY.get(name, (name,)) if one in own) for name in phenotype.merged.columns()
    }


@dataclass(frozen=True)
class Merged:
    """What became of the selected records: the counts add up to `selected`.

    rows: of the merged table. data_version: what `content_hash` gives for them. excluded: reason -> records. pooled: records
    that stand behind some row.
    """

    rows: int
    data_version: str
    selected: int
    pooled: int
    excluded: dict[str, int]


def merge(
    folder: Path,
    path: Path,
    phenotype: Phenotype,
    key: str = "genotype",
    *,
    threads: int = 2,
    memory_limit: str = "800MB",
) -> Merged:
    """Pool the selected records and write them to `path`, a merged file, in the order of the merge key.

    folder: pages, as graph/read.py::select writes them; the order of the records does not matter.
    memory_limit: of DuckDB; what Python holds of a bucket comes on top, about as much.
    Measurements are pooled by random effects where each has a positive standard error (the sample SD over the square root of n;
    a bootstrap SE as it is), otherwise with equal weights: see pooling.py. Equal value and uncertainty of the same genotype in
    the same laboratory count once: see measurements.py.
    Raises MergeError if there is no such key or no page, or if a record has no genotype; dataframely's ValidationError if a
    merged row breaks a rule of its class.
    """
    if key not in KEYS:
        raise MergeError(f"There is no merge key {key!r}: set `merge_key` of the study to one of {', '.join(KEYS)}.")
    pages = pages_in(folder)
    if not pages:
        raise MergeError(f"There is nothing to merge in {folder}: no experiments were read from the graph.")
    rows, content = 0, ContentHash()
    content.update(pl.DataFrame(schema=phenotype.types))  # a table without rows has columns too
    with (
        temporary_folder(path.parent) as scratch,
        created(path, phenotype, threads, memory_limit) as connection,
    ):
        known = runs.survey(pages, phenotype, key == "paper", connection)
        sorted_runs = runs.write(pages, known, scratch)
        differences = Differences()
        for bucket in runs.buckets(sorted_runs, runs.WITHOUT_IDS):
            differences.add(measurements(bucket, pooled.places(bucket)))
        variances, between = differences.variances(known.publications)
        append(connection, BETWEEN_PUBLICATIONS, between)
        for bucket in runs.buckets(sorted_runs):
            found, repeats = pooled.pooled(bucket, known, variances)
            table = phenotype.merged.validate(found)
            append(connection, phenotype.name, table)
            append(connection, REPLICATES, repeats)
            content.update(table)  # here, where the rows are in memory and in order: the file need not be read back
            rows += table.height
    return Merged(
        rows, content.digest(), known.selected, sorted_runs.rows, {"censored (below a bound, no value)": known.censored}
    )
