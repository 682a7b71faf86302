"""Folds inside the training split.

Belongs here: which fold a genotype falls into. Does not: the split into train, validation and test, which `merged`
decides once for all sizes and which arrives as a column.
"""

import hashlib
from collections.abc import Iterable

import numpy as np


def fold_of(genes: Iterable[str], folds: int, seed: int) -> np.ndarray:
    """Fold of each genotype, 0 to folds - 1, by hash of its gene set.

    genes: distinct perturbed genes, sorted and joined by +. Genotypes of the same genes share a fold, so that alleles
    of one gene set never straddle; the fold depends on nothing but the gene set, so that it is the same at any size.
    """
    salted = (f"fold:{seed}:{name}" for name in genes)
    return np.array(
        [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % folds for text in salted], dtype=np.int64
    )
