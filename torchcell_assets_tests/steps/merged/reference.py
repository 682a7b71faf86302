"""The meaning of a merge, slow and in memory; and records as the pages that the real one reads.

Belongs here: what the tests of the merge compare with. Does not: expected numbers of single tests.
"""

from pathlib import Path

import duckdb
import polars as pl

from torchcell_assets.schema import MergedFitness, with_genotype
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph.read import EDGES, ROWS, SELECTION

IDENTITY = ("gene", "kind", "allele", "zygosity")


def merged(selected: pl.DataFrame, key: str = "genotype") -> pl.DataFrame:
    """The merged table of records that have `perturbations`, sorted by its primary key."""
    rows = with_genotype(selected).collect()
    every = lambda name, value: (  # noqa: E731
        pl.col("perturbations").list.eval(pl.element().struct.field(name) == value).list.all()
    )
    rows = rows.with_columns(
        deletions_only=every("kind", "deletion"),
        haploid=every("zygosity", "haploid"),
        temperature=pl.col("temperature").fill_null(-1.0),
    ).drop("perturbations")
    if key == "paper":
        one = {"evidence": "measured", "reference": "wild type", "medium_class": "SGA plate"}
        rows = rows.with_columns(pl.lit(text).alias(name) for name, text in one.items())
        rows = rows.with_columns(genotype="genes", temperature=pl.lit(-1.0))
    with duckdb.connect() as connection:
        connection.register("selected", rows.to_arrow())
        pooled = connection.sql(Path(__file__).with_name("reference.sql").read_text()).pl()
        connection.unregister("selected")
    types = polars_schema(MergedFitness).items()
    return pooled.select(pl.col(name).cast(dtype) for name, dtype in types).sort(*MergedFitness.primary_key())


def pages(folder: Path, selected: pl.DataFrame, page: int = 5) -> Path:
    """Write records as pages; `ordinal` tells them apart."""
    folder.mkdir(parents=True)
    for at in range(0, max(selected.height, 1), page):
        rows = selected.slice(at, page)
        edges = rows.select("ordinal", "perturbations").explode("perturbations").unnest("perturbations").drop_nulls()
        rows.select(list(SELECTION)).write_parquet(folder / f"{at:06d}{ROWS}")
        edges.select("ordinal", *IDENTITY).write_parquet(folder / f"{at:06d}{EDGES}")
    return folder
