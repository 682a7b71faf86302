"""The protein of every gene, as the families that read amino acids take it.

Belongs here: which letters a protein holds, and which genes have none. Does not: translation (datasets/genome.py, which reads
mitochondrial genes with their own code), what a family makes of a letter that it does not know (the family).
"""

import polars as pl

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty of the genetic code, by one-letter code."""
LETTERS = AMINO_ACIDS + "UO" + "BZJX"
"""Those, selenocysteine and pyrrolysine, and IUPAC's letters for one of several: Asx, Glx, Leu or Ile, any."""


def proteins(genes: pl.DataFrame) -> pl.DataFrame:
    """The proteins of a table of genes, in its order.

    Args:
        genes: has `gene` and `protein`; the genome's has proteins of the twenty amino acids alone, a person's may hold others.

    Returns:
        `gene`, and `protein` in upper case without its stop: letters of LETTERS. It is null where the gene has none: nothing is
        stated, the reading frame has a stop inside, or a character is none of LETTERS. No letter is replaced.
    """
    protein = pl.col("protein").str.strip_chars().str.to_uppercase().str.strip_suffix("*")
    return genes.select("gene", protein=pl.when(protein.str.contains(f"^[{LETTERS}]+$")).then(protein))
