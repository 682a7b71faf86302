"""How many of the genes that are known to belong together are near each other in a representation.

Belongs here: nearness by cosine, and the share of partners among the nearest. Does not: what partners are (known_partners.py),
where it is shown (page.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp

NEAREST = 10
"""Genes that count as near."""
_AT_ONCE = 512
"""Rows of a block: with 6,600 genes, 14 MB of cosines."""
_DECIMALS = 6
"""Cosines that agree to these are equally near: in float32, equal ones come out of a product with other last bits."""

Matrix: TypeAlias = Any  # np.ndarray | sp.csr_array; scipy ships no types for the latter


@dataclass(frozen=True)
class Share:
    """How many of the places among their nearest, that partners could take, they take.

    share: 1 where of every gene as many partners as there is room for are among its nearest; nan where no gene was looked at.
    chance: the share that is expected of codes that say nothing.
    genes: how many genes have a partner in the representation, and were looked at. pairs: they and their partners.
    """

    share: float
    chance: float
    genes: int
    pairs: int


def shares(
    genes: list[str], vectors: Matrix, partners: dict[str, pl.DataFrame], nearest: int = NEAREST
) -> dict[str, Share]:
    """The share of partners among the nearest genes, by kind of partners.

    Args:
        genes: names, one a row of `vectors`.
        vectors: genes x dimension, dense or CSR.
        partners: kind -> `gene` and `partner`, each pair once in each direction; what names no gene of the list is left out.
        nearest: how many genes count as near, the gene itself not among them.

    A gene at a right angle or beyond is near to none. Of several at the same cosine, of which not all find room, each counts by
    the chance that it does. So a code in which all genes are alike has the share of chance, whatever their order.
    """
    placed = {kind: _placed(genes, table) for kind, table in partners.items()}
    rows = np.unique(np.concatenate([pairs[:, 0] for pairs in placed.values()], dtype=np.int64))
    hits = dict.fromkeys(placed, 0.0)
    room = min(nearest, len(genes) - 1)
    for start, cosines in _cosines(vectors, rows) if room else ():
        last, ties = _last(cosines, room)
        for kind, pairs in placed.items():
            at = np.searchsorted(rows, pairs[:, 0]) - start
            here = (at >= 0) & (at < len(cosines))
            at, other = at[here], pairs[here, 1]
            hits[kind] += _hits(cosines[at, other], last[at], ties[at])
    return {kind: _share(hits[kind], pairs, len(genes), room) for kind, pairs in placed.items()}


def _placed(genes: list[str], partners: pl.DataFrame) -> np.ndarray:
    """Row of the gene and row of its partner, pairs x 2."""
    place = pl.DataFrame({"gene": genes}, schema={"gene": pl.String}).with_row_index("row")
    known = partners.select("gene", "partner").filter(pl.col("gene") != pl.col("partner")).unique()
    known = known.join(place, on="gene").join(place.rename({"gene": "partner", "row": "other"}), on="partner")
    return known.select("row", "other").sort("row", "other").to_numpy().astype(np.int64).reshape(-1, 2)


def _cosines(vectors: Matrix, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of rounded cosines between these rows and all, each with where it begins; of a gene with itself -inf."""
    unit = normalised(vectors)
    other = unit.T
    for start in range(0, len(rows), _AT_ONCE):
        block = rows[start : start + _AT_ONCE]
        products = unit[block] @ other
        products = products.toarray() if sp.issparse(products) else products
        np.round(products, _DECIMALS, out=products)
        products[np.arange(len(block)), block] = -np.inf
        yield start, products


def normalised(vectors: Matrix) -> Matrix:
    """Rows of length 1, float32; a row of zeros stays one. The vectors themselves are not changed."""
    if sp.issparse(vectors):
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1), dtype=np.float64)).ravel()
        inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return sp.csr_array(sp.diags_array(inverse) @ vectors).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
    return np.divide(
        vectors, lengths, out=np.zeros(vectors.shape, dtype=np.float32), where=lengths > 0, casting="same_kind"
    )


def _last(cosines: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """The cosine of the last of the nearest, by row, and the chance that one at that cosine is among them."""
    last = np.partition(cosines, -room, axis=1)[:, -room]
    nearer, equal = ((cosines > last[:, None]).sum(axis=1), (cosines == last[:, None]).sum(axis=1))
    return last, (room - nearer) / equal


def _hits(cosine: np.ndarray, last: np.ndarray, ties: np.ndarray) -> float:
    """How many partners are among the nearest, by their cosines and what `_last` says of their rows."""
    counted = np.where(cosine > last, 1.0, np.where(cosine == last, ties, 0.0))
    return float(counted[cosine > 0].sum())


def _share(hits: float, pairs: np.ndarray, genes: int, room: int) -> Share:
    _, partners = np.unique(pairs[:, 0], return_counts=True)
    places = int(np.minimum(partners, room).sum())
    expected = len(pairs) * room / (genes - 1) if genes > 1 else 0.0
    share, chance = (hits / places, expected / places) if places else (float("nan"), float("nan"))
    return Share(share, chance, len(partners), len(pairs))
