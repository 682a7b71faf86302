"""Which genes are essential, by the viability records of a data root.

Belongs here: the rule by which calls become an answer, and what is told of it. Does not: reading publications
(steps/datasets), leaving genotypes out of a sample (subsets.py).

A call counts where nothing of the gene is left: the deletion of one gene in a haploid strain, or of both copies in a
diploid. What a heterozygous strain does is none. Where datasets disagree, the gene counts as essential: a strain that somebody
could not get is no ground for a number. Of a gene that has strains of two parts, one that dies is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

NOTHING_LEFT = ("haploid", "homozygous")
"""Zygosities of a deletion after which no copy of the gene is left."""

RULE = {"zygosities": list(NOTHING_LEFT), "where calls disagree": "essential"}
"""What decides which genes are essential."""


@dataclass(frozen=True)
class Calls:
    """Which datasets call a gene essential, and which call it viable; both name -> datasets, sorted."""

    essential: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    viable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def disputed(self) -> list[str]:
        """Genes that are essential in one dataset and not in another; they count as essential."""
        return sorted(self.essential.keys() & self.viable.keys())

    def of(self, gene: str) -> bool | None:
        """Whether a gene is essential; None where no dataset says."""
        return True if gene in self.essential else False if gene in self.viable else None

    def summary(self, gene: str) -> str:
        """Who says so: `essential in viability_deletion_project, viable in viability_deutschbauer2005`."""
        calls = {"essential": self.essential.get(gene, ()), "viable": self.viable.get(gene, ())}
        return ", ".join(f"{call} in {' and '.join(datasets)}" for call, datasets in calls.items() if datasets)


def read(tables: Mapping[str, Path]) -> Calls:
    """The calls in stored tables of `Viability`. tables: dataset -> its Parquet file."""
    rows = [_calls(path).select(pl.all(), dataset=pl.lit(name)) for name, path in sorted(tables.items())]
    if not rows:
        return Calls()
    found = pl.concat(rows).group_by("viable", "gene").agg(pl.col("dataset").sort()).collect()
    by_call = {
        call: {gene: tuple(datasets) for gene, datasets in part.select("gene", "dataset").iter_rows()}
        for (call,), part in found.group_by("viable")
    }
    return Calls(by_call.get(False, {}), by_call.get(True, {}))


def _calls(path: Path) -> pl.LazyFrame:
    """`gene`, `viable`: one row per gene that a table has a call of."""
    perturbation = pl.col("perturbations").list.first().struct
    deleted = perturbation.field("kind").cast(pl.String) == "deletion"
    gone = perturbation.field("zygosity").cast(pl.String).is_in(NOTHING_LEFT)
    single = pl.col("perturbations").list.len() == 1
    calls = pl.scan_parquet(path).filter(single, deleted, gone).select("viable", gene=perturbation.field("gene"))
    return calls.group_by("gene").agg(pl.col("viable").all())
