"""The table that Kuzmin et al. 2018 and 2020 share: one row per cross of a single or double query mutant to an array mutant.

Belongs here: its twelve columns, and how its rows become records. Does not: which file (kuzmin2018.py, kuzmin2020.py),
which alleles a strain carries (cross_genotypes.py), the tau identity (tau.py).

    raw epsilon = combined fitness - query fitness x array fitness        (digenic and trigenic rows)
    adjusted    = raw epsilon (digenic); tau, without the digenic parts (trigenic)

What must be known of the table:
- A single-mutant query carries hoΔ (YDL227C) beside its mutation, as a marker that changes no fitness. It is no
  perturbation. A deletion of ho in an array strain is one.
- Where the query fitness is blank, it stands with 1 in the product, so that the row is relative to the query strain.
- The screens were done at 26 degrees; 30 is said in places, and is wrong.
- What an array allele is follows from Costanzo's strain table by strain id (a `-supp` allele is a suppressor whatever
  its code says), and what a query allele is from the allele of that name there; only names with Δ are deletions.
- The printed standard deviation is that of the fitness, of four colonies. A few are exactly 0, and stay so.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.crosses.cross_genotypes import GENES_OF_QUERY, with_genotypes
from torchcell_assets.steps.datasets.crosses.strain_codes import (
    BOONE_ANDREWS,
    MARKER_GENE,
    STRAIN_CODES,
    SUPPRESSOR_IN_ALLELE,
)
from torchcell_assets.steps.datasets.dataset import Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, OtherLayout, any_unreadable, is_blank, number, unreadable
from torchcell_assets.steps.datasets.registered import Registered

COLONIES = 4  # per cross
TEMPERATURE = 26.0  # degrees Celsius
MEDIUM = "SGA selection plate"
OF_CROSSES = Registered(
    media=((MEDIUM, "SGA plate"),),
    references=("wild type", "query strain"),
    assays=("colony size",),
    laboratories=(BOONE_ANDREWS,),
)
OF_FITNESS = replace(OF_CROSSES, sample_units=("colony",))
OF_QUERIES = replace(OF_CROSSES, references=("wild type",))
POLICIES = {
    "condition": {"colonies": COLONIES, "temperature": TEMPERATURE, "medium": MEDIUM},
    "strain_codes": STRAIN_CODES.rows(),
    "suppressor": SUPPRESSOR_IN_ALLELE,
    "marker_gene": MARKER_GENE,
}
"""Constants that decide what is stored of both publications."""

_PUBLISHED = {
    "query": "Query strain ID",
    "query_allele": "Query allele name",
    "array": "Array strain ID",
    "array_allele": "Array allele name",
    "type": "Combined mutant type",
    "raw": "Raw genetic interaction score (epsilon)",
    "score": "Adjusted genetic interaction score (epsilon or tau)",
    "p": "P-value",
    "query_fitness": "Query single/double mutant fitness",
    "array_fitness": "Array single mutant fitness",
}
_NUMBERS = ("raw", "score", "query_fitness", "array_fitness", "fitness", "sd")
_OF_A_CROSS = (
    ROW, "column", "problem", "screen", "strain", "perturbations", "genotype", "genes", "order", "query", "assay", "medium",
    "medium_class", "temperature", "temperature_source", "reference", "evidence", "publication", "laboratory",
)  # fmt: skip
"""Columns that the fitness of a cross and its interaction share."""
_FAR = 0.05  # columns in another order miss the product by more, in most rows


def columns(combined: str) -> list[str]:
    """The published header; combined: what the last two columns call the mutant (`Combined mutant` in 2018)."""
    return [*_PUBLISHED.values(), f"{combined} fitness", f"{combined} fitness standard deviation"]


def with_short_names(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The table under the names of this module, with its numbers; raises OtherLayout where it contradicts itself."""
    published = [name for name in table.columns if name != "row"]
    table = table.rename(dict(zip(published, [*_PUBLISHED, "fitness", "sd"], strict=True)))
    table = table.with_columns(
        *(number(name).alias(name) for name in _NUMBERS),
        problem=any_unreadable(*map(unreadable, _NUMBERS)),
        blank_fitness=is_blank("fitness"),
        blank_score=is_blank("score"),
        blank_sd=is_blank("sd"),
        blank_query=is_blank("query_fitness"),
    )
    if strange := table.filter(~pl.col("type").is_in(list(GENES_OF_QUERY)) | pl.col("type").is_null()).height:
        raise OtherLayout(path, f"{strange} of its rows are neither digenic nor trigenic")
    factor = pl.when("blank_query").then(1.0).otherwise("query_fitness")
    miss = table.select((factor * pl.col("array_fitness") + pl.col("raw") - pl.col("fitness")).abs().median()).item()
    if miss is None or miss > _FAR:
        raise OtherLayout(path, "its fitness does not follow from its other columns")
    return table


