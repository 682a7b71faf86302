"""Small files in the layout of Kuzmin 2018 and 2020, with everything that is odd about the published ones.

Belongs here: stand-ins for raw files that no program may download, so that their parsers are tested like the others.
The strains are real; the numbers are made up and obey the tau identity.
"""

from dataclasses import dataclass, field
from pathlib import Path

from torchcell_assets.sources import Source, Sources
from torchcell_assets.sources.catalog import (
    KUZMIN_2018_CROSSES,
    KUZMIN_2018_QUERIES,
    KUZMIN_2020_MAIN,
    KUZMIN_2020_PILOT,
    KUZMIN_2020_QUERIES,
)
from torchcell_assets_tests.steps.datasets.damage import Rows, write_workbook

SOURCES = (KUZMIN_2018_CROSSES, KUZMIN_2018_QUERIES, KUZMIN_2020_MAIN, KUZMIN_2020_PILOT, KUZMIN_2020_QUERIES)
COLUMNS = [
    "Query strain ID", "Query allele name", "Array strain ID", "Array allele name", "Combined mutant type",
    "Raw genetic interaction score (epsilon)", "Adjusted genetic interaction score (epsilon or tau)", "P-value",
    "Query single/double mutant fitness", "Array single mutant fitness",
]  # fmt: skip
HEADER_2018 = [*COLUMNS, "Combined mutant fitness", "Combined mutant fitness standard deviation"]
HEADER_2020 = [*COLUMNS, "Double/triple mutant fitness", "Double/triple mutant fitness standard deviation"]

NTG1 = ("YAL015C+YDL227C_tm461", "ntg1Δ+hoΔ", 1.0235)
NTG2 = ("YDL227C+YOL043C_tm62", "hoΔ+ntg2Δ", 0.9)  # the marker first
BOTH = ("YAL015C+YOL043C_tm72", "ntg1Δ+ntg2Δ", 0.95)
CDC28 = ("YBR160W+YDL227C_tm900", "CDC28-4+hoΔ", 0.9326)  # a temperature-sensitive allele, in capitals
CDC9 = ("YDL164C+YDL227C_tm901", "cdc9-1-supp1+hoΔ", 0.8866)  # a suppressor
UNKNOWN = ("YAL028W+YDL227C_tm1860", "frt2Δ+hoΔ", None)  # no fitness of its own

SLA1 = ("YBL007C_dma91", "sla1Δ", 0.8322)
MCM2 = ("YBL023C_tsa111", "mcm2-1", 0.9817)
SLX8 = ("YER116C_dma1413", "slx8Δ", 0.65)  # Costanzo's table: slx8-supp1
IMP2 = ("YIL154C_dma2383", "imp2'Δ", 0.884)
HO = ("YDL227C_dma797", "hoΔ", 1.01)  # here the deletion of ho is one

# epsilon of query and array, or tau and the digenic scores of both query genes
DIGENIC = [
    (NTG1, SLA1, 0.02, "0.0240"), (NTG2, SLA1, -0.1, "0.0300"), (NTG1, MCM2, 0.01, "0"), (NTG2, MCM2, 0.03, "0.0100"),
    (NTG1, SLX8, -0.05, "0.0200"), (NTG2, SLX8, 0.0, "0.0200"), (NTG1, IMP2, 0.04, "0.0200"), (NTG1, HO, 0.0, "0.0200"),
    (CDC28, SLA1, -0.2, "0.0400"), (CDC9, MCM2, -0.06, "0.0500"), (UNKNOWN, SLA1, 0.05, "0.0200"),
]  # fmt: skip
TRIGENIC = [(BOTH, SLA1, -0.15), (BOTH, MCM2, 0.08), (BOTH, SLX8, 0.0)]


