"""Damaged copies of raw files: truncated, emptied, with columns moved.

Belongs here: what can go wrong with a file between its publisher and a parser, done to a copy. No parser is known here.
"""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import fastexcel
import polars as pl

Rows = list[tuple[str | None, ...]]

_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{sheets}</Types>'
)
_SHEET_TYPE = (
    '<Override PartName="/xl/worksheets/sheet{n}.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
)
_RELATIONSHIPS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{all}</Relationships>'
)
_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def read_workbook(path: Path) -> dict[str, Rows]:
    """Sheet name -> rows of text, the header among them."""
    book = fastexcel.read_excel(path)
    return {
        name: book.load_sheet(name, header_row=None, dtypes="string").to_polars().rows() for name in book.sheet_names
    }


def write_workbook(path: Path, sheets: dict[str, Rows]) -> None:
    """A minimal spreadsheet of text cells; there is no writer among the dependencies."""
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES.format(sheets="".join(_SHEET_TYPE.format(n=n) for n in numbers)),
        "_rels/.rels": _RELATIONSHIPS.format(
            all=f'<Relationship Id="r1" Type="{_KIND}/officeDocument" Target="xl/workbook.xml"/>'
        ),
        "xl/_rels/workbook.xml.rels": _RELATIONSHIPS.format(
            all="".join(
                f'<Relationship Id="r{n}" Type="{_KIND}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
            )
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_KIND}"><sheets>'
            + "".join(
                f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, start=1)
            )
            + "</sheets></workbook>"
        ),
    }
    for n, rows in enumerate(sheets.values(), start=1):
        lines = "".join(
            f'<row r="{r}">' + "".join(_cell(r, c, text) for c, text in enumerate(row)) + "</row>"
            for r, row in enumerate(rows, start=1)
        )
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def _cell(row: int, column: int, text: str | None) -> str:
    if text is None:
        return ""
    return f'<c r="{chr(65 + column)}{row}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def truncated(path: Path, copy: Path) -> None:
    """The first seven tenths of the bytes."""
    content = path.read_bytes()
    copy.write_bytes(content[: len(content) * 7 // 10])


def emptied(path: Path, copy: Path) -> None:
    """No byte at all."""
    copy.write_bytes(b"")


def without_rows(path: Path, copy: Path) -> None:
    """The header alone, or nothing where there is no header; a sheet or a text."""
    _rewrite(path, copy, lambda rows: rows[:1])


def columns_moved(path: Path, copy: Path) -> None:
    """The last column first, header and all."""
    _rewrite(path, copy, lambda rows: [(row[-1], *row[:-1]) for row in rows])


def columns_swapped(path: Path, copy: Path) -> None:
    """The last two columns exchanged, header and all: in most tables a value and its uncertainty."""
    _rewrite(path, copy, lambda rows: [(*row[:-2], row[-1], row[-2]) for row in rows])


def cells_moved_below_the_header(path: Path, copy: Path) -> None:
    """The header as it was, the last column first below it."""
    _rewrite(path, copy, lambda rows: [rows[0], *((row[-1], *row[:-1]) for row in rows[1:])])


def rows_lost_at_the_end(path: Path, copy: Path) -> None:
    """The first half of the rows, each of them whole."""
    _rewrite(path, copy, lambda rows: rows[: len(rows) // 2])


DAMAGES: Sequence[Callable[[Path, Path], None]] = (
    truncated,
    emptied,
    without_rows,
    columns_moved,
    columns_swapped,
    cells_moved_below_the_header,
    rows_lost_at_the_end,
)


def _rewrite(path: Path, copy: Path, change: Callable[[Rows], Rows]) -> None:
    if path.suffix == ".xlsx":
        write_workbook(copy, {name: change(rows) for name, rows in read_workbook(path).items()})
    elif path.suffix == ".zip":
        _rewrite_member(path, copy, change)
    else:
        copy.write_text(_changed_text(path.read_text(), change))


def _changed_text(text: str, change: Callable[[Rows], Rows]) -> str:
    rows: Rows = [tuple(line.split("\t")) for line in text.splitlines()]
    return "".join("\t".join(cell or "" for cell in row) + "\n" for row in change(rows))


def _rewrite_member(path: Path, copy: Path, change: Callable[[Rows], Rows]) -> None:
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as damaged:
        for name in archive.namelist():
            if name.endswith("PCR_sizes.txt"):
                damaged.writestr(name, _changed_text(archive.read(name).decode("latin-1"), change).encode("latin-1"))


def same_numbers(damaged: pl.DataFrame, intact: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether every record of `damaged` says what the record of the same id says in `intact`."""
    both = damaged.select("id", *columns).join(intact.select("id", *columns), on="id", how="left", suffix=" intact")
    return both.filter(pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c} intact")) for c in columns)).is_empty()
