"""What the cells of a spreadsheet hold, as text from which every number comes back exactly.

Belongs here: the reader (calamine, by fastexcel), and what it leaves out. Does not: headers, blank cells, numbers
(raw_file.py).

    cell                                text
    number                              the shortest text that gives the same 64-bit number again: `2.672e-42`
    text                                as it stands
    truth value                         `true`, `false`
    date, time                          `2024-10-01 00:00:00`
    error                               `#DIV/0!`, as the spreadsheet program shows it
    formula with its stored result      the result
    formula without one                 the formula, `=B2/C2`: what it would give is not in the file
    empty                               null

The reader's own text mode keeps nine decimals of a number (2.672e-42 becomes 0), and takes errors and formulas without a
result for empty cells.
"""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import polars as pl

_ERRORS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
"""The reader's words for the errors of a spreadsheet program."""

Cell = tuple[int, int, str]
"""Row and column, both from 0, and what is to stand there."""


class Unreadable(Exception):
    """The file is no spreadsheet that the reader understands, or lacks the sheet; its text is a clause."""


def read_cells(path: Path, sheet: int | str) -> tuple[str, pl.DataFrame]:
    """The name of a sheet, and one text column per column of it; see the table above.

    Rows begin with the first that holds something, columns likewise.

    Raises:
        Unreadable: see there.
    """
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        name = book.sheet_names[sheet] if isinstance(sheet, int) else sheet
        texts, errors = book.load_sheet(name, header_row=None, dtypes="string").to_arrow_with_errors()
        numbers = book.load_sheet(name, header_row=None, dtypes="float").to_polars()
    except (fastexcel.FastExcelError, IndexError) as error:
        raise Unreadable((str(error).strip().splitlines() or [type(error).__name__])[0]) from error
    shown = pl.from_arrow(texts)
    assert isinstance(shown, pl.DataFrame)
    exact = shown.select(_exact(column, numbers[column.name]) for column in shown)
    left_out = [(*one.position, _shown(one.detail)) for one in errors.errors] if errors else []
    return name, _with_cells(exact, [*left_out, *_formulas_without_result(path, name)])


def _exact(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """The texts, and in place of one that is another number than its cell, the number in full."""
    told = texts.cast(pl.String)
    held = numbers.cast(pl.Float64)
    lost = held.is_finite() & (told.cast(pl.Float64, strict=False) != held)
    return pl.select(pl.when(lost).then(held.cast(pl.String)).otherwise(told).alias(texts.name)).to_series()


def _shown(detail: str) -> str:
    word = detail.partition("Error(")[2].partition(")")[0]
    return _ERRORS.get(word, f"#{word or detail}")


def _with_cells(table: pl.DataFrame, cells: Iterable[Cell]) -> pl.DataFrame:
    """`table`, with the given texts at the given places; places outside of it are left out."""
    columns: dict[int, dict[int, str]] = {}
    for row, column, text in cells:
        if 0 <= row < table.height and 0 <= column < table.width:
            columns.setdefault(column, {})[row] = text
    changed = [table.to_series(column).scatter(list(texts), list(texts.values())) for column, texts in columns.items()]
    return table.with_columns(changed)


_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BLOCK = 16 << 20
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_CELL = re.compile(
    rb'<(?:\w+:)?c\b(?P<head>[^>]*)\sr="(?P<column>[A-Z]+)(?P<row>\d+)"(?P<tail>[^>]*?)(?:/>|>(?P<body>.*?)</(?:\w+:)?c>)',
    re.S,
)
_TEXT_OF_FORMULA = re.compile(rb"<(?:\w+:)?f\b[^>]*?(?:/>|>(?P<text>.*?)</(?:\w+:)?f>)", re.S)
_RESULT = re.compile(rb"<(?:\w+:)?v\b[^>/]*>[^<]|<(?:\w+:)?is\b")


def _formulas_without_result(path: Path, sheet: str) -> list[Cell]:
    """The cells of an xlsx that hold a formula and no result, placed as the reader's table is.

    A program that never calculated wrote them. The reader takes them for empty. Other formats always store the result.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            part = _part_of(archive, sheet)
            if part is None or not _has_formula(archive, part):
                return []
            content = archive.read(part)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError):
        return []
    left_out: list[Cell] = []
    first_row, first_column = 1 << 30, 1 << 30
    for cell in _CELL.finditer(content):
        body = cell["body"] or b""
        row, column = int(cell["row"]) - 1, _number_of(cell["column"])
        formula = _TEXT_OF_FORMULA.search(body)
        # a formula whose result is the empty text has the type of a text, and an empty result
        is_empty_text = b't="str"' in cell["head"] + cell["tail"] and b"<v" in body
        if _RESULT.search(body):
            first_row, first_column = min(first_row, row), min(first_column, column)
        elif formula and not is_empty_text:
            text = (formula["text"] or b"").decode(errors="replace")
            left_out.append((row, column, f"={_unescaped(text)}"))
    return [(row - first_row, column - first_column, text) for row, column, text in left_out]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The member of an xlsx that holds a sheet."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    targets = {
        one.get("Id"): one.get("Target", "")
        for one in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    for one in book.iter(f"{_MAIN}sheet"):
        if one.get("name") == sheet:
            target = targets.get(one.get(_RELATION), "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return None


def _has_formula(archive: zipfile.ZipFile, part: str) -> bool:
    """Whether a sheet, of whatever length, holds a formula at all."""
    end = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK):
            if _FORMULA.search(end + block):
                return True
            end = block[-32:]
    return False


def _number_of(letters: bytes) -> int:
    """The place of a column, from 0: A is 0, AA is 26."""
    place = 0
    for letter in letters:
        place = place * 26 + letter - ord("A") + 1
    return place - 1


def _unescaped(text: str) -> str:
    from xml.sax.saxutils import unescape

    return unescape(text, {"&quot;": '"', "&apos;": "'"})
