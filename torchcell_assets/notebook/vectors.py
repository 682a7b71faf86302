"""Genes as vectors, in a notebook: `torchcell_assets.embedding` and `torchcell_assets.neighbours`.

Belongs here: reading stored representations by key, names of genes. Does not: making one (steps/representations), the file
(steps/representations/table.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from torchcell_assets import environment
from torchcell_assets.config import layout
from torchcell_assets.errors import no_such
from torchcell_assets.notebook.tables import NotThere, genome_of, home_of

if TYPE_CHECKING:
    from torchcell_assets.steps.representations.table import GeneEmbedding


@dataclass(frozen=True)
class Vectors:
    """A representation. genes: systematic names. matrix: genes x dimension, float32, dense. manifest: how it was made."""

    key: str
    genes: list[str]
    matrix: np.ndarray
    manifest: Mapping[str, Any]

    def __repr__(self) -> str:
        """Short: a notebook shows it after every call."""
        return f"<{self.key}: {len(self.genes):,} genes x {self.matrix.shape[1]:,} dimensions>"


def embedding(key: str, root: Path | str | None = None) -> Vectors:
    """A stored representation by its key: `unirep_256`, `codon_frequency` ...

    root: the data root; by default that of this process. A sparse code comes out dense: one_hot takes 174 MB.
    Raises NotThere where there is no such representation, or it is not made yet.
    """
    stored = _stored(key, home_of(root))
    dense = stored.vectors if isinstance(stored.vectors, np.ndarray) else stored.vectors.toarray()
    return Vectors(stored.key, stored.genes, np.asarray(dense, dtype=np.float32), stored.manifest)


def neighbours(gene: str, key: str, n: int = 10, root: Path | str | None = None) -> pl.DataFrame:
    """The n genes whose vectors point most nearly the same way as that of `gene`, nearest first.

    Args:
        gene: by any name that people use.
        key: of the representation.
        n: how many; genes at a right angle or beyond are no neighbours, so that there may be fewer.
        root: the data root; by default that of this process.

    Returns:
        `gene`, `name` (null where it has none) and `cosine`; `complex_partner` and `ohnolog`: whether both are in one complex of
        CYC2008, and whether they are the two copies of a gene that the duplication of the genome left; null where the file that
        says so is neither in the data root nor in the mirror: nothing is downloaded.

    Raises:
        NotThere: the representation is not there, or does not describe the gene, or n is less than 1.
        UnknownGeneName, AmbiguousGeneName: as `gene` does.
    """
    from torchcell_assets.steps.representations import table

    if n < 1:
        raise NotThere(f"{n} neighbours cannot be told: ask for 1 or more.")
    home = home_of(root)
    stored = _stored(key, home)
    genes, names = genome_of(home)
    systematic = names.resolve(gene)
    if systematic not in set(stored.genes):
        called = systematic if gene == systematic else f"{gene} ({systematic})"
        raise NotThere(f"The representation {key!r} does not describe {called}: its page says why; ask another key.")
    near = pl.DataFrame(
        table.neighbours(stored, systematic, n), schema={"gene": pl.String, "cosine": pl.Float64}, orient="row"
    )
    named = near.join(genes.select("gene", "name"), on="gene", how="left", maintain_order="left")
    return named.select("gene", "name", "cosine", *_are_partners(systematic, home))


def _are_partners(gene: str, home: Path) -> list[pl.Expr]:
    from torchcell_assets.sources import Sources
    from torchcell_assets.steps.representations import known_partners

    here = Sources(cache=home / "raw", mirror=environment.mirror(), offline=True)
    partners = known_partners.known(here).partners
    of_gene = {
        kind: partners[kind].filter(pl.col("gene") == gene)["partner"].to_list() if kind in partners else None
        for kind in known_partners.PARTNERS
    }
    return [
        (pl.lit(None, dtype=pl.Boolean) if found is None else pl.col("gene").is_in(found)).alias(kind.replace(" ", "_"))
        for kind, found in of_gene.items()
    ]


def _stored(key: str, home: Path) -> "GeneEmbedding":
    from torchcell_assets.steps.representations import table
    from torchcell_assets.steps.representations.recipes import RECIPES

    path = layout.embedding_file(home, key)
    if path.is_file():
        return table.read(path)
    made = [one.stem for one in path.parent.glob("*.safetensors")]
    if key not in RECIPES:
        raise NotThere(no_such("representation", key, [*RECIPES, *made]))
    there = f" It holds {', '.join(sorted(made))}." if made else ""
    raise NotThere(
        f"The representation {key!r} is not in {home} yet: `make embed KEY={key}`, or materialize that partition of "
        f"representations/gene_embedding.{there}"
    )