def rows() -> Rows:
    """The crosses as printed: 11 digenic and 3 trigenic rows."""
    printed, score = [], {}
    for query, array, epsilon, sd in DIGENIC:
        score[query, array] = epsilon
        printed.append(_row(query, array, "digenic", epsilon, epsilon, sd))
    for query, array, tau in TRIGENIC:
        raw = tau + score[NTG1, array] * NTG2[2] + score[NTG2, array] * NTG1[2]
        printed.append(_row(query, array, "trigenic", raw, tau, "0.0310"))
    return printed


def _row(query: tuple, array: tuple, kind: str, raw: float, adjusted: float, sd: str) -> tuple[str, ...]:
    known = "NaN" if query[2] is None else f"{query[2]:.4f}"
    fitness = (query[2] or 1.0) * array[2] + raw
    scores = (f"{raw:.6f}", f"{adjusted:.4f}", "3.166e-01")
    return (*query[:2], *array[:2], kind, *scores, known, f"{array[2]:.4f}", f"{fitness:.4f}", sd)


def pilot_rows() -> Rows:
    """The first four digenic crosses again, 0.01 fitter, with one array strain spelled otherwise."""
    again: Rows = []
    for row in rows()[:4]:
        cells = [str(cell) for cell in row]
        cells[3] = cells[3].replace("sla1Δ", "SLA1")
        cells[5:7] = [f"{float(cell) + 0.01:.6f}" for cell in cells[5:7]]
        cells[10] = f"{float(cells[10]) + 0.01:.4f}"
        again.append(tuple(cells))
    return again


def query_rows() -> Rows:
    """Table S5: full ids for double mutants, numbers for single ones, as either may be."""
    return [
        ("tm461", "YAL015C", "NTG1", "ntg1Δ", "YDL227C", "HO", "hoΔ", "Single mutant", "1.0235", "0.0110"),
        ("tm62", "YOL043C", "NTG2", "ntg2Δ", None, None, None, "Single mutant", "0.9000", "0.0120"),
        (BOTH[0], "YAL015C", "NTG1", "ntg1Δ", "YOL043C", "NTG2", "ntg2Δ", "Double mutant", "0.9500", "0.0200"),
        ("tm1860", "YAL028W", "FRT2", "frt2Δ", "YDL227C", "HO", "hoΔ", "Single mutant", None, None),
    ]


S5_HEADER = (
    "Query Strain ID", "ORF1", "Gene1", "Allele1", "ORF2", "Gene2", "Allele2", "Mutant type", "Fitness", "St.dev.",
)  # fmt: skip
S4_ROWS: Rows = [
    ("Query Strain ID", "Fitness", "St.dev."),
    ("tm461", "1.0235", "0.0110"), ("tm62", "0.9000", "0.0120"), ("tm72", "0.9500", "0.0200"), ("tm900", "0.9326", ""),
    ("tm901", "", ""), ("tm4000", "1.0000", "0.0100"),  # tm4000 is no query of Data S1
]  # fmt: skip
TITLE = ("Table. Something of the supplement",)


def write(folder: Path) -> dict[str, Path]:
    """Write them all; name of the source -> path."""
    paths = {source.name: folder / Path(source.name).name for source in SOURCES}
    lines = [HEADER_2018, *rows()]
    paths[KUZMIN_2018_CROSSES.name].write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    write_workbook(paths[KUZMIN_2018_QUERIES.name], {"Sheet1": S4_ROWS})
    write_workbook(paths[KUZMIN_2020_MAIN.name], {"Table S1": [TITLE, tuple(HEADER_2020), *rows()]})
    write_workbook(paths[KUZMIN_2020_PILOT.name], {"Table S3": [TITLE, tuple(HEADER_2020), *pilot_rows()]})
    write_workbook(paths[KUZMIN_2020_QUERIES.name], {"Table S5": [TITLE, S5_HEADER, *query_rows()]})
    return paths


@dataclass(frozen=True)
class WithStandIns(Sources):
    """The raw files, and the small tables in place of those that no program may download."""

    stand_ins: dict[str, Path] = field(default_factory=dict)

    def path(self, source: Source) -> Path:
        """As `Sources.path`; a stand-in is not verified."""
        return self.stand_ins.get(source.name) or super().path(source)
