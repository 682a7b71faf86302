"""How often each amino acid stands in a gene's protein, and how long it is: the baseline of every protein language model.

Belongs here: counting letters. Does not: weight and isoelectric point (protein_parameters.py), the order of the residues.
"""

from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.proteins import AMINO_ACIDS, proteins
from torchcell_assets.steps.representations.recipes import Recipe

MISSING = "it has no protein"
"""Why a gene is not described."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """Relative frequencies of the twenty amino acids (A, C, D ... Y), then log10(residues) / 10; genes x 21, float32.

    genes: as `proteins` takes it. The tenth keeps the length in the range of a frequency, so that a cosine sees both. Letters
    beside the twenty count for the length and for no frequency. A gene without a protein, or with none of the twenty in it,
    cannot be described: its row is NaN.
    """
    counts = counted(proteins(genes)["protein"].to_list())
    known = counts[:, : len(AMINO_ACIDS)]
    total = known.sum(axis=1, keepdims=True)
    frequencies = np.divide(known, total, out=np.full(known.shape, np.nan), where=total > 0)
    residues = counts.sum(axis=1, keepdims=True)
    length = np.log10(residues, out=np.full(residues.shape, np.nan), where=residues > 0) / 10
    return np.hstack([frequencies, length]).astype(np.float32)


def counted(sequences: list[str | None]) -> np.ndarray:
    """Proteins x 21: residues of each of the twenty amino acids, then all others; zeros where there is no protein."""
    column = np.full(256, len(AMINO_ACIDS), dtype=np.int64)
    column[list(AMINO_ACIDS.encode())] = range(len(AMINO_ACIDS))
    lengths = [len(sequence or "") for sequence in sequences]
    letters = np.frombuffer("".join(sequence or "" for sequence in sequences).encode(), dtype=np.uint8)
    width = len(AMINO_ACIDS) + 1
    cells = np.repeat(np.arange(len(sequences)), lengths) * width + column[letters]
    return np.bincount(cells, minlength=len(sequences) * width).reshape(-1, width).astype(np.float64)
