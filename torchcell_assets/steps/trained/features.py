"""From genotypes and gene vectors to one feature row per genotype.

Belongs here: which genes a genotype lacks (a sparse matrix A), and the four ways of combining gene vectors E. Does
not: the gene vectors themselves (representations), scaling (part of each model's pipeline).

With k = A 1 deletions, G genes and t = the sum of all gene vectors, one product gives everything:

    pert_sum = A E              pert_mean   = A E / k
    intact_sum = t - A E        intact_mean = (t - A E) / (G - k)

`intact_sum` is `pert_sum` with its sign changed and a constant added: a linear model with intercept and an RBF kernel
on scaled features give the same predictions for both, so that those families fit only one of them (families.py).

A sparse representation (one-hot, pathways) stays sparse. Its intact_* features are kept without the term that no gene
changes: -A E and -A E / (G - k). What is left out is the constant t for intact_sum, which no model sees; and for
intact_mean t / (G - k), which is a function of k alone, to 1e-6 of its size a constant plus a multiple of k, and k is a
feature of its own here. Kept, it would do harm: in the column of a gene or pathway that no training genotype touches it
is all there is, and standardised it makes an outlier of a thousand standard deviations of the first that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.genotype import GENE_SEPARATOR
from torchcell_assets.steps.representations.table import GeneEmbedding, Matrix

AGGREGATIONS = ("pert_sum", "pert_mean", "intact_sum", "intact_mean")


class FeatureError(TorchcellError):
    """Features cannot be computed."""


@dataclass(frozen=True)
class Incidence:
    """Which genes each genotype lacks.

    matrix: genotypes x genes, CSR of float64 ones.
    genes: names of the columns: those asked for, then those that were not among them.
    missing: genes of the genotypes that were not asked for, sorted.
    genotypes_with_missing: number of genotypes that lack at least one of those.
    """

    matrix: sp.csr_array
    genes: list[str]
    missing: list[str]
    genotypes_with_missing: int


def genes_of(names: Sequence[str]) -> list[list[str]]:
    """The column `genes` of a table, taken apart: `YAL001C+YBL007C` to its two genes."""
    return [name.split(GENE_SEPARATOR) for name in names]


def incidence(genotypes: Sequence[Sequence[str]], genes: Sequence[str]) -> Incidence:
    """The genotype x gene matrix A.

    genotypes: the deleted genes of each genotype; a gene named twice counts once.
    genes: order of the columns, such as the genes of an embedding.
    """
    # MultiLabelBinarizer leaves the order of the columns in a row open, and with it the last digits of every sum over genes
    column = {gene: index for index, gene in enumerate(genes)}
    distinct = [sorted(set(genotype)) for genotype in genotypes]
    missing = sorted({gene for genotype in distinct for gene in genotype} - column.keys())
    column |= {gene: len(genes) + index for index, gene in enumerate(missing)}
    counts = np.fromiter((len(genotype) for genotype in distinct), dtype=np.int64, count=len(distinct))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indices = np.fromiter((column[g] for genotype in distinct for g in genotype), dtype=np.int64, count=int(indptr[-1]))
    matrix = sp.csr_array((np.ones(len(indices)), indices, indptr), shape=(len(distinct), len(column)))
    hit = np.unique(np.repeat(np.arange(len(distinct)), counts)[indices >= len(genes)])
    return Incidence(matrix, list(column), missing, len(hit))


def aggregate(lacking: Incidence, embedding: GeneEmbedding, aggregation: str) -> Matrix:
    """Features of each genotype: genotypes x (dimension + 1), float64, dense or CSR; the last column is k.

    lacking: made with the genes of `embedding`. A gene that the embedding lacks counts as the mean gene vector (as
    zeros in the sparse case: a gene of which nothing is known); `lacking.missing` lists them.
    Totals are float64: in float32 t - A E would lose the digits that tell genotypes apart.
    """
    if aggregation not in AGGREGATIONS:
        raise FeatureError(f"There is no aggregation {aggregation!r}: use one of {', '.join(AGGREGATIONS)}.")
    G = len(embedding.genes)
    if lacking.genes[:G] != embedding.genes:
        raise FeatureError(f"The genotypes were not laid out over the genes of {embedding.key!r}: use its gene list.")
    known, unknown = lacking.matrix[:, :G], lacking.matrix[:, G:]
    k = np.asarray(lacking.matrix.sum(axis=1), dtype=np.float64).ravel()
    if not (k > 0).all():
        raise FeatureError("A genotype without a deleted gene has no features: leave the wild type out.")
    sparse = sp.issparse(embedding.vectors)
    if sparse:
        perturbed: Matrix = sp.csr_array(known @ embedding.vectors.astype(np.float64))
        total: Matrix = None  # see the module's docstring: the term that no gene changes is left out
    else:
        E = embedding.vectors.astype(np.float64)
        total = E.sum(axis=0)
        perturbed = known @ E + np.outer(np.asarray(unknown.sum(axis=1)).ravel(), total / G)
    features = _combined(perturbed, total, k, G, aggregation)
    if sparse:
        stacked = sp.csr_array(sp.hstack([features, sp.csr_array(k[:, None])], format="csr"))
        # scikit-learn accepts no 64-bit indices in a sparse matrix
        stacked.indices = stacked.indices.astype(np.int32)
        stacked.indptr = stacked.indptr.astype(np.int32)
        return stacked
    return np.hstack([features, k[:, None]])


def _combined(perturbed: Matrix, total: Matrix, k: np.ndarray, G: int, aggregation: str) -> Matrix:
    which, how = aggregation.split("_")
    if which == "intact":
        perturbed = -perturbed if total is None else total - perturbed
    if how == "sum":
        return perturbed
    divisor = k if which == "pert" else G - k
    if sp.issparse(perturbed):
        return sp.csr_array(sp.diags_array(1.0 / divisor) @ perturbed)
    return perturbed / divisor[:, None]
