"""The control of a representation: its own vectors, each given to another gene.

Belongs here: the permutation. Does not: random codes (random_code.py), which differ from a representation in more than in
what they know of genes.

On a random split a model may learn the genes one by one, whatever their vectors mean, and random codes of many dimensions
do that better than a description by 64 numbers. The same vectors under permuted labels have the same dimension, spread and
neighbours; what a representation scores beyond them, it owes to biology.

It is no partition of REPRESENTATION: what it depends on is what the cell depends on, and it is fitted with the
hyper-parameters that the cell has chosen, so that it is made with the cell and never outdated by itself.
"""

import hashlib
from dataclasses import replace

import numpy as np

from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.representations.table import GeneEmbedding

TELLS_APART_ONLY = ("one_hot", "random_code")
"""Families that say which gene it is and nothing of it: permuted, they are what they were."""


def has_control(key: str) -> bool:
    """Whether the vectors of this representation say anything of a gene that a permutation can take away."""
    return key in RECIPES and RECIPES[key].family not in TELLS_APART_ONLY


def permuted(embedding: GeneEmbedding, seed: int) -> GeneEmbedding:
    """The same vectors under permuted gene labels; `genes` stay in their order.

    The permutation follows SHA-256 of the seed and the gene's name, the same on every machine and for every representation of the
    same genes.
    """
    digests = [hashlib.sha256(f"permuted:{seed}:{gene}".encode()).digest() for gene in embedding.genes]
    order = np.array(sorted(range(len(digests)), key=digests.__getitem__))
    # the gene that is first by hash gets the vector of the second, and so on: no gene keeps its own
    source = np.empty_like(order)
    source[order] = np.roll(order, -1)
    return replace(embedding, vectors=embedding.vectors[source])
