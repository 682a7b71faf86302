"""Random codes: what a representation scores that only tells genes apart, by its dimension. Its control is permuted.py.

Belongs here: numbers that carry no biology but tell genes apart. Does not: randomly initialised language models,
which would be mistaken for embeddings.
"""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtri

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.recipes import Recipe


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """Standard normal numbers divided by sqrt(dimension), genes x dimension, float32.

    They are seeded by recipe key and gene name, so that a gene keeps its vector whatever else the gene list holds. The
    numbers come from SHAKE-256 and not from a numpy Generator: numpy may change the stream of a Generator between
    versions, and a library upgrade is no change of data.
    """
    dimension = recipe.dimension
    if not dimension:
        raise TorchcellError(f"The recipe {recipe.key!r} states no dimension: give it one in recipes.py.")
    digests = [hashlib.shake_256(f"{recipe.key}:{gene}".encode()).digest(4 * dimension) for gene in genes["gene"]]
    integers = np.frombuffer(b"".join(digests), dtype="<u4").reshape(genes.height, dimension)
    uniform = (integers + 0.5) / 2.0**32
    return (ndtri(uniform) / np.sqrt(dimension)).astype(np.float32)
