"""Fitness of haploid deletion strains of Breslow et al. 2008 (doi 10.1038/nmeth.1234).

Belongs here: how this publication's sheet becomes `Fitness` records. Does not: its DAmP strains (another table).

The sheet gives the median of one to six measurements of growth rate relative to wild type, by competition in a flow
cytometer. It states neither medium nor temperature; both are inferred from how deletion collections are grown (rich
medium, 30 degrees Celsius). Three strains are too slow to measure and read `< 0.5`: such a record has an upper bound and
no value. `Clonal triplicate measurements` in the column `Note` means that the measurements share one clone.
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, BadRawFile, is_blank, read_sheet
from torchcell_assets.steps.datasets.registered import Registered

BRESLOW_2008 = Source(
    name="breslow2008/nmeth.1234-S5.xlsx",
    sha256=("c20d6afcb81abb9022711467b23ba2340ac69fe428f1928d6770faa671dc98d4",),
    bytes=179_316,
    url="https://raw.githubusercontent.com/yeastphenome/yp-data/6f3294266bb932c01d64364bfec4e3d0e24c721d/Datasets/18622397/raw_data/nmeth.1234-S5.xlsx",
    licence="CC-BY-4.0",
    citation="Breslow et al. 2008, Nature Methods 5:711",
    doi="10.1038/nmeth.1234",
)

_REGISTERED = Registered(
    media=(("rich medium, liquid (not stated in the table)", "YPD liquid"),),
    references=("wild type",),
    assays=("pairwise competition",),
    sample_units=("culture",),
    laboratories=("Weissman, San Francisco",),
)

NAME = "fitness_breslow2008"

_SHEET = "Deletion growth rates"
_MEDIAN = "Median Growth Rate"
_FIRST_REPLICATE = "Individual growth rate measurements"
_COLUMNS = ["Note", "ORF", "Gene", _MEDIAN, _FIRST_REPLICATE, None, None, None, None, None]
_REPLICATES = [_FIRST_REPLICATE, *(f"column_{position}" for position in range(6, 11))]
_CENSORED = r"^<\s*([0-9.]+)$"


def parse(path: Path) -> Parsed:
    """One row per strain: the published median, with the single measurements as replicates."""
    sheet = read_sheet(path, _COLUMNS, sheet=_SHEET)
    filled = pl.concat_list((~is_blank(column)).cast(pl.Int8) for column in _REPLICATES)
    if sheet.filter(filled.list.diff(null_behavior="drop").list.max() > 0).height:
        raise BadRawFile(path, "it has measurements to the right of an empty cell")
    median = pl.col(_MEDIAN).str.strip_chars()
    censored = median.str.contains(_CENSORED)
    name = pl.col("Gene").str.strip_chars()
    measured = pl.concat_list(_REPLICATES).list.eval(pl.element().filter(~is_blank(pl.element())))
    cells = sheet.select(
        ROW,
        strain=pl.col("ORF").str.strip_chars(),
        perturbations=pl.concat_list(
            perturbation(pl.col("ORF").str.strip_chars(), "deletion", name=name, marker="KanMX")
        ),
        column=pl.lit("median"),
        screen=pl.lit(f"{NAME}:median"),
        **_REGISTERED.columns,
        temperature=pl.lit(30.0),
        temperature_source=pl.lit("inferred"),
        evidence=pl.lit("measured"),
        publication=pl.lit(BRESLOW_2008.doi),
        value=pl.when(~censored.fill_null(False)).then(_MEDIAN),
        upper_bound=median.str.extract(_CENSORED),
        uncertainty_type=pl.lit("none"),
        samples=filled.list.sum().cast(pl.UInt32),
        sample_unit=pl.lit("culture"),
        replicates=pl.when(~censored).then(measured),
        blank=is_blank(_MEDIAN),
    )
    held = cells.filter(~pl.col("blank")).drop("blank")
    return Parsed(as_records(held, Fitness, NAME), blank=cells.height - held.height)


DATASET = Dataset(
    name=NAME,
    record=Fitness,
    sources=(BRESLOW_2008,),
    parse=parse,
    description=(
        "One row is the growth rate of one haploid deletion strain relative to wild type, the median of one to six competitions "
        "in liquid medium; medium and 30 °C are inferred. Three strains have an upper bound in place of a value."
    ),
    citation=BRESLOW_2008.citation,
    publication=BRESLOW_2008.doi,
    licence="CC-BY-4.0",
    registered=_REGISTERED,
    published_records=4_204,
    genes_outside=22,
    logic="2",
)

DATASETS = (DATASET,)
