"""Single-mutant fitness of Costanzo et al. 2016 (doi 10.1126/science.aaf1420), and what its strain ids mean.

Belongs here: how this publication's spreadsheet becomes `Fitness` records; the strain table, which other SGA screens
share. Does not: downloading (sources), pooling of the dma and sn strains of one gene (merged), any other publication.

What must be known of the sheet:
- 165 strains whose allele is called `...-supp1` are suppressors whatever their strain code says; by the code, 72 of
  them would become clean deletions (59 dma, 13 sn), and 31 of the 43 dma/sn pairs that differ are such pairs.
- A spreadsheet program turned the gene names of three deletions into dates (YER044C-A, YKL009W, YPL121C).
- `stddev` is not a standard error of the value: strains that state less than 0.01 differ from Baryshnikova et al. 2010 as
  much as those that state 0.06 to 0.1. It is kept as `unspecified`, and nothing is weighed by it.
- The cells at 26 and at 30 degrees agree in value and `stddev` for all 8,386 deletion and DAmP strains that have both: they
  are one measurement, stored once, at 30. A study's condition may take it as valid at 26 (`assumed_from`).
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.crosses.strain_codes import BOONE_ANDREWS, STRAIN_CODES, SUPPRESSOR_IN_ALLELE
from torchcell_assets.steps.datasets.crosses.strain_table import (
    COSTANZO_2016_SINGLES,
    SD,
    TEMPERATURES,
    VALUE,
    read_strains,
)
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, is_blank
from torchcell_assets.steps.datasets.registered import Registered

_REGISTERED = Registered(
    media=(("SGA selection plate", "SGA plate"),),
    references=("wild type",),
    assays=("colony size",),
    laboratories=(BOONE_ANDREWS,),
    sample_units=("screen",),
)

NAME = "fitness_costanzo2016"

_MEASURED_AT = 30.0  # what is printed for both temperatures


def parse(path: Path) -> Parsed:
    """One row per strain and temperature; one per strain where the cell at 26 degrees repeats the one at 30."""
    strains = read_strains(path).with_columns(
        perturbations=pl.concat_list(
            perturbation(
                pl.col("gene"),
                pl.col("kind"),
                allele=pl.col("published"),
                name=pl.col("published"),
                marker=pl.col("marker"),
                role=pl.col("role"),
            )
        )
    )
    cells = pl.concat([_at(strains, temperature) for temperature in TEMPERATURES])
    filled = cells.filter(~pl.col("blank")).sort(ROW, "temperature")
    repeated = filled["repeats"] & (filled["temperature"] != _MEASURED_AT)
    held = filled.filter(~repeated).drop("blank", "repeats")
    return Parsed(as_records(held, Fitness, NAME), blank=cells.height - filled.height, repeated=int(repeated.sum()))


def _at(strains: pl.DataFrame, temperature: int) -> pl.DataFrame:
    value, sd = VALUE.format(temperature), SD.format(temperature)
    return strains.select(
        ROW,
        "strain",
        "perturbations",
        column=pl.lit(f"{temperature}C"),
        screen=pl.lit(f"{NAME}:{temperature}C"),
        **_REGISTERED.columns,
        temperature=pl.lit(float(temperature)),
        temperature_source=pl.lit("stated"),
        evidence=pl.lit("measured"),
        publication=pl.lit(COSTANZO_2016_SINGLES.doi),
        value=value,
        uncertainty=sd,
        uncertainty_type=pl.when(is_blank(sd)).then(pl.lit("none")).otherwise(pl.lit("unspecified")),
        samples="screens",
        sample_unit=pl.lit("screen"),
        blank=is_blank(value),
        repeats=_repeats(),
    )


def _repeats() -> pl.Expr:
    """Whether a strain without a conditional allele has the same two cells at both temperatures."""
    pairs = [[text.format(temperature) for temperature in TEMPERATURES] for text in (VALUE, SD)]
    same = pl.all_horizontal(pl.col(a).str.strip_chars().eq_missing(pl.col(b).str.strip_chars()) for a, b in pairs)
    return (same & (pl.col("kind") != "temperature_sensitive")).fill_null(False)


DATASET = Dataset(
    name=NAME,
    record=Fitness,
    sources=(COSTANZO_2016_SINGLES,),
    parse=parse,
    description=(
        "One row is the fitness of one single mutant (deletion, temperature-sensitive, DAmP or suppressor allele) at 26 or "
        "30 °C, relative to wild type, on SGA plates. Where both are printed alike, they are one measurement, at 30 °C. Its "
        "`stddev` is no standard error of it, and nothing is weighed by it."
    ),
    citation=COSTANZO_2016_SINGLES.citation,
    publication=COSTANZO_2016_SINGLES.doi,
    licence="Apache-2.0 (the repository of the copy)",
    registered=_REGISTERED,
    policies={"strain_codes": STRAIN_CODES.rows(), "suppressor": SUPPRESSOR_IN_ALLELE, "measured_at": _MEASURED_AT},
    published_records=12_030,
    genes_outside=29,
)

DATASETS = (DATASET,)
