"""Numbers of genes from a table that a person brings: one row a gene, one column a dimension.

Belongs here: reading such a table, whatever its numbers mean. Does not: tables of publications (a family of their own, or a
dataset), scaling: what the columns hold is what is stored.
"""

from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.recipes import Recipe

GENE = "gene"
"""The column of systematic names."""
MISSING = "the table does not hold it, or has an empty cell"
"""Why a gene is not described."""
_EMPTY = ["", "NA", "NaN", "nan"]


class OwnTableError(TorchcellError):
    """The table cannot be used as numbers of genes."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """The columns that the recipe names, in its order, genes x columns, float32.

    recipe: has one file, CSV or, by its ending, TSV, with a header; and `columns` in its parameters. A gene that the table does
    not hold, or with an empty cell, cannot be described: its row is NaN. Raises OwnTableError where a column is not there, a cell
    holds no number, a gene stands there twice, or none of the table is a gene of the list.
    """
    columns = list(recipe.parameters["columns"])
    table = _read(recipe, files)
    if not table[GENE].is_in(genes[GENE].to_list()).any():
        raise OwnTableError(
            f"{recipe.files[0].name}: none of its genes is one of the list; write systematic names (YAL001C)."
        )
    joined = genes.select(GENE).join(table, on=GENE, how="left", maintain_order="left")
    return joined.select(pl.col(columns).fill_null(np.nan)).to_numpy().astype(np.float32)


def notes(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> dict[str, list[str]]:
    """For the manifest: the columns, and what the table calls a gene and the list does not."""
    unknown = _read(recipe, files).join(genes.select(GENE), on=GENE, how="anti")[GENE].sort().to_list()
    return {"columns": list(recipe.parameters["columns"]), "genes_unknown": unknown}


def _read(recipe: Recipe, files: dict[str, Path]) -> pl.DataFrame:
    [source] = recipe.files
    path, columns = files[source.name], list(recipe.parameters["columns"])
    separator = "\t" if Path(source.name).suffix in {".tsv", ".tab", ".txt"} else ","
    try:
        cells = pl.read_csv(path, separator=separator, infer_schema=False, null_values=_EMPTY)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise OwnTableError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}.") from error
    if lacking := [name for name in (GENE, *columns) if name not in cells.columns]:
        raise OwnTableError(f"{path} has no column {lacking[0]!r}; it has {', '.join(cells.columns)}.")
    if twice := cells.filter(pl.col(GENE).is_duplicated())[GENE].to_list():
        raise OwnTableError(f"{path} has the gene {twice[0]!r} more than once: leave one row a gene.")
    table = cells.select(GENE, pl.col(columns).cast(pl.Float64, strict=False))
    for name in columns:
        wrong = cells.filter(table[name].is_null() & cells[name].is_not_null() | table[name].is_infinite())
        if not wrong.is_empty():
            raise OwnTableError(
                f"{path} has {wrong[name][0]!r} in the column {name!r} of {wrong[GENE][0]}: write a number."
            )
    return table
