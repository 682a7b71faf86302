"""Genes as vectors: one-hot, codon frequency, chromosome and pathways, random codes.

Belongs here: rows of numbers for the genes of the genome, dense. Does not: the genome (genes.py), features of
genotypes (models.py).
"""

import hashlib
from itertools import product

import numpy as np
from scipy.special import ndtri

from .genes import Gene, genes
from .printed import table

CHROMOSOMES = [
    "I",
    "II",
    "III",
    "IV",
    "V",
    "VI",
    "VII",
    "VIII",
    "IX",
    "X",
    "XI",
    "XII",
    "XIII",
    "XIV",
    "XV",
    "XVI",
    "mito",
]
CODONS = ["".join(bases) for bases in product("ACGT", repeat=3)]


def names() -> list[str]:
    """The genes, in the order of the rows of every representation."""
    return sorted(genes())


def codon_frequency() -> np.ndarray:
    """Genes x 64: the share of each codon in the coding sequence, the stop codon counted."""
    number = {codon: at for at, codon in enumerate(CODONS)}
    found = np.zeros((len(names()), len(CODONS)))
    for row, name in enumerate(names()):
        cds = genes()[name].cds
        for at in range(0, len(cds), 3):
            found[row, number[cds[at : at + 3]]] += 1
    return found / found.sum(axis=1, keepdims=True)


def _called(of: list[Gene]) -> dict[str, int]:
    """Name -> row of the gene that it means: a standard name goes before a systematic one, and that before an alias."""
    rows: dict[str, int] = {}
    for level in (
        lambda gene: [gene.name] if gene.name else [],
        lambda gene: [gene.gene],
        lambda gene: list(gene.aliases),
    ):
        for row, gene in enumerate(of):
            for name in level(gene):
                rows.setdefault(name, row)
    return rows


def chromosome_pathway() -> np.ndarray:
    """Genes x (17 + pathways): 1 for the chromosome, and for each pathway of SGD that the gene takes part in."""
    of = [genes()[name] for name in names()]
    cells = [row for row in table("sgd/biochemical_pathways.tab") if len(row) > 3 and row[3]]
    pathways = sorted({row[0] for row in cells})
    found = np.zeros((len(of), len(CHROMOSOMES) + len(pathways)))
    for row, gene in enumerate(of):
        found[row, CHROMOSOMES.index(gene.chromosome)] = 1
    called = _called(of)
    for pathway, _, _, name, *_ in cells:
        if (gene := name.strip().upper()) in called:  # one is printed as a protein: Thi4
            found[called[gene], len(CHROMOSOMES) + pathways.index(pathway)] = 1
    return found


def random(dimension: int) -> np.ndarray:
    """Genes x dimension: normal numbers of variance 1 / dimension, out of SHAKE-256 of key and gene."""
    digests = [hashlib.shake_256(f"random_{dimension}:{name}".encode()).digest(4 * dimension) for name in names()]
    whole = np.array([np.frombuffer(digest, dtype="<u4") for digest in digests], dtype=float)
    return ndtri((whole + 0.5) / 2**32) / np.sqrt(dimension)


def of(key: str) -> np.ndarray:
    """The vectors of a representation by its name."""
    if key.startswith("random_"):
        return random(int(key.removeprefix("random_")))
    made = {"codon_frequency": codon_frequency, "chromosome_pathway": chromosome_pathway}
    return np.eye(len(names())) if key == "one_hot" else made[key]()
