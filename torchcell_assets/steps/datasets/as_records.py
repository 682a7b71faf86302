"""From a parser's columns to the columns of a record class.

Belongs here: what is alike in every dataset: the id, the genotype, the columns that a publication has nothing for.
Does not: what is in a raw file (one module per publication), validation (at publishing).
"""

import dataframely as dy
import polars as pl

from torchcell_assets.schema.genotype import with_genotype


def as_records(frame: pl.LazyFrame | pl.DataFrame, cls: type[dy.Schema], dataset: str) -> pl.LazyFrame:
    """The columns of `cls` in order: `id` (dataset:row:column) and the genotype are made, absent columns are null.

    frame: at least `row`, `column`, `perturbations` and what the class demands beside the columns made here. Where it
        has a `genotype` (with `genes` and `order`), those stand: see trigenic.py, which makes them strain by strain.
    """
    given = frame.lazy().with_columns(
        pl.lit(dataset).alias("dataset"),
        pl.concat_str(pl.lit(dataset), "row", "column", separator=":").alias("id"),
    )
    if "genotype" not in given.collect_schema():
        given = with_genotype(given)
    present = given.collect_schema().names()
    columns = cls.columns()
    return given.with_columns(
        pl.lit(None, dtype=column.dtype).alias(name) for name, column in columns.items() if name not in present
    ).select(list(columns))
