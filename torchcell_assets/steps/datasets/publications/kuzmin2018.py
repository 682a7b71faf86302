"""Double and triple mutants of Kuzmin et al. 2018 (doi 10.1126/science.aao1729), and the fitness of their query strains.

Belongs here: which files of this publication become which records. Does not: what their rows mean, which is also that of
the publication of 2020 (trigenic.py).

Data S1 holds 410,399 digenic and 91,111 trigenic crosses. Data File S4 holds the fitness of the query strains, by strain
number alone (tm461); their genes are those of the query of that number in Data S1. Its other strains have none, and are
counted as blank. Tau can be recomputed only with these fitnesses as they are: they are records of their own, in the
screen of their query.
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.crosses import trigenic
from torchcell_assets.steps.datasets.crosses.cross_genotypes import query_alleles
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import read_columns, read_text

_LANDING = "https://doi.org/10.5061/dryad.tt367 (or the supplement of https://doi.org/10.1126/science.aao1729)"
KUZMIN_2018_CROSSES = Source.by_hand(
    "kuzmin2018/aao1729_data_s1.tsv",
    "c82b60f98590071fcb07b74b672958a5863b58e03b78631e6235cb664ee82afb",
    citation="Kuzmin et al. 2018, Science 360:eaao1729",
    doi="10.1126/science.aao1729",
    landing=f"{_LANDING}, Data S1",
)

KUZMIN_2018_QUERIES = Source.by_hand(
    "kuzmin2018/Data File S4_Fitness standard for single and double mutant query strains.xlsx",
    "2c9ee77dc6f0a08900158f23cecbcad41db6dc4a2555fbc7100fbca455869d51",
    citation="Kuzmin et al. 2018, Science 360:eaao1729",
    doi="10.1126/science.aao1729",
    landing=f"{_LANDING}, Data S4",
)

_QUERY_COLUMNS = ["Query Strain ID", "Fitness", "St.dev."]


def parse_fitness(crosses: Path, strains: Path) -> Parsed:
    """One row per cross of Data S1: the fitness of the double or triple mutant."""
    return trigenic.fitness_records(_read(crosses), read_strains(strains), FITNESS.name, FITNESS.publication)


def parse_interaction(crosses: Path, strains: Path) -> Parsed:
    """One row per cross of Data S1: its adjusted score."""
    return trigenic.interaction_records(
        _read(crosses), read_strains(strains), INTERACTION.name, INTERACTION.publication
    )


def parse_queries(queries: Path, crosses: Path, strains: Path) -> Parsed:
    """One row per query strain of Data File S4 that is the query of a cross of Data S1."""
    number = pl.col("query").str.extract(r"_([^_]+)$")
    known = query_alleles(_read(crosses), read_strains(strains)).with_columns(strain_number=number)
    known = known.unique("strain_number", keep="none")
    table = read_columns(queries, _QUERY_COLUMNS).rename({"Query Strain ID": "strain_number"})
    joined = table.with_columns(pl.col("strain_number").str.strip_chars()).join(
        known, on="strain_number", how="left", maintain_order="left"
    )
    screened = joined.filter(pl.col("query").is_not_null())
    return trigenic.query_records(screened, joined.height, QUERIES.name, QUERIES.publication)


def _read(path: Path) -> pl.DataFrame:
    table = trigenic.with_short_names(read_text(path, trigenic.columns("Combined mutant")), path)
    return table.with_columns(column=pl.lit("S1"))


_GENES_OUTSIDE = 80  # the strain table has 53, and names in the files that it lacks are allowed for
_LICENCE = "none stated (Science supplement)"
_CROSSES = (KUZMIN_2018_CROSSES, COSTANZO_2016_SINGLES)

FITNESS = Dataset(
    name="fitness_kuzmin2018",
    record=Fitness,
    sources=_CROSSES,
    parse=parse_fitness,
    description=(
        "One row is the fitness of one double (410,399) or triple (91,111) mutant on an SGA plate at 26 °C, relative to "
        "wild type, or to the query strain where that has no fitness. Its uncertainty is the SD of four colonies."
    ),
    citation=KUZMIN_2018_CROSSES.citation,
    publication=KUZMIN_2018_CROSSES.doi,
    licence=_LICENCE,
    registered=trigenic.OF_FITNESS,
    policies=trigenic.POLICIES,
    published_records=501_510,
    genes_outside=_GENES_OUTSIDE,
    logic="2",
)

QUERIES = Dataset(
    name="fitness_kuzmin2018_queries",
    record=Fitness,
    sources=(KUZMIN_2018_QUERIES, *_CROSSES),
    parse=parse_queries,
    description=(
        "One row is the fitness of one single- or double-mutant query strain, relative to wild type, as tau is computed with. "
        "That of a single mutant is derived: it is the measurement of Costanzo 2016 in another scale."
    ),
    citation=KUZMIN_2018_QUERIES.citation,
    publication=KUZMIN_2018_QUERIES.doi,
    licence=_LICENCE,
    registered=trigenic.OF_QUERIES,
    policies=trigenic.POLICIES,
    published_records=504,
    genes_outside=_GENES_OUTSIDE,
    logic="2",
)

INTERACTION = Dataset(
    name="interaction_kuzmin2018",
    record=Interaction,
    sources=_CROSSES,
    parse=parse_interaction,
    description=(
        "One row is the adjusted genetic interaction score of one double (epsilon, 410,399) or triple (tau, 91,111) mutant."
    ),
    citation=KUZMIN_2018_CROSSES.citation,
    publication=KUZMIN_2018_CROSSES.doi,
    licence=_LICENCE,
    registered=trigenic.OF_CROSSES,
    policies=trigenic.POLICIES,
    published_records=501_510,
    genes_outside=_GENES_OUTSIDE,
    queries=QUERIES,
    logic="2",
)

DATASETS = (FITNESS, INTERACTION, QUERIES)
