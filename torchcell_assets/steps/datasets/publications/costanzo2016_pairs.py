"""Double mutants of Costanzo et al. 2016 (doi 10.1126/science.aaf1420): 20,705,612 crosses in four files; fitness and epsilon.

Belongs here: how the pair-wise files become records, batch by batch. Does not: what a strain id means
(fitness_costanzo2016.py), single mutants.

What must be known of the files:
- One row is one query strain crossed to one array strain, at 26 or 30 degrees; A x B and B x A are two rows, in two screens.
- The allele of a strain is looked up in the strain table. A strain that is not in it keeps the allele name of the pair file.
- The query fitness is blank where it was not measured; the double mutant's fitness never is. It is then relative to the query
  strain, which stands with 1 in the product: observed = 1 x array fitness + epsilon.
- The standard deviation is one over four colonies, of the fitness of the double mutant. No uncertainty is printed for epsilon,
  and that of the fitness is not taken for it: the products of the single mutants have an error too.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dataframely as dy
import polars as pl

from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.crosses.strain_codes import BOONE_ANDREWS, STRAIN_CODES, SUPPRESSOR_IN_ALLELE
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.crosses.strains import Strains, of_crosses
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, is_blank, number, read_batches, unreadable
from torchcell_assets.steps.datasets.registered import Registered

_FILES = {
    "SGA_NxN.txt": "c413d1bfab7e79a2db142ba3e43572411216f24c23df71bb1e180163da1304ae",
    "SGA_ExN_NxE.txt": "d8b183a80da1d52bbf66c134d4707c1c243c2cf1689859aee72c28e4d4adffca",
    "SGA_ExE.txt": "84dfe41a09192479842dc0055373c35afcb5246c8e11bb9724326615f5162f7d",
    "SGA_DAmP.txt": "581eafbc7a30155f5af7777101e6f94cfd03fcf0242ee76ecce47aa88d75ebc8",
}
COSTANZO_2016_PAIRS = tuple(
    Source.by_hand(
        f"costanzo2016/{name}",
        sha256,
        citation=COSTANZO_2016_SINGLES.citation,
        doi=COSTANZO_2016_SINGLES.doi,
        landing="https://thecellmap.org/costanzo2016 (Data File S1, pair-wise interaction format: a member of the zip)",
    )
    for name, sha256 in _FILES.items()
)

_REGISTERED = Registered(
    media=(("SGA selection plate", "SGA plate"),),
    references=("wild type", "query strain"),
    assays=("colony size",),
    laboratories=(BOONE_ANDREWS,),
)

COLUMNS = [
    "Query Strain ID",
    "Query allele name",
    "Array Strain ID",
    "Array allele name",
    "Arraytype/Temp",
    "Genetic interaction score (ε)",
    "P-value",
    "Query single mutant fitness (SMF)",
    "Array SMF",
    "Double mutant fitness",
    "Double mutant fitness standard deviation",
]
_QUERY, _QUERY_ALLELE, _ARRAY, _ARRAY_ALLELE, _PLATE, _EPSILON, _P, _QUERY_FITNESS, _, _FITNESS, _SD = COLUMNS
COLONIES = 4  # of each double mutant, on one plate
ROWS = 20_705_612
GENES_OUTSIDE = 53  # those of the strain table
_DECIMALS = 4  # of every number in the files


def strain_table(path: Path) -> pl.DataFrame:
    """The published strains with the columns that `Strains.of` needs."""
    strains = read_strains(path)
    return strains.select("strain", "gene", "kind", "marker", "role", allele="published", name="published")


def with_unknown(table: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
    """`table`, and the strains of `batch` that it lacks: their kind by their code, their allele as the batch names it."""
    named = pl.concat(
        batch.select(strain=strain, allele=allele)
        for strain, allele in ((_QUERY, _QUERY_ALLELE), (_ARRAY, _ARRAY_ALLELE))
    ).unique("strain", maintain_order=True)
    unknown = named.join(table, on="strain", how="anti", maintain_order="left")
    if unknown.is_empty():
        return table
    code = pl.col("strain").str.extract(r"_([A-Za-z]+)\d+$")
    found = unknown.with_columns(gene=pl.col("strain").str.extract(r"^([^_]+)_"), code=code).join(
        STRAIN_CODES, on="code", how="left", maintain_order="left"
    )
    suppressor = pl.col("allele").str.contains(SUPPRESSOR_IN_ALLELE, literal=True)
    kind = pl.when(suppressor).then(pl.lit("suppressor")).otherwise("kind")
    return pl.concat([table, found.with_columns(kind=kind, name="allele").select(table.columns)])


def parse(cls: type[dy.Schema], dataset: str, singles: Path, *pairs: Path) -> Iterator[Parsed]:
    """The records of one batch after the other, in the order of the files and of their rows."""
    table = strain_table(singles)
    strains = Strains.of(table)
    for path in pairs:
        for batch in read_batches(path, COLUMNS):
            if strains.numbers(batch[_QUERY]).has_nulls() or strains.numbers(batch[_ARRAY]).has_nulls():
                table = with_unknown(table, batch)
                strains = Strains.of(table)
            yield _records(cls, dataset, path.stem, batch, strains)


def _records(cls: type[dy.Schema], dataset: str, file: str, batch: pl.DataFrame, strains: Strains) -> Parsed:
    value = _FITNESS if cls is Fitness else _EPSILON
    blank = batch.select(is_blank(value)).to_series()
    held = batch.filter(~blank) if blank.any() else batch
    crosses = of_crosses(strains, strains.numbers(held[_QUERY]), strains.numbers(held[_ARRAY]))
    phenotype = _fitness() if cls is Fitness else _interaction()
    relative = pl.when(is_blank(_QUERY_FITNESS)).then(pl.lit("relative to query"))
    records = pl.concat([held, crosses], how="horizontal").select(
        ROW,
        *crosses.columns,
        column=pl.lit(file),
        # experiments of one screen share their reference, whether or not a query's fitness is blank in every row
        screen=pl.concat_str(pl.lit(dataset), _QUERY, _PLATE, relative, separator=":", ignore_nulls=True),
        query=_QUERY,
        **_REGISTERED.columns,
        temperature=pl.col(_PLATE).str.extract(r"(\d+)$").cast(pl.Float64, strict=False),
        temperature_source=pl.lit("stated"),
        reference=pl.when(is_blank(_QUERY_FITNESS)).then(pl.lit("query strain")).otherwise(pl.lit("wild type")),
        evidence=pl.lit("measured"),
        publication=pl.lit(COSTANZO_2016_SINGLES.doi),
        **phenotype,
    )
    return Parsed(as_records(records, cls, dataset), blank=int(blank.sum()))


def _fitness() -> dict[str, pl.Expr]:
    return {
        "value": pl.col(_FITNESS),
        "uncertainty": pl.col(_SD),
        "uncertainty_type": pl.when(is_blank(_SD)).then(pl.lit("none")).otherwise(pl.lit("sample_sd")),
        "samples": pl.lit(COLONIES, dtype=pl.UInt32),
        "sample_unit": pl.lit("colony"),
    }


def _interaction() -> dict[str, pl.Expr]:
    return {
        "value": pl.col(_EPSILON),
        "uncertainty_type": pl.lit("none"),
        # epsilon is observed - expected; the product of the printed singles is blank where the query's is
        "expected": (number(_FITNESS) - number(_EPSILON)).round(_DECIMALS),
        "score": pl.lit("epsilon"),
        "p_value": pl.col(_P),
        "p_value_sides": pl.when(~is_blank(_P)).then(pl.lit("not stated")),
        "problem": unreadable(_FITNESS),
    }


def _dataset(name: str, record: type[dy.Schema], what: str) -> Dataset:
    sources: tuple[Source, ...] = (COSTANZO_2016_SINGLES, *COSTANZO_2016_PAIRS)
    return Dataset(
        name=name,
        record=record,
        sources=sources,
        parse=lambda *paths: parse(record, name, *paths),
        description=f"One row is {what} of one double mutant, query strain x array strain, at 26 or 30 °C on SGA plates.",
        citation=COSTANZO_2016_SINGLES.citation,
        publication=COSTANZO_2016_SINGLES.doi,
        licence="none stated",
        registered=replace(_REGISTERED, sample_units=("colony",)) if record is Fitness else _REGISTERED,
        policies={"strain_codes": STRAIN_CODES.rows(), "suppressor": SUPPRESSOR_IN_ALLELE, "colonies": COLONIES},
        published_records=ROWS,
        genes_outside=GENES_OUTSIDE,
        logic="2",
    )


FITNESS = _dataset("fitness_costanzo2016_pairs", Fitness, "the fitness")
INTERACTION = _dataset("interaction_costanzo2016", Interaction, "epsilon, observed minus expected fitness,")

DATASETS = (FITNESS, INTERACTION)
