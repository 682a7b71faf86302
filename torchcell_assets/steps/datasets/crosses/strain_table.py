"""The strains of Costanzo et al. 2016, which the SGA screens of these laboratories share: what each strain id stands for.

Belongs here: the published table of strains, and the allele, kind and marker of each. Does not: the fitness in the same sheet
(publications/fitness_costanzo2016.py), the meaning of the letters of an id (strain_codes.py).
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import as_name
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.crosses.strain_codes import STRAIN_CODES, SUPPRESSOR_IN_ALLELE
from torchcell_assets.steps.datasets.raw_file import BadRawFile, read_sheet

COSTANZO_2016_SINGLES = Source(
    name="costanzo2016/strain_ids_and_single_mutant_fitness.xlsx",
    sha256=(
        "6836cf8257b9ee2037713b3d279ed723852cfb60fb0db1a547e41af01b1b1174",  # re-saved copy at the URL
        "3b9d3351cdde8ee90832797193a1e8838be3ce6778b3761a9e57db2d3a6a9ccc",  # member of the publisher's Data File S1
    ),
    bytes=605_899,
    url=(
        "https://raw.githubusercontent.com/SATAY-LL/LaanLab-SATAY-DataAnalysis/423e2da4fbe07fb7be219c5c1eb4ab724fecb694"
        "/Python_scripts/strain_ids_and_single_mutant_fitness.xlsx"
    ),
    licence="Apache-2.0",
    citation="Costanzo et al. 2016, Science 353:aaf1420",
    doi="10.1126/science.aaf1420",
)

VALUE = "Single mutant fitness ({}°)"
SD = "Single mutant fitness ({}°) stddev"
TEMPERATURES = [26, 30]  # degrees Celsius
_COLUMNS = [
    "Strain ID",
    "Systematic gene name",
    "Allele/Gene name",
    *(text.format(temperature) for temperature in TEMPERATURES for text in (VALUE, SD)),
]

STRAINS = 10_859


def read_strains(path: Path) -> pl.DataFrame:
    """One row per strain: the sheet's columns, with `strain`, `gene`, `published`, `kind`, `marker`, `role`, `screens`.

    published: gene or allele name as printed; null where a spreadsheet program had turned it into a date.

    Refuses a table that is not complete: other screens' alleles are looked up in it, and one that is not found would
    silently become another genotype.
    """
    sheet = read_sheet(path, _COLUMNS)
    own = sheet.filter(
        pl.col("Strain ID").str.starts_with(pl.format("{}_", pl.col("Systematic gene name").str.strip_chars()))
    )
    if own.height != STRAINS or own["Strain ID"].is_duplicated().any():
        raise BadRawFile(
            path, f"it holds {own.height} strains with a strain id of their gene, not {STRAINS} different ones"
        )
    allele = pl.col("Allele/Gene name").str.strip_chars()
    code = pl.col("Strain ID").str.extract(r"_([A-Za-z]+)\d+$")
    return (
        sheet.with_columns(
            strain=pl.col("Strain ID"),
            gene=pl.col("Systematic gene name").str.strip_chars(),
            published=as_name(allele),
            code=code,
        )
        .join(STRAIN_CODES, on="code", how="left", maintain_order="left")
        .with_columns(
            kind=pl.when(pl.col("published").str.contains(SUPPRESSOR_IN_ALLELE, literal=True))
            .then(pl.lit("suppressor"))
            .otherwise("kind")
        )
    )
