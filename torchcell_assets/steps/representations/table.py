"""A table gene -> vector: made from a recipe, kept as one safetensors file with its manifest.

Belongs here: building, writing, reading, hashing, looking at neighbours. Does not: what the numbers mean (one module
per family), how several genes of a genotype are combined (trained/features.py).
"""

import hashlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.recipes import Recipe

Matrix: TypeAlias = Any  # np.ndarray | sp.csr_array; scipy ships no types for the latter
_DENSE = {"vectors"}
_SPARSE = {"data", "indices", "indptr"}


class EmbeddingError(TorchcellError):
    """A gene embedding cannot be made or read."""


@dataclass(frozen=True)
class GeneEmbedding:
    """Genes as vectors.

    vectors: genes x dimension, float32, dense or CSR; row i belongs to genes[i]. Genes that the recipe cannot describe
    are not in it; `manifest["genes_missing"]` lists them.
    """

    key: str
    genes: list[str]
    vectors: Matrix
    manifest: dict[str, Any]

    @property
    def dimension(self) -> int:
        """Length of one vector."""
        return int(self.vectors.shape[1])


def build(recipe: Recipe, genes: pl.DataFrame, files: dict[str, Path] | None = None) -> GeneEmbedding:
    """Describe every gene by the recipe.

    genes: one row per gene with the columns of `Gene`.
    files: path of each of `recipe.files`.
    A family marks a gene that it cannot describe by NaN in its row; such genes are left out and listed.
    """
    files = files or {}
    lacking = [source.name for source in recipe.files if source.name not in files]
    if lacking:
        raise EmbeddingError(f"The representation {recipe.key!r} needs the raw file {lacking[0]}, which was not given.")
    family = importlib.import_module(f"{__package__}.{recipe.family}")
    vectors: Matrix = family.embed(genes, recipe, files)
    names = genes["gene"].to_list()
    if vectors.shape[0] != len(names) or recipe.dimension not in (None, vectors.shape[1]):
        raise EmbeddingError(
            f"The representation {recipe.key!r} came out as {vectors.shape[0]} x {vectors.shape[1]}, "
            f"but {len(names)} genes x {recipe.dimension or 'any'} was expected."
        )
    described = _described(vectors)
    kept = [name for name, good in zip(names, described, strict=True) if good]
    vectors = vectors[described].astype(np.float32)
    manifest = {
        "recipe": {
            "key": recipe.key,
            "family": recipe.family,
            "parameters": dict(recipe.parameters),
            "logic": recipe.logic,
            "description": recipe.description,
        },
        "fingerprint": recipe.fingerprint,
        "genes": len(kept),
        "genes_missing": [name for name, good in zip(names, described, strict=True) if not good],
        "gene_list_hash": genes_hash(names),
        "dimension": int(vectors.shape[1]),
        "dtype": "float32",
        "files": {source.name: hashlib.sha256(files[source.name].read_bytes()).hexdigest() for source in recipe.files},
        "licences": {source.name: source.licence for source in recipe.files},
    }
    if hasattr(family, "notes"):
        manifest["notes"] = family.notes(genes, recipe, files)
    return GeneEmbedding(recipe.key, kept, vectors, manifest)


def write(path: Path, embedding: GeneEmbedding) -> None:
    """Write as safetensors: `vectors`, or `data`, `indices`, `indptr`; genes and manifest in its header as JSON."""
    from safetensors.numpy import save_file

    vectors = embedding.vectors
    if sp.issparse(vectors):
        vectors = _canonical(vectors)
        tensors = {
            "data": vectors.data.astype(np.float32),
            "indices": vectors.indices.astype(np.int32),
            "indptr": vectors.indptr.astype(np.int64),
        }
    else:
        tensors = {"vectors": np.ascontiguousarray(vectors, dtype=np.float32)}
    header = {
        "key": embedding.key,
        "shape": json.dumps(list(vectors.shape)),
        "genes": json.dumps(embedding.genes),
        "manifest": json.dumps(embedding.manifest, sort_keys=True),
    }
    save_file(tensors, path, metadata=header)


