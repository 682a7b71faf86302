"""What the merged table knows of mutants that a person asks for.

Belongs here: measured genotypes that a mutant contains, or that lack certain genes; names of genes that stand in the table.
Does not: samples of it (subsets.py), predictions (steps/trained).
"""

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from torchcell_assets.schema.derived import Merged
from torchcell_assets.schema.genotype import GENE_SEPARATOR
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.merged import merged_table

MOST = 8
"""Measured genotypes that are told of one mutant."""

TOLD = ("genotype", "order", "value", "standard_error", "temperature", "medium_class", "assay", "evidence")
"""Columns of the merged table that are told of each."""
_TYPES = {**polars_schema(Merged), "value": pl.Float64}
NEAREST = pl.List(pl.Struct({name: _TYPES[name] for name in TOLD}))

_OF_DELETIONS = "haploid AND deletions_only AND reference <> 'query strain'"


def contained(path: Path, genotypes: Sequence[Sequence[str]]) -> pl.Series:
    """Measured genotypes of haploid deletions that each mutant contains, itself among them; a list of structs of TOLD each.

    The largest overlap stands first; of one overlap what was measured before what was derived or simulated, then by name and
    temperature. At most MOST of each. Values relative to a query strain are left out: they are not comparable.

    Args:
        path: a merged file.
        genotypes: the deleted genes of each mutant.

    Raises:
        MergeError: `path` is no merged file.
    """
    parts = _parts(genotypes, largest=_largest(path))
    wanted = parts["genes"].unique().to_list()
    rows = merged_table.read(path, f"{_OF_DELETIONS} AND genes IN (SELECT unnest(?))", [wanted], ["genes", *TOLD])
    kinds = pl.col("evidence").cast(pl.String).replace_strict({"measured": 0}, default=1, return_dtype=pl.UInt8)
    ordered = (
        parts.join(rows, on="genes")
        .sort("mutant", -pl.col("order").cast(pl.Int16), kinds, "genotype", "temperature")
        .group_by("mutant", maintain_order=True)
        .agg(nearest=pl.struct(TOLD).head(MOST))
    )
    every = pl.DataFrame({"mutant": range(len(genotypes))}, schema={"mutant": pl.Int64})
    found = every.join(ordered, on="mutant", how="left", maintain_order="left")["nearest"].cast(NEAREST)
    return found.fill_null([]) if found.null_count() else found


def genes_among(path: Path, names: Collection[str]) -> set[str]:
    """Those of these systematic names that some genotype of a merged file has as a gene."""
    if not names:
        return set()
    rows = merged_table.read(
        path, "list_has_any(string_split(genes, ?), ?)", [GENE_SEPARATOR, sorted(names)], ["genes"]
    )
    return set(rows["genes"].str.split(GENE_SEPARATOR).explode()) & set(names)


def without_essential_genes(path: Path, essential: Collection[str]) -> pl.DataFrame:
    """Rows of haploid deletions in a merged file that lack one of these genes: `genes` and TOLD, by genotype and temperature."""
    where = "haploid AND deletions_only AND list_has_any(string_split(genes, ?), ?)"
    rows = merged_table.read(path, where, [GENE_SEPARATOR, sorted(essential)], ["genes", *TOLD])
    return rows.sort("genotype", "temperature")


def _largest(path: Path) -> int:
    """Genes of the largest genotype that may be told."""
    return merged_table.read(path, _OF_DELETIONS, columns=["order"])["order"].max() or 0  # type: ignore[return-value]


def _parts(genotypes: Sequence[Sequence[str]], largest: int) -> pl.DataFrame:
    """`mutant`, `genes`: every gene set of at most `largest` genes that each mutant contains."""
    rows = [
        (mutant, GENE_SEPARATOR.join(genes))
        for mutant, genotype in enumerate(genotypes)
        for order in range(1, largest + 1)
        for genes in itertools.combinations(sorted(set(genotype)), order)
    ]
    return pl.DataFrame(rows, schema={"mutant": pl.Int64, "genes": pl.String}, orient="row")
