"""One-hot genes: every gene is its own dimension.

Belongs here: the identity matrix over the gene list. Does not: anything known about a gene.
"""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.steps.representations.recipes import Recipe


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> sp.csr_array:
    """The identity, genes x genes, sparse float32; dimension i is the gene in row i of `genes`."""
    return sp.csr_array(sp.eye_array(genes.height, dtype=np.float32, format="csr"))
