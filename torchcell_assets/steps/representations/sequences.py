"""The sequence of every gene, as a language model reads it: its protein, its coding sequence, or DNA about it.

Belongs here: which of them a name means. Does not: how they are cut (windows.py, proteins.py), tokens
(language_models/alphabets.py).
"""

from collections.abc import Callable

import polars as pl

from torchcell_assets.steps.representations import windows
from torchcell_assets.steps.representations.proteins import proteins

Cut = Callable[[pl.DataFrame, pl.DataFrame], pl.Series]

_READ: dict[str, Cut] = {
    "protein": lambda genes, chromosomes: proteins(genes)["protein"],
    "coding": lambda genes, chromosomes: genes["cds"],
    "five_prime": windows.five_prime,
    "three_prime": windows.three_prime,
    "about_gene": windows.about_gene,
}
NEEDS_CHROMOSOMES = ("five_prime", "three_prime", "about_gene")
"""What is cut from the DNA of a chromosome."""


def sequences(read: str, genes: pl.DataFrame, chromosomes: pl.DataFrame | None = None) -> pl.DataFrame:
    """What a model reads of every gene.

    Args:
        read: `protein`, `coding`, `five_prime`, `three_prime` or `about_gene`.
        genes: one row per gene, with the columns of `Gene`.
        chromosomes: rows of datasets/chromosomes, for the last three.

    Returns:
        `gene` and `sequence`, in the order of `genes`; null where the gene has none.
    """
    if chromosomes is None:
        chromosomes = pl.DataFrame(schema={"chromosome": pl.String, "sequence": pl.String, "circular": pl.Boolean})
    return genes.select("gene", sequence=_READ[read](genes, chromosomes))
