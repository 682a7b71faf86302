"""What the letters of an SGA strain id mean, and the marker of its queries.

Belongs here: the code of the Boone and Andrews laboratories, which their screens share. Does not: which strains there are (the
publications' modules).
"""

import polars as pl

BOONE_ANDREWS = "Boone and Andrews, Toronto"
"""The laboratory of every SGA screen here: they share strains, plates and scoring, and are no independent measurements."""

STRAIN_CODES = pl.DataFrame(
    # Query strains carry NatMX, array strains KanMX; the numbers of screens are of the publication's supplement. The
    # sheet does not say which parent a DAmP or S strain was: both were queries of this publication's screens.
    [
        ("dma", "deletion", "KanMX", "array", 350),
        ("sn", "deletion", "NatMX", "query", 17),
        ("tsa", "temperature_sensitive", "KanMX", "array", 350),
        ("tsq", "temperature_sensitive", "NatMX", "query", 17),
        ("damp", "damp", None, "query", 17),
        ("S", "suppressor", None, "query", 17),
    ],
    schema={"code": pl.String, "kind": pl.String, "marker": pl.String, "role": pl.String, "screens": pl.UInt32},
    orient="row",
)
"""What the letters of a strain id such as YAL001C_tsq508 mean, in this publication and the SGA screens beside it."""

SUPPRESSOR_IN_ALLELE = "-supp"

MARKER_GENE = "YDL227C"  # ho: its deletion makes a single-mutant query resistant, and changes no fitness
