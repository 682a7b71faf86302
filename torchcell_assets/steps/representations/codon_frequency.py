"""Codon usage: how often each of the 64 codons stands in a gene's coding sequence.

Belongs here: counting codons. Does not: measures derived from them (CAI, tAI), sequences of other kinds.
"""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.steps.representations.recipes import Recipe

CODONS = ["".join(bases) for bases in product("ACGT", repeat=3)]
"""Order of the dimensions: alphabetical, AAA to TTT."""

MISSING = "it has no coding sequence of whole codons"
"""Why a gene is not described."""

_DIGIT = np.full(256, 255, dtype=np.uint8)
_DIGIT[[ord(base) for base in "ACGT"]] = range(4)


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """Relative codon frequencies, genes x 64, float32; every row sums to 1, the stop codon counts.

    genes: has `gene` and `cds`. A gene whose CDS is missing, is no multiple of three or holds other letters than ACGT
    cannot be described: its row is NaN.
    """
    counts = np.full((genes.height, len(CODONS)), np.nan)
    for row, cds in enumerate(genes["cds"]):
        digits = _DIGIT[np.frombuffer((cds or "").encode(), dtype=np.uint8)]
        if not len(digits) or len(digits) % 3 or digits.max() > 3:
            continue
        codons = digits.reshape(-1, 3).astype(np.int64) @ (16, 4, 1)
        counts[row] = np.bincount(codons, minlength=len(CODONS))
    return (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
