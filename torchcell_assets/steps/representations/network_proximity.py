"""Where a protein stands in the network of physical interactions: the baseline that knows nothing of any sequence.

Belongs here: reading STRING's physical subnetwork, and its spectral embedding. Does not: other networks or channels, fetching
the raw file (sources).
"""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.raw_files import STRING_PHYSICAL
from torchcell_assets.steps.representations.recipes import Recipe

TAXON = "4932."
"""How STRING begins the name of every protein of S. cerevisiae; what follows is the systematic name of the gene."""
CERTAIN = 1000
"""Scores are thousandths of a probability."""
DECIMALS = 4
"""To which values are rounded: other libraries and machines differ in later ones, and are no change of data."""


MISSING = "it is in no physical interaction, or outside of the largest connected part of the network"
"""Why a gene is not described."""


class NetworkFileError(TorchcellError):
    """The network file is not what STRING publishes."""


def embed(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> np.ndarray:
    """Leading eigenvectors of the network, genes x dimension, float32; see `spectral`.

    genes: has `gene`. A gene that is in no interaction, or in none of the largest component, has no place relative to the
    others: its row is NaN.
    """
    names = genes["gene"].to_list()
    network = adjacency(interactions(files[STRING_PHYSICAL.name]), names)
    inside = largest_component(network)
    dimension = recipe.dimension or 0
    if not 0 < dimension < len(inside):
        raise TorchcellError(
            f"The recipe {recipe.key!r} wants {dimension} dimensions of a network of {len(inside)} connected genes."
        )
    matrix = np.full((len(names), dimension), np.nan, dtype=np.float32)
    matrix[inside] = spectral(network[inside][:, inside], dimension)
    return matrix


def notes(genes: pl.DataFrame, recipe: Recipe, files: dict[str, Path]) -> dict[str, int]:
    """For the manifest: how large the network is, and how many of its proteins are no genes of the list."""
    edges = interactions(files[STRING_PHYSICAL.name])
    network = adjacency(edges, genes["gene"].to_list())
    proteins = pl.concat([edges["one"], edges["other"]]).unique()
    return {
        "interactions": network.nnz // 2,
        "genes_in_smaller_components": int((network.sum(axis=1) > 0).sum()) - len(largest_component(network)),
        "proteins_unknown": proteins.len() - int(proteins.is_in(genes["gene"].to_list()).sum()),
    }


def interactions(path: Path) -> pl.DataFrame:
    """`one`, `other` (systematic names, one < other) and `weight` (combined score, 0 to 1): one row per pair.

    Raises NetworkFileError where the file has other columns or names, or is truncated.
    """
    try:
        table = pl.read_csv(path, separator=" ", columns=["protein1", "protein2", "combined_score"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise NetworkFileError(
            f"{path} cannot be read as STRING's physical interactions ({_first_line(error)}): fetch the file again."
        ) from error
    first, second = pl.col("protein1"), pl.col("protein2")
    good = (
        first.str.starts_with(TAXON) & second.str.starts_with(TAXON) & pl.col("combined_score").is_between(1, CERTAIN)
    )
    if table.is_empty() or not table.select(good.fill_null(False).all()).item():
        raise NetworkFileError(f"{path} does not hold scored interactions of {TAXON[:-1]}: fetch the file again.")
    # each pair stands there in both directions
    one, other = (pl.col(name).str.strip_prefix(TAXON) for name in ("protein1", "protein2"))
    pairs = table.select(
        one=pl.min_horizontal(one, other), other=pl.max_horizontal(one, other), weight="combined_score"
    )
    return pairs.unique(["one", "other"], keep="any").sort("one", "other").with_columns(pl.col("weight") / CERTAIN)


def adjacency(edges: pl.DataFrame, genes: list[str]) -> sp.csr_array:
    """The symmetric genes x genes matrix of weights; what is between others is left out."""
    place = pl.DataFrame({"gene": genes}).with_row_index("row")
    known = edges.filter(pl.col("one") != pl.col("other"))
    for end in ("one", "other"):
        known = known.join(place.rename({"gene": end, "row": f"{end}_row"}), on=end, maintain_order="left")
    rows, columns = known["one_row"].to_numpy(), known["other_row"].to_numpy()
    half = sp.csr_array((known["weight"].to_numpy(), (rows, columns)), shape=(len(genes), len(genes)))
    return sp.csr_array(half + half.T)


def largest_component(network: sp.csr_array) -> np.ndarray:
    """Rows of the largest set of genes that are all connected, in order; of equally large ones, the first."""
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(network, directed=False)
    return np.flatnonzero(label == np.bincount(label).argmax())


def spectral(network: sp.csr_array, dimension: int) -> np.ndarray:
    """The regularised spectral embedding of a connected network, nodes x dimension, float32.

    With D the degrees and t their mean, the eigenvectors of the `dimension` largest eigenvalues of
    (D + t)^-1/2 A (D + t)^-1/2, largest first, times sqrt(nodes): each has a mean square of 1. Adding t keeps eigenvectors from
    standing for a handful of nodes of low degree (Qin and Rohe 2013, NIPS 26:3120); without it, five proteins are all of one. An
    eigenvector has no sign: here its entry of largest modulus is positive. The search begins at a fixed vector, so that the same
    network gives the same numbers.
    """
    from scipy.sparse.linalg import eigsh

    degree = network.sum(axis=1)
    scale = sp.diags_array(1 / np.sqrt(degree + degree.mean()))
    nodes = network.shape[0]
    _, vectors = eigsh(scale @ network @ scale, k=dimension, which="LA", v0=np.ones(nodes), tol=0)
    vectors = vectors[:, ::-1] * np.sqrt(nodes)
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(dimension)])
    return np.asarray(vectors.round(DECIMALS) + 0.0, dtype=np.float32)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