def fitness_records(table: pl.DataFrame, strains: pl.DataFrame, dataset: str, publication: str) -> Parsed:
    """One `Fitness` record per cross. table: `with_short_names`, with `row`, `column`. strains: Costanzo's table."""
    held = table.filter(~pl.col("blank_fitness"))
    records = _crosses(held, strains, dataset, publication).select(
        *_OF_A_CROSS,
        value="fitness",
        uncertainty="sd",
        uncertainty_type=pl.when("blank_sd").then(pl.lit("none")).otherwise(pl.lit("sample_sd")),
        samples=pl.lit(COLONIES, dtype=pl.UInt32),
        sample_unit=pl.lit("colony"),
    )
    return Parsed(as_records(records, Fitness, dataset), blank=int(table["blank_fitness"].sum()))


def interaction_records(table: pl.DataFrame, strains: pl.DataFrame, dataset: str, publication: str) -> Parsed:
    """One `Interaction` record per cross: epsilon of digenic rows, tau of trigenic ones; arguments as above.

    expected: what the mutant would grow like without the interaction, fitness - score. No uncertainty is printed.
    """
    held = table.filter(~pl.col("blank_score"))
    records = _crosses(held, strains, dataset, publication).select(
        *_OF_A_CROSS,
        value="score",
        expected=pl.col("fitness") - pl.col("score"),
        score=pl.when(pl.col("type") == "digenic").then(pl.lit("epsilon")).otherwise(pl.lit("tau")),
        p_value="p",
        p_value_sides=pl.when(pl.col("p").is_not_null()).then(pl.lit("not stated")),
        uncertainty_type=pl.lit("none"),
    )
    return Parsed(as_records(records, Interaction, dataset), blank=int(table["blank_score"].sum()))


def _crosses(table: pl.DataFrame, strains: pl.DataFrame, dataset: str, publication: str) -> pl.DataFrame:
    # experiments of one screen share their reference, whether or not a query's fitness is blank in every row
    relative = pl.when("blank_query").then(pl.lit("relative to query"))
    return with_genotypes(table, strains).with_columns(
        screen=pl.concat_str(pl.lit(dataset), "column", "query", relative, separator=":", ignore_nulls=True),
        strain=pl.concat_str("query", "array", separator=" x "),
        **OF_CROSSES.columns,
        temperature=pl.lit(TEMPERATURE),
        temperature_source=pl.lit("stated"),
        reference=pl.when("blank_query").then(pl.lit("query strain")).otherwise(pl.lit("wild type")),
        evidence=pl.lit("measured"),
        publication=pl.lit(publication),
    )


def query_records(queries: pl.DataFrame, strains: int, dataset: str, publication: str) -> Parsed:
    """One `Fitness` record per query strain that has a fitness.

    queries: `row`, `query`, `perturbations`, and as text `Fitness` and `St.dev.`. strains: rows of the published table;
    those that are not in `queries`, or have no fitness there, are its blank cells. The screen is that of the crosses of
    the query. How many measurements stand behind the fitness is not printed; its SD is a bootstrap one.

    A single mutant is derived: in the reference file of these screens (dmf_tr_150226) its fitness is that of Costanzo 2016
    over 1.011 (median of 425 strains, SD 0.006), the same measurement in another scale, and not to be pooled with it; its SD
    is `unspecified` as there.
    """
    held = queries.filter(~is_blank("Fitness"))
    single = pl.col("perturbations").list.len() == 1
    records = held.select(
        ROW,
        "perturbations",
        column=pl.lit("Fitness"),
        screen=pl.concat_str(pl.lit(dataset), "query", separator=":"),
        strain="query",
        **OF_QUERIES.columns,
        temperature=pl.lit(TEMPERATURE),
        temperature_source=pl.lit("stated"),
        evidence=pl.when(single).then(pl.lit("derived")).otherwise(pl.lit("measured")),
        publication=pl.lit(publication),
        value="Fitness",
        uncertainty="St.dev.",
        uncertainty_type=pl.when(is_blank("St.dev."))
        .then(pl.lit("none"))
        .when(single)
        .then(pl.lit("unspecified"))
        .otherwise(pl.lit("bootstrap_se")),
    )
    return Parsed(as_records(records, Fitness, dataset), blank=strains - held.height)
