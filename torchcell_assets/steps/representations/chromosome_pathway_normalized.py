"""Chromosome and pathways, beside five numbers of the gene, each scaled to 0 to 1 over the genes.

Belongs here: which numbers, in which order, and their scale. Does not: the two other blocks (chromosome_pathway.py), the
formulas of weight and isoelectric point (protein_parameters.py).
"""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.steps.representations import chromosome_pathway
from torchcell_assets.steps.representations.amino_acid_composition import counted
from torchcell_assets.steps.representations.protein_parameters import isoelectric_points, molecular_weights
from torchcell_assets.steps.representations.proteins import AMINO_ACIDS, proteins
from torchcell_assets.steps.representations.recipes import BIOCHEMICAL_PATHWAYS, Recipe

NUMBERS = ("length", "molecular_weight", "isoelectric_point", "start", "end")
"""The first columns, in this order for ever: residues, Da, pH, and bases from the chromosome's first, 1-based."""
MISSING = "it has no protein, or lies on none of the seventeen chromosomes"
"""Why a gene is not described."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> sp.csr_array:
    """NUMBERS, then the columns of the family `chromosome_pathway`; genes x dimension, sparse float32.

    genes: has what that family and `proteins` take, `start` and `end`. Each number is (x - min) / (max - min) over the genes
    that have it; one that all genes share is 0. A gene without a protein cannot be described, nor can one on a chromosome that
    is none of the seventeen: its row is NaN.
    """
    scaled = np.column_stack([_scaled(column) for column in numbers(genes).T])
    blocks = [sp.csr_array(scaled), chromosome_pathway.blocks(genes, files[BIOCHEMICAL_PATHWAYS.name])]
    return sp.csr_array(sp.hstack(blocks, format="csr", dtype=np.float32))


def numbers(genes: pl.DataFrame) -> np.ndarray:
    """NUMBERS as they are, genes x 5, float64; NaN in the first three where there is no protein."""
    sequences = proteins(genes)["protein"].to_list()
    counts = counted(sequences)
    lacking = counts.sum(axis=1) == 0
    first, last = ("".join((sequence or "X")[at] for sequence in sequences) for at in (0, -1))
    known = counts[:, : len(AMINO_ACIDS)]
    of_protein = np.column_stack([counts.sum(axis=1), molecular_weights(known), isoelectric_points(known, first, last)])
    of_protein[lacking] = np.nan
    return np.hstack([of_protein, genes.select("start", "end").to_numpy().astype(np.float64)])


def notes(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> dict[str, list[str]]:
    """For the manifest: the name of every column, and names in the pathway file that belong to no gene of the list."""
    members = chromosome_pathway.membership(genes, files[BIOCHEMICAL_PATHWAYS.name])
    pathways = members["pathway"].unique().sort().to_list()
    unknown = members.filter(pl.col("row").is_null())["name"].unique().sort().to_list()
    return {
        "columns": [*NUMBERS, *chromosome_pathway.CHROMOSOMES, *pathways],
        "pathway_genes_unknown": unknown,
    }


def _scaled(column: np.ndarray) -> np.ndarray:
    known = column[~np.isnan(column)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    return (column - low) / (high - low if high > low else 1.0)
