"""Where a gene lies and which metabolic pathways it takes part in.

Belongs here: reading SGD's biochemical pathways, and the two blocks of the vector. Does not: other annotations,
fetching the raw file (sources).
"""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.recipes import BIOCHEMICAL_PATHWAYS, Recipe

CHROMOSOMES = (
    *("I", "II", "III", "IV", "V", "VI", "VII", "VIII"),
    *("IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "mito"),
)
COLUMNS = ["pathway", "reaction", "ec", "gene", "reference"]


MISSING = "it lies on none of the seventeen chromosomes"
"""Why a gene is not described."""


class PathwayFileError(TorchcellError):
    """The pathway file is not what SGD publishes."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> sp.csr_array:
    """Chromosome (17 dimensions) and pathways (one each, in alphabetical order), genes x dimension, sparse float32.

    genes: has `gene`, `name`, `aliases` and `chromosome`. A gene in no pathway has its chromosome alone; a gene on a
    chromosome that is none of the seventeen cannot be described: its row is NaN.
    """
    return blocks(genes, files[BIOCHEMICAL_PATHWAYS.name])


def blocks(genes: pl.DataFrame, path: Path) -> sp.csr_array:
    """The two blocks of `embed`, for what stands beside them in another family too; path: SGD's pathways."""
    place = {name: index for index, name in enumerate(CHROMOSOMES)}
    members = membership(genes, path)
    pathways = members["pathway"].unique().sort().to_list()
    column = {name: len(CHROMOSOMES) + index for index, name in enumerate(pathways)}
    known = members.filter(pl.col("row").is_not_null())
    chromosomes = np.array([place.get(name, -1) for name in genes["chromosome"]])
    rows = np.concatenate([np.arange(genes.height), known["row"].to_numpy()])
    columns = np.concatenate([np.maximum(chromosomes, 0), [column[name] for name in known["pathway"]]]).astype(np.int64)
    values = np.ones(len(rows), dtype=np.float32)
    values[: genes.height][chromosomes < 0] = np.nan
    return sp.csr_array((values, (rows, columns)), shape=(genes.height, len(CHROMOSOMES) + len(pathways)))


def membership(genes: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Distinct pairs `pathway`, `name` (as SGD writes it) and `row` of that gene in `genes`; null where it has none."""
    listed = (
        _read(path).select("pathway", name="gene").filter(pl.col("name").is_not_null()).unique().sort("pathway", "name")
    )
    numbered = genes.with_row_index("row")
    names = pl.concat(
        [
            numbered.select("name", "row", rank=0).drop_nulls("name"),
            numbered.select(pl.col("gene").alias("name"), "row", rank=1),
            numbered.select(pl.col("aliases").alias("name"), "row", rank=2).explode("name").drop_nulls("name"),
        ],
        how="vertical_relaxed",
    )
    # a standard name goes before a systematic one, and that before an alias, which may have several owners
    names = names.sort("rank", "row").unique("name", keep="first", maintain_order=True).select("name", "row")
    return listed.join(names, on="name", how="left", maintain_order="left")


def notes(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> dict[str, list[str]]:
    """For the manifest: names in the pathway file that belong to no gene of the list."""
    members = membership(genes, files[BIOCHEMICAL_PATHWAYS.name])
    return {"pathway_genes_unknown": members.filter(pl.col("row").is_null())["name"].unique().sort().to_list()}


def _read(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_csv(
            path, separator="\t", has_header=False, quote_char=None, infer_schema=False, encoding="utf8-lossy"
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PathwayFileError(f"{path} cannot be read as SGD's biochemical pathways: {error}.") from error
    if table.width != len(COLUMNS):
        raise PathwayFileError(
            f"{path} has {table.width} columns, but SGD's biochemical pathways have {len(COLUMNS)} "
            f"({', '.join(COLUMNS)}): fetch the file again."
        )
    table.columns = COLUMNS
    # one gene is written in protein style (Thi4)
    return table.with_columns(pl.col("gene").str.strip_chars().str.to_uppercase().replace("", None))
