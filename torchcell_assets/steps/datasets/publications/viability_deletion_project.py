"""Which genes the Saccharomyces Genome Deletion Project found essential (Giaever et al. 2002, doi 10.1038/nature00935).

Belongs here: how the project's table of primers becomes `Viability` records. Does not: fitness of the living strains.

The table lists 6,363 deletion cassettes of 6,128 ORFs. Its column `essential` says `essential` or nothing, and nothing
means that the deletion strain lives. The call is one of the ORF, repeated with each cassette: it gives one record, with
the row of the ORF's first cassette.
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Viability
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.deletion_collection import DELETION_PROJECT, MEMBER, read_cassettes
from torchcell_assets.steps.datasets.raw_file import ROW, BadRawFile, is_blank
from torchcell_assets.steps.datasets.registered import Registered

_REGISTERED = Registered(
    media=(("YPD", "YPD plate"),),
    references=("wild type",),
    assays=("viability",),
    laboratories=("Saccharomyces Genome Deletion Project",),
)

NAME = "viability_deletion_project"

_CALL = "essential"


def parse(path: Path) -> Parsed:
    """One row per ORF."""
    call = pl.col("essential").str.strip_chars()
    table = (
        read_cassettes(path)
        .with_columns(
            viable=pl.when(is_blank("essential")).then(True).when(call == _CALL).then(False),
        )
        .with_columns(calls=pl.col("viable").n_unique().over("orf"))
    )
    if table.filter(pl.col("calls") > 1).height:
        raise BadRawFile(path, f"{MEMBER} calls the same ORF essential in one row and not in another")
    call = pl.col("essential").str.strip_chars()
    cells = table.unique("orf", keep="first", maintain_order=True).select(
        ROW,
        "viable",
        strain="orf",
        problem=pl.when(pl.col("viable").is_null()).then(pl.format("essential reads '{}'", call)),
        perturbations=pl.concat_list(perturbation(pl.col("orf"), "deletion", marker="KanMX")),
        column=pl.lit("essential"),
        screen=pl.lit(f"{NAME}:essential"),
        **_REGISTERED.columns,
        temperature=pl.lit(30.0),
        temperature_source=pl.lit("inferred"),
        evidence=pl.lit("measured"),
        publication=pl.lit(DELETION_PROJECT.doi),
    )
    return Parsed(as_records(cells, Viability, NAME))


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
    registered=_REGISTERED,
    published_records=6_128,
    genes_outside=25,
    logic="2",
)

DATASETS = (DATASET,)
