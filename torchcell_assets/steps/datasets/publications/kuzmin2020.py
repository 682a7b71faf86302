"""Double and triple mutants of Kuzmin et al. 2020 (doi 10.1126/science.aaz5667), and the fitness of their query strains.

Belongs here: which tables of this publication become which records. Does not: what their rows mean, which is also that of
the publication of 2018 (trigenic.py).

Table S1 (main screens, 794,774 rows) and Table S3 (pilot screens, 139,821) have one layout, below a title. 24,193 digenic
and 11,443 trigenic crosses stand in both: they were done twice, and are two records, in two screens. 70 array strains are
spelled otherwise in S3; the number of a strain (dma91) is its own, and its spelling in S1 counts. Table S5 holds the
fitness of the query strains, blank for some; of a single mutant, the second gene is blank or the marker.
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.crosses import trigenic
from torchcell_assets.steps.datasets.crosses.cross_genotypes import query_alleles
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import is_blank, read_columns, read_sheet

_LANDING = (
    "https://www.science.org/doi/suppl/10.1126/science.aaz5667/suppl_file/aaz5667-tables_s1_to_s13.zip"
    " (a member of this zip)"
)
KUZMIN_2020_MAIN = Source.by_hand(
    "kuzmin2020/aaz5667-Table-S1.xlsx",
    "4180577d53d5012c6c747227cbeca8a2d09f59bd8028d3bb2f5fd84601c77def",
    citation="Kuzmin et al. 2020, Science 368:eaaz5667",
    doi="10.1126/science.aaz5667",
    landing=_LANDING,
)

KUZMIN_2020_PILOT = Source.by_hand(
    "kuzmin2020/aaz5667-Table-S3.xlsx",
    "625420bed5de3563c9f1b4f1909a627aa4d8dd1b629c3f8a3596eb99e132c54f",
    citation="Kuzmin et al. 2020, Science 368:eaaz5667",
    doi="10.1126/science.aaz5667",
    landing=_LANDING,
)

KUZMIN_2020_QUERIES = Source.by_hand(
    "kuzmin2020/aaz5667-Table-S5.xlsx",
    "632405396de8e78807c6e94023780344ff53b2bfe4579a2a7609a4309693c6c0",
    citation="Kuzmin et al. 2020, Science 368:eaaz5667",
    doi="10.1126/science.aaz5667",
    landing=_LANDING,
)

_QUERY_COLUMNS = ["Query Strain ID", "ORF1", "Allele1", "ORF2", "Allele2", "Mutant type", "Fitness", "St.dev."]
_CARRIED = {"Single mutant": 1, "Double mutant": 2}


def parse_fitness(main: Path, pilot: Path, strains: Path) -> Parsed:
    """One row per row of Table S1, then of Table S3: the fitness of the double or triple mutant."""
    table = spelled_as_in_main(_read(main, "S1"), _read(pilot, "S3"))
    return trigenic.fitness_records(table, read_strains(strains), FITNESS.name, FITNESS.publication)


def parse_interaction(main: Path, pilot: Path, strains: Path) -> Parsed:
    """One row per row of Table S1, then of Table S3: the adjusted score."""
    table = spelled_as_in_main(_read(main, "S1"), _read(pilot, "S3"))
    return trigenic.interaction_records(table, read_strains(strains), INTERACTION.name, INTERACTION.publication)


def parse_queries(queries: Path, strains: Path) -> Parsed:
    """One row per query strain of Table S5 with a fitness."""
    second = pl.when(~is_blank("ORF2")).then("ORF2")
    alleles = (
        pl.when(second.is_not_null()).then(pl.concat_str("Allele1", "Allele2", separator="+")).otherwise("Allele1")
    )
    table = read_columns(queries, _QUERY_COLUMNS).with_columns(
        genes=pl.concat_str("ORF1", second, separator="+", ignore_nulls=True),
        query_allele=alleles,
        printed=pl.col("Query Strain ID").str.strip_chars(),
    )
    table = table.with_columns(query=pl.concat_str("genes", pl.col("printed").str.extract(r"([^_]+)$"), separator="_"))
    known = query_alleles(table, read_strains(strains))
    joined = table.join(known, on=["query", "query_allele"], how="left", maintain_order="left").with_columns(
        # a strain that carries more or less than its type says has no known genotype, and breaks a rule
        perturbations=pl.when(
            pl.col("perturbations").list.len() == pl.col("Mutant type").replace_strict(_CARRIED, default=None)
        ).then("perturbations"),
        query=pl.when(pl.col("printed").str.contains("_")).then("printed").otherwise("query"),
    )
    return trigenic.query_records(joined, joined.height, QUERIES.name, QUERIES.publication)


def spelled_as_in_main(main: pl.DataFrame, pilot: pl.DataFrame) -> pl.DataFrame:
    """Both tables, the array strains of `pilot` under the id and allele name that `main` gives to their number."""
    number = pl.col("array").str.extract(r"_([^_]+)$").alias("number")
    spelled = main.select("array", "array_allele", number).unique("number", keep="first", maintain_order=True)
    renamed = pilot.with_columns(number).join(spelled, on="number", how="left", suffix="_main", maintain_order="left")
    return pl.concat(
        [
            main,
            renamed.with_columns(
                array=pl.coalesce("array_main", "array"), array_allele=pl.coalesce("array_allele_main", "array_allele")
            ).select(main.columns),
        ]
    )


def _read(path: Path, table: str) -> pl.DataFrame:
    sheet = read_sheet(path, trigenic.columns("Double/triple mutant"), skip=1)
    return trigenic.with_short_names(sheet, path).with_columns(column=pl.lit(table))


_GENES_OUTSIDE = 80  # the strain table has 53, and names in the files that it lacks are allowed for
_LICENCE = "none stated (Science supplement)"
_CROSSES = (KUZMIN_2020_MAIN, KUZMIN_2020_PILOT, COSTANZO_2016_SINGLES)

FITNESS = Dataset(
    name="fitness_kuzmin2020",
    record=Fitness,
    sources=_CROSSES,
    parse=parse_fitness,
    description=(
        "One row is the fitness of one double (632,797) or triple (301,798) mutant on an SGA plate at 26 °C, relative to "
        "wild type, or to the query strain where that has no fitness. Its uncertainty is the SD of four colonies."
    ),
    citation=KUZMIN_2020_MAIN.citation,
    publication=KUZMIN_2020_MAIN.doi,
    licence=_LICENCE,
    registered=trigenic.OF_FITNESS,
    policies=trigenic.POLICIES,
    published_records=934_595,
    genes_outside=_GENES_OUTSIDE,
    logic="2",
)

QUERIES = Dataset(
    name="fitness_kuzmin2020_queries",
    record=Fitness,
    sources=(KUZMIN_2020_QUERIES, COSTANZO_2016_SINGLES),
    parse=parse_queries,
    description=(
        "One row is the fitness of one single- or double-mutant query strain, relative to wild type, as tau is computed with. "
        "That of a single mutant is derived: it is the measurement of Costanzo 2016 in another scale."
    ),
    citation=KUZMIN_2020_QUERIES.citation,
    publication=KUZMIN_2020_QUERIES.doi,
    licence=_LICENCE,
    registered=trigenic.OF_QUERIES,
    policies=trigenic.POLICIES,
    published_records=673,
    genes_outside=_GENES_OUTSIDE,
    logic="2",
)

INTERACTION = Dataset(
    name="interaction_kuzmin2020",
    record=Interaction,
    sources=_CROSSES,
    parse=parse_interaction,
    description=(
        "One row is the adjusted genetic interaction score of one double (epsilon, 632,797) or triple (tau, 301,798) mutant."
    ),
    citation=KUZMIN_2020_MAIN.citation,
    publication=KUZMIN_2020_MAIN.doi,
    licence=_LICENCE,
    registered=trigenic.OF_CROSSES,
    policies=trigenic.POLICIES,
    published_records=934_595,
    genes_outside=_GENES_OUTSIDE,
    queries=QUERIES,
    logic="2",
)

DATASETS = (FITNESS, INTERACTION, QUERIES)