def read(path: Path) -> GeneEmbedding:
    """Read what `write` stored. A truncated or foreign file is refused with one sentence."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise EmbeddingError(f"There is no gene embedding at {path}: materialize representations/gene_embedding first.")
    try:
        with safe_open(path, framework="numpy") as stored:
            header = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise EmbeddingError(f"{path} is truncated or no safetensors file ({error}): materialize it again.") from error
    try:
        genes, manifest, shape = (json.loads(header[name]) for name in ("genes", "manifest", "shape"))
        key = header["key"]
        if tensors.keys() == _DENSE:
            vectors: Matrix = tensors["vectors"]
        elif tensors.keys() == _SPARSE:
            vectors = sp.csr_array((tensors["data"], tensors["indices"], tensors["indptr"]), shape=tuple(shape))
        else:
            raise ValueError(f"unknown tensors {sorted(tensors)}")
        if list(vectors.shape) != shape or len(genes) != shape[0]:
            raise ValueError(f"{len(genes)} genes for a matrix of {vectors.shape[0]} x {vectors.shape[1]}")
    except (KeyError, ValueError) as error:
        raise EmbeddingError(f"{path} is a safetensors file, but no gene embedding of ours ({error}).") from error
    return GeneEmbedding(key, genes, vectors, manifest)


def frame(embedding: GeneEmbedding) -> pl.DataFrame:
    """One row per gene: `gene`, and `vector`, an array of `embedding.dimension` float32; a sparse code comes out dense."""
    vectors = embedding.vectors.toarray() if sp.issparse(embedding.vectors) else embedding.vectors
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    array = pl.Array(pl.Float32, embedding.dimension)
    return pl.DataFrame({"gene": embedding.genes, "vector": values}, schema={"gene": pl.String, "vector": array})


def content_hash(embedding: GeneEmbedding) -> str:
    """SHA-256 over genes and values, as 16 hex digits: the data version.

    Encoded as the non-zero entries by row, so that a dense and a sparse form of the same numbers agree and no library
    version matters.
    """
    vectors = _canonical(embedding.vectors)
    digest = hashlib.sha256("\n".join(embedding.genes).encode())
    digest.update(np.array(vectors.shape, dtype="<i8").tobytes())
    digest.update(vectors.indptr.astype("<i8").tobytes())
    digest.update(vectors.indices.astype("<i8").tobytes())
    digest.update(vectors.data.astype("<f4").tobytes())
    return digest.hexdigest()[:16]


def genes_hash(genes: Sequence[str]) -> str:
    """SHA-256 over the genes in their order, as 16 hex digits."""
    return hashlib.sha256("\n".join(genes).encode()).hexdigest()[:16]


def neighbours(embedding: GeneEmbedding, gene: str, n: int = 5) -> list[tuple[str, float]]:
    """The n genes whose vectors point most nearly the same way, with the cosine (0 to 1), nearest first.

    Genes at a right angle or beyond are no neighbours: of one-hot genes there are none.
    """
    if gene not in embedding.genes:
        raise EmbeddingError(
            f"The representation {embedding.key!r} does not describe {gene!r}: give a systematic name."
        )
    row = embedding.genes.index(gene)
    vectors = embedding.vectors
    own = vectors[[row]]
    products = vectors @ own.T
    products = np.asarray(products.todense() if sp.issparse(products) else products, dtype=np.float64).ravel()
    squares = vectors.multiply(vectors).sum(axis=1) if sp.issparse(vectors) else np.square(vectors).sum(axis=1)
    lengths = np.sqrt(np.asarray(squares, dtype=np.float64)).ravel()
    scale = lengths * lengths[row]
    cosine = np.divide(products, scale, out=np.full(len(scale), -np.inf), where=scale > 0)
    cosine[row] = -np.inf
    nearest = np.argsort(-cosine, kind="stable")[:n]
    return [(embedding.genes[i], float(cosine[i])) for i in nearest if cosine[i] > 0]


def _described(vectors: Matrix) -> np.ndarray:
    if sp.issparse(vectors):
        holes = sp.csr_array((np.isnan(vectors.data), vectors.indices, vectors.indptr), shape=vectors.shape)
        return np.asarray(holes.sum(axis=1)).ravel() == 0
    return ~np.isnan(vectors).any(axis=1)


def _canonical(vectors: Matrix) -> sp.csr_array:
    """A CSR copy without explicit zeros, its columns sorted within each row."""
    canonical = sp.csr_array(vectors, copy=True)
    canonical.sum_duplicates()
    canonical.eliminate_zeros()
    canonical.sort_indices()
    return canonical
