"""Diploid deletion strains of Deutschbauer et al. 2005 (doi 10.1534/genetics.104.036871): fitness and essentiality.

Belongs here: how this publication's sheet becomes `Fitness` and `Viability` records. Does not: the deletion project's own
table of essential genes (viability_deletion_project.py).

Heterozygous and homozygous diploids were grown in pools in liquid YPD and minimal medium. In YPD the sheet gives two
replicates and their average, in minimal medium one measurement. The average of homozygous strains differs from the
mean of its replicates by more than 0.002 in 266 rows; it is stored as published, with the replicates beside it. `ND`:
not determined. ORFs have trailing spaces, and five a lower-case suffix.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness, Viability
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, is_blank, read_sheet
from torchcell_assets.steps.datasets.registered import Registered

DEUTSCHBAUER_2005 = Source(
    name="deutschbauer2005/OrfGeneData.xlsx",
    sha256=("b53ded349d667dbc1bfd20f345a1758194afa815d7fd84f4830e00fc1c6941a6",),
    bytes=647_571,
    url="https://raw.githubusercontent.com/yeastphenome/yp-data/6f3294266bb932c01d64364bfec4e3d0e24c721d/Datasets/15716499/raw_data/OrfGeneData.xlsx",
    licence="CC-BY-4.0",
    citation="Deutschbauer et al. 2005, Genetics 169:1915",
    doi="10.1534/genetics.104.036871",
)

_COLUMNS = [
    "orf", "gene", "go_process", "go_function", "go_component", "essential",
    "het_ypd_A", "het_ypd_B", "HET_AV", "slow_ypd_het", "hom_ypd_C", "hom_ypd_D", "HOM_AV", "slow_ypd_hom",
    "het_mm_B", "slow_mm_het", "hom_mm_D", "slow_mm_hom",
]  # fmt: skip
_NOT_DETERMINED = ["ND"]

# value column -> replicate columns, zygosity, medium as published, class of medium
_SCREENS = {
    "HET_AV": (["het_ypd_A", "het_ypd_B"], "heterozygous", "YPD", "YPD liquid"),
    "HOM_AV": (["hom_ypd_C", "hom_ypd_D"], "homozygous", "YPD", "YPD liquid"),
    "het_mm_B": (["het_mm_B"], "heterozygous", "minimal medium", "minimal liquid"),
    "hom_mm_D": (["hom_mm_D"], "homozygous", "minimal medium", "minimal liquid"),
}
_OF_FITNESS = Registered(
    media=tuple(dict.fromkeys((medium, cls) for _, _, medium, cls in _SCREENS.values())),
    references=("diploid wild type",),
    assays=("barcode competition",),
    sample_units=("culture",),
    laboratories=("Davis and Giaever, Stanford",),
)
_OF_VIABILITY = replace(_OF_FITNESS, media=(("YPD", "YPD liquid"),), assays=("viability",), sample_units=())
_CALLS = {"YES": False, "NO": True}  # essential -> viable


def parse_fitness(path: Path) -> Parsed:
    """One row per strain, zygosity and medium."""
    sheet = _read(path)
    cells = pl.concat([_screen(sheet, column) for column in _SCREENS])
    held = cells.filter(~pl.col("blank")).drop("blank").sort(ROW, maintain_order=True)
    return Parsed(as_records(held, Fitness, FITNESS.name), blank=int(cells["blank"].sum()))


def parse_viability(path: Path) -> Parsed:
    """One row per ORF whose column `essential` says YES or NO.

    The same 1,102 ORFs read `Essential` in place of YES or NO in `slow_ypd_hom` and `slow_mm_hom`: one call, not three.
    A cell that reads otherwise (`YES23NOYES899`, YKL134C) gets no call and is quarantined.
    """
    call = pl.col("essential").str.strip_chars()
    viable = call.replace_strict(_CALLS, default=None, return_dtype=pl.Boolean)
    cells = _read(path).select(
        ROW,
        "strain",
        perturbations=_deletion("homozygous"),
        column=pl.lit("essential"),
        screen=pl.lit(f"{VIABILITY.name}:essential"),
        **_OF_VIABILITY.columns,
        temperature=pl.lit(30.0),
        temperature_source=pl.lit("stated"),
        evidence=pl.lit("measured"),
        publication=pl.lit(DEUTSCHBAUER_2005.doi),
        viable=viable,
        problem=pl.when(viable.is_null()).then(pl.format("essential reads '{}'", call)),
        blank=is_blank("essential", _NOT_DETERMINED),
    )
    held = cells.filter(~pl.col("blank")).drop("blank")
    return Parsed(as_records(held, Viability, VIABILITY.name), blank=cells.height - held.height)


def _read(path: Path) -> pl.DataFrame:
    name = pl.col("gene").str.strip_chars()
    return read_sheet(path, _COLUMNS).with_columns(
        strain=pl.col("orf").str.strip_chars(),
        orf=pl.col("orf").str.strip_chars().str.to_uppercase(),
        gene=name,
    )


def _deletion(zygosity: str) -> pl.Expr:
    return pl.concat_list(
        perturbation(pl.col("orf"), "deletion", zygosity=zygosity, name=pl.col("gene"), marker="KanMX")
    )


def _screen(sheet: pl.DataFrame, column: str) -> pl.DataFrame:
    replicates, zygosity, medium, medium_class = _SCREENS[column]
    held = pl.concat_list(
        pl.when(~is_blank(replicate, _NOT_DETERMINED)).then(pl.col(replicate)) for replicate in replicates
    ).list.drop_nulls()
    return sheet.select(
        ROW,
        "strain",
        perturbations=_deletion(zygosity),
        column=pl.lit(column),
        screen=pl.lit(f"{FITNESS.name}:{column}"),
        medium=pl.lit(medium),
        **_OF_FITNESS.columns,
        medium_class=pl.lit(medium_class),
        temperature=pl.lit(30.0),
        temperature_source=pl.lit("stated"),
        evidence=pl.lit("measured"),
        publication=pl.lit(DEUTSCHBAUER_2005.doi),
        value=column,
        uncertainty_type=pl.lit("none"),
        samples=held.list.len().cast(pl.UInt32),
        sample_unit=pl.lit("culture"),
        replicates=held,
        blank=is_blank(column, _NOT_DETERMINED),
    )


FITNESS = Dataset(
    name="fitness_deutschbauer2005",
    record=Fitness,
    sources=(DEUTSCHBAUER_2005,),
    parse=parse_fitness,
    description=(
        "One row is the fitness of one heterozygous or homozygous diploid deletion strain in liquid YPD or minimal medium at "
        "30 °C, relative to the diploid wild type: the published average, with its replicates."
    ),
    citation=DEUTSCHBAUER_2005.citation,
    publication=DEUTSCHBAUER_2005.doi,
    licence="CC-BY-4.0",
    registered=_OF_FITNESS,
    policies={"screens": _SCREENS},
    published_records=20_858,
    genes_outside=24,
    logic="2",
)

VIABILITY = Dataset(
    name="viability_deutschbauer2005",
    record=Viability,
    sources=(DEUTSCHBAUER_2005,),
    parse=parse_viability,
    description=(
        "One row says whether one homozygous diploid deletion strain lives: the column `essential` of the publication's table "
        "(1,102 essential). It is never turned into a fitness."
    ),
    citation=DEUTSCHBAUER_2005.citation,
    publication=DEUTSCHBAUER_2005.doi,
    licence="CC-BY-4.0",
    registered=_OF_VIABILITY,
    policies={"calls": _CALLS},
    published_records=5_859,
    quarantine_limit=1,  # YKL134C
    genes_outside=24,
    logic="2",
)

DATASETS = (FITNESS, VIABILITY)
