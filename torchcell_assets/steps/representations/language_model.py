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
from torchcell_assets.steps.representations.sequences import NEEDS_CHROMOSOMES, sequences
from torchcell_assets.steps.representations.table import EmbeddingError, GeneEmbedding, read

VECTORS, CHROMOSOMES = "vectors", "chromosomes"
"""Among the files of a family: the folder of the vectors by sequence, and the table of datasets/chromosomes."""


FAMILY = "language_model"
"""What a recipe calls this module."""
PRECISION = 0.01
"""Vectors that differ by less are the same but for rounding: of their distance to the mean of all genes. Half precision against
float32 is off by 0.004 at most on 650 million weights (random ones, measured), another pooling by more than 0.1."""
MISSING = {
    "protein": "it has no protein",
    "coding": "it has no coding sequence",
    **dict.fromkeys(NEEDS_CHROMOSOMES, "the DNA of its chromosome is not known"),
}
"""Why a gene is not described, by what the model reads."""


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
    read_of = _read(genes, recipe, files)
    without = read_of.filter(pl.col("sequence").is_null())["gene"]
    by_rule = genes.filter(pl.col("qualifier") == recipe.parameters.get("without", ""))["gene"]
    return {
        "made_by": made_by,
        "weights_sha256": made_by["weights_sha256"],
        "sequences_sha256": digest("\n".join(read_of["sequence"].fill_null(""))),
        "licence": model.weights.licence,
        "citation": model.weights.citation,
        "doi": model.weights.doi,
        "without_sequence": sorted(set(without) - set(by_rule)),
        "left_out_by_rule": {"rule": recipe.parameters["without"], "genes": by_rule.to_list()} if len(by_rule) else {},
    }


def unless_noise(made: GeneEmbedding, stored: Path) -> GeneEmbedding:
    """What is stored already, where `made` says the same but for rounding; else `made`.

    Another GPU, type of numbers or version of torch changes the last bits of vectors, and with them the data version, and every
    model that was trained on them. So what is stored stays, file and version, if it is of the same recipe, weights and sequences
    and no vector differs by PRECISION.
    """
    if made.manifest["recipe"]["family"] != FAMILY or not stored.is_file():
        return made
    try:
        there = read(stored)
    except EmbeddingError:
        return made
    decides = ("fingerprint", "genes_missing", "gene_list_hash")
    same = all(made.manifest[name] == there.manifest.get(name) for name in decides)
    notes = [one.manifest.get("notes", {}) for one in (made, there)]
    if not same or any(notes[0][name] != notes[1].get(name) for name in ("weights_sha256", "sequences_sha256")):
        return made
    distance = np.linalg.norm(made.vectors - there.vectors, axis=1)
    spread = np.linalg.norm(there.vectors - there.vectors.mean(axis=0), axis=1)
    return there if (distance <= PRECISION * spread).all() else made


def _read(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> pl.DataFrame:
    """`gene` and `sequence`; null where there is none, and where the recipe leaves the gene out."""
    model = MODELS[recipe.parameters["model"]]
    chromosomes = pl.read_parquet(files[CHROMOSOMES]) if CHROMOSOMES in files else None
    read = sequences(model.reads, genes, chromosomes)
    if "without" not in recipe.parameters:
        return read
    left_out = genes["qualifier"].cast(pl.String) == recipe.parameters["without"]
    return read.with_columns(pl.when(~left_out).then("sequence"))
