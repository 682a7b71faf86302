"""Genes by a language model: the vector of the sequence that the model reads of each.

Belongs here: from the cache of vectors to genes, and which genes are left out by rule. Does not: computing a vector
(language_models), which a worker has done before.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.recipes import Recipe
from torchcell_assets.steps.representations.sequence_cache import DESCRIPTION, SequenceCache, digest
from torchcell_assets.steps.representations.sequences import sequences

VECTORS, CHROMOSOMES = "vectors", "chromosomes"
"""Among the files of a family: the folder of the vectors by sequence, and the table of datasets/chromosomes."""


class VectorsMissing(TorchcellError):
    """Not all vectors of a representation have been computed."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """Vectors by gene, genes x dimension, float32.

    genes: has the columns of `Gene`. files: VECTORS, and CHROMOSOMES where the model reads DNA about a gene.
    A gene without a sequence, and one that the recipe leaves out by rule, is NaN.

    Raises:
        VectorsMissing: the cache does not hold the vector of every sequence.
    """
    model = MODELS[recipe.parameters["model"]]
    read = _read(genes, recipe, files)["sequence"].to_list()
    rows = [row for row, sequence in enumerate(read) if sequence]
    made = SequenceCache(files[VECTORS], model.dimension).vectors(digest(read[row]) for row in rows)
    if absent := int(np.isnan(made).any(axis=1).sum()):
        raise VectorsMissing(
            f"{absent:,} of {len(rows):,} vectors of {recipe.key} are not computed yet: materialize it, or `make embed "
            f"KEY={recipe.key}`, and what is there is kept."
        )
    matrix = np.full((genes.height, model.dimension), np.nan, dtype=np.float32)
    matrix[rows] = made
    return matrix


def notes(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> dict[str, object]:
    """For the manifest: what made the vectors, and which genes are missing because they have no sequence, or by rule."""
    made_by = json.loads((files[VECTORS] / DESCRIPTION).read_text())
    model = MODELS[recipe.parameters["model"]]
    without = _read(genes, recipe, files).filter(pl.col("sequence").is_null())["gene"]
    by_rule = genes.filter(pl.col("qualifier") == recipe.parameters.get("without", ""))["gene"]
    return {
        "made_by": made_by,
        "licence": model.weights.licence,
        "citation": model.weights.citation,
        "doi": model.weights.doi,
        "without_sequence": sorted(set(without) - set(by_rule)),
        "left_out_by_rule": {"rule": recipe.parameters["without"], "genes": by_rule.to_list()} if len(by_rule) else {},
    }


def _read(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> pl.DataFrame:
    """`gene` and `sequence`; null where there is none, and where the recipe leaves the gene out."""
    model = MODELS[recipe.parameters["model"]]
    chromosomes = pl.read_parquet(files[CHROMOSOMES]) if CHROMOSOMES in files else None
    read = sequences(model.reads, genes, chromosomes)
    if "without" not in recipe.parameters:
        return read
    left_out = genes["qualifier"].cast(pl.String) == recipe.parameters["without"]
    return read.with_columns(pl.when(~left_out).then("sequence"))
