"""Which genes the Saccharomyces Genome Deletion Project found essential (Giaever et al. 2002, doi 10.1038/nature00935).

Belongs here: how the project's table of primers becomes `Viability` records. Does not: fitness of the living strains.

The table lists 6,363 deletion cassettes of 6,128 ORFs. Its column `essential` says `essential` or nothing, and nothing
means that the deletion strain lives. The call is one of the ORF, repeated with each cassette: it gives one record, with
the row of the ORF's first cassette. The member of the zip is padded with spaces, in latin-1, with a line of `=` below its
header; five ORFs have a lower-case suffix.
"""

import zipfile
from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Viability
from torchcell_assets.sources.catalog import DELETION_PROJECT
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, BadRawFile, is_blank, parse_text

NAME = "viability_deletion_project"

_MEMBER = "Deletion_primers_PCR_sizes.txt"
_COLUMNS = [
    "rec_num", "ORF_name", "deletion_alias", "essential",
    *(f"{letter}_confirmation_primer_sequence" for letter in "ABCD"),
    "UPTAG_primer_sequence", "DNTAG_primer_sequence", "UPstream45_primer_sequence", "DNstream45_primer_sequence",
    "UPstream90_primer_sequence", "DNstream90_primer_sequence", "AB_wt_PCR", "AkanB_del_PCR", "CD_wt_PCR", "DkanC_del_PCR",
    "AD_wt", "AD_del", "AB_del_PCR", "CD_del_PCR", "UPTAG_sequence_20mer", "DNTAG_sequence_20mer",
]  # fmt: skip
_CALL = "essential"


def parse(path: Path) -> Parsed:
    """One row per ORF."""
    call = pl.col("essential").str.strip_chars()
    table = (
        _read(path)
        .with_columns(
            orf=pl.col("ORF_name").str.strip_chars().str.to_uppercase(),
            viable=pl.when(is_blank("essential")).then(True).when(call == _CALL).then(False),
        )
        .with_columns(calls=pl.col("viable").n_unique().over("orf"))
    )
    if table.filter(pl.col("calls") > 1).height:
        raise BadRawFile(path, f"{_MEMBER} calls the same ORF essential in one row and not in another")
    cells = table.unique("orf", keep="first", maintain_order=True).with_columns(
        strain="orf",
        perturbations=pl.concat_list(perturbation(pl.col("orf"), "deletion", marker="KanMX")),
        column=pl.lit("essential"),
        screen=pl.lit(f"{NAME}:essential"),
        medium=pl.lit("YPD"),
        medium_class=pl.lit("YPD plate"),
        temperature=pl.lit(30.0),
        temperature_source=pl.lit("inferred"),
        reference=pl.lit("wild type"),
        evidence=pl.lit("measured"),
        publication=pl.lit(DELETION_PROJECT.doi),
    )
    return Parsed(as_records(cells, Viability, NAME))


def _read(path: Path) -> pl.DataFrame:
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(_MEMBER)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise BadRawFile(path, f"{_MEMBER} cannot be read from it ({error})") from error
    table = parse_text(path, content.decode("latin-1").encode(), _COLUMNS)
    if not table["rec_num"][0].startswith("="):
        raise BadRawFile(path, f"{_MEMBER} has no line of = below its header")
    return table.slice(1).with_columns(pl.col(ROW) - 1)


DATASET = Dataset(
    name=NAME,
    record=Viability,
    sources=(DELETION_PROJECT,),
    parse=parse,
    description=(
        "One row says whether the haploid deletion strain of one ORF lives on rich medium: 1,123 of 6,128 are essential. "
        "Ships inside a package, and is the only measured phenotype that needs no download."
    ),
    citation=DELETION_PROJECT.citation,
    publication=DELETION_PROJECT.doi,
    licence="BSD-3-Clause (the package that ships the file)",
    published_records=6_128,
)
