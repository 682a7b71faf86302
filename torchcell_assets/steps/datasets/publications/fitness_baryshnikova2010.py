"""Single-mutant fitness of Baryshnikova et al. 2010 (doi 10.1038/nmeth.1534).

Belongs here: how this publication's sheet becomes `Fitness` records. Does not: the names of temperature-sensitive alleles,
which are those of Costanzo et al. 2016 (fitness_costanzo2016.py).

The sheet has no header: strain (ORF, ORF_damp or ORF_tsq and a number), fitness, bootstrap standard error. Deletions
were measured in 80 control screens. ho (YDL227C), the control, stands in it twice with two fitnesses: both rows are kept, as
strains that are told apart by their row.
"""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.crosses.strain_codes import BOONE_ANDREWS
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, OtherLayout, is_blank, number, read_sheet
from torchcell_assets.steps.datasets.registered import Registered

BARYSHNIKOVA_2010 = Source(
    name="baryshnikova2010/Supplementary_data_1_SMF_standard_100209.xlsx",
    sha256=("bc80fbfe0e8192e84a6ca279ca84d31540154d609176857d805cded43433e6cd",),
    bytes=225_739,
    url="https://raw.githubusercontent.com/yeastphenome/yp-data/6f3294266bb932c01d64364bfec4e3d0e24c721d/Datasets/21076421/raw_data/Supplementary_data_1_SMF_standard_100209.xlsx",
    licence="CC-BY-4.0",
    citation="Baryshnikova et al. 2010, Nature Methods 7:1017",
    doi="10.1038/nmeth.1534",
)

_REGISTERED = Registered(
    media=(("SGA selection plate", "SGA plate"),),
    references=("wild type",),
    assays=("colony size",),
    laboratories=(BOONE_ANDREWS,),
    sample_units=("screen",),
)

NAME = "fitness_baryshnikova2010"
CONTROL_SCREENS = 80
CONTROL = "YDL227C"

_STRAIN = r"^(Y[^_]+|Q\d+)(?:_(damp|tsq)\d*)?$"
_KINDS = {"damp": "damp", "tsq": "temperature_sensitive"}


def parse(path: Path, strain_table: Path) -> Parsed:
    """One row per strain.

    A strain that the strain table of Costanzo et al. 2016 does not know (15 of 306 tsq) keeps its strain code as allele.
    """
    sheet = read_sheet(path, ["strain", "fitness", "error"], header=False)
    _require_layout(path, sheet)
    strain = pl.col("strain").str.strip_chars()
    alleles = _alleles(strain_table)
    suffix = strain.str.extract(_STRAIN, 2)
    table = (
        sheet.with_columns(
            strain=strain,
            gene=strain.str.extract(_STRAIN, 1),
            kind_of_suffix=pl.when(suffix.is_null())
            .then(pl.lit("deletion"))
            .otherwise(suffix.replace_strict(_KINDS, default=None)),
            suffix=strain.str.extract(r"_(.+)$"),
        )
        .join(alleles, on="strain", how="left", maintain_order="left")
        .with_columns(kind=pl.coalesce("kind", "kind_of_suffix"))
    )
    conditional = pl.col("kind_of_suffix") == "temperature_sensitive"  # grown at their permissive temperature
    is_deletion = pl.col("kind") == "deletion"
    cells = table.select(
        ROW,
        strain=pl.when(strain == CONTROL).then(pl.format("{} (row {})", strain, ROW)).otherwise(strain),
        perturbations=pl.concat_list(
            perturbation(
                pl.col("gene"),
                pl.col("kind"),
                allele=pl.coalesce("published", "suffix"),
                name=pl.coalesce("published", "suffix"),
            )
        ),
        column=pl.lit("SMF"),
        temperature=pl.when(conditional).then(26.0).otherwise(30.0),
        **_REGISTERED.columns,
        temperature_source=pl.lit("stated"),
        evidence=pl.lit("measured"),
        publication=pl.lit(BARYSHNIKOVA_2010.doi),
        value="fitness",
        uncertainty="error",
        uncertainty_type=pl.when(is_blank("error")).then(pl.lit("none")).otherwise(pl.lit("bootstrap_se")),
        samples=pl.when(is_deletion).then(pl.lit(CONTROL_SCREENS, dtype=pl.UInt32)),
        sample_unit=pl.when(is_deletion).then(pl.lit("screen")),
        blank=is_blank("fitness"),
    ).with_columns(screen=pl.format("{}:{}C", pl.lit(NAME), pl.col("temperature").cast(pl.Int64)))
    held = cells.filter(~pl.col("blank")).drop("blank")
    return Parsed(as_records(held, Fitness, NAME), blank=cells.height - held.height)


def _alleles(strain_table: Path) -> pl.DataFrame:
    """`strain` as this sheet writes it, `kind`, `published`: the alleles that both publications used.

    A gene has one DAmP allele, the construct of Breslow et al. 2008; this sheet leaves out its strain number.
    """
    return (
        read_strains(strain_table)
        .filter(pl.col("code").is_in(["tsq", "damp"]))
        .select(
            "kind",
            "published",
            strain=pl.when(pl.col("code") == "damp").then(pl.format("{}_damp", "gene")).otherwise("strain"),
        )
        .unique("strain", keep="none")
    )


def _require_layout(path: Path, sheet: pl.DataFrame) -> None:
    """Without a header only the contents can tell that columns were moved."""
    strains, fitness, error = sheet.select(
        pl.col("strain").str.strip_chars().str.contains(_STRAIN).mean(),
        number("fitness").median(),
        number("error").median(),
    ).row(0)
    if strains < 0.5 or fitness is None or error is None or not error < 0.2 < fitness:
        raise OtherLayout(path, "its three columns are not strain, fitness and standard error")


DATASET = Dataset(
    name=NAME,
    record=Fitness,
    sources=(BARYSHNIKOVA_2010, COSTANZO_2016_SINGLES),
    parse=parse,
    description=(
        "One row is the fitness of one single mutant (deletion, DAmP or temperature-sensitive allele) relative to wild type, "
        "on SGA plates at 30 °C (temperature-sensitive strains: 26 °C). Its uncertainty is a bootstrap standard error."
    ),
    citation=BARYSHNIKOVA_2010.citation,
    publication=BARYSHNIKOVA_2010.doi,
    licence="CC-BY-4.0",
    registered=_REGISTERED,
    policies={"kinds": _KINDS, "control_screens": CONTROL_SCREENS},
    published_records=6_023,
    genes_outside=30,
    logic="2",
)

DATASETS = (DATASET,)
