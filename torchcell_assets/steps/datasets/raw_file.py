"""Reading a published table as text, exactly as its layout is known, or refusing it.

Belongs here: holding the header against the published one, delimited text, what is a number and what is blank. Does not: what
a spreadsheet's cells hold (spreadsheet.py), what a column means (one module per publication).

Everything is read as text. A reader that guesses types turns `< 0.5` or `ND` into an empty cell without a word.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.datasets import spreadsheet

ROW = "row"
"""Name of the column that numbers the data rows of a published table, the first being 1."""

BLOCK = 32 << 20
"""Bytes of text that are parsed at a time where a file is read in batches."""

_EMPTY = ["", "NaN", "nan", "NA"]
"""What an empty number cell reads: nothing, or what MATLAB, Python and R write for it."""


class BadRawFile(TorchcellError):
    """A raw file is not what its publication says it is."""

    advice = "delete it so that it is fetched again, or put the published file in its place"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"The raw file {path} cannot be used: {problem}; {self.advice}.")


class OtherLayout(BadRawFile):
    """A raw file is whole, and its columns are not those that its parser expects: another file, or a parser's mistake."""

    advice = "put the published file in its place, or, if this is it, give the parser the header that it has"


def read_sheet(
    path: Path, columns: Sequence[str | None], *, sheet: int | str = 0, header: bool = True, skip: int = 0
) -> pl.DataFrame:
    """A sheet of a spreadsheet as text, numbered in `row`.

    Args:
        path: an xlsx, xls or ods file.
        columns: the published header, in order; None where a header cell is empty (such a column is named `column_<n>`,
            the first being 1).
        sheet: its name, or its place, the first being 0.
        header: whether the sheet has one; without, its first row is data, and `columns` are the names to give.
        skip: rows above the header, such as a title.

    Returns:
        One text column per published column: what each cell holds (see spreadsheet.py), null where it is empty.

    Raises:
        BadRawFile: the file is no readable spreadsheet. OtherLayout: its header is another one.
    """
    name, cells = _load(path, sheet)
    table = cells.slice(skip)
    if table.width != len(columns):
        raise OtherLayout(path, f"its sheet {name!r} has {table.width} columns, not {len(columns)}")
    if header:
        if table.is_empty():
            raise BadRawFile(path, f"its sheet {name!r} is empty")
        _require_header(path, list(table.row(0)), columns, within=f"in its sheet {name!r}, column")
        table = table.slice(1)
    return _numbered(path, table.rename(dict(zip(table.columns, _names(columns), strict=True))))


def read_columns(path: Path, columns: Sequence[str], *, top: int = 5) -> pl.DataFrame:
    """The named columns of the first sheet as text, numbered in `row`: for a sheet whose header is known in part.

    Args:
        path: as in `read_sheet`, as are the cells and what is raised.
        columns: names of header cells.
        top: the header is the first of so many rows that holds every name; what is above it is a title.
    """
    name, table = _load(path, 0)
    heads = [[(cell or "").strip() for cell in row] for row in table.head(top).rows()]
    at = next((n for n, head in enumerate(heads) if set(columns) <= set(head)), None)
    if at is None:
        best = max(heads, key=lambda head: len(set(columns) & set(head)), default=[])
        lacking = sorted(set(columns) - set(best))[0]
        raise OtherLayout(path, f"its first sheet, {name!r}, has no column headed {lacking!r}")
    found = {table.columns[heads[at].index(column)]: column for column in columns}
    return _numbered(path, table.slice(at + 1).select(list(found)).rename(found))


def _load(path: Path, sheet: int | str) -> tuple[str, pl.DataFrame]:
    try:
        return spreadsheet.read_cells(path, sheet)
    except spreadsheet.Unreadable as error:
        raise BadRawFile(path, f"it is no readable spreadsheet ({error})") from error


def read_text(
    path: Path, columns: Sequence[str], *, header: bool = True, separator: str = "\t", comment: str | None = None
) -> pl.DataFrame:
    """A delimited text file in UTF-8 as text, numbered in `row`; arguments as in `read_sheet`."""
    return parse_text(path, path.read_bytes(), columns, header=header, separator=separator, comment=comment)


def parse_text(
    path: Path,
    content: bytes,
    columns: Sequence[str],
    *,
    header: bool = True,
    separator: str = "\t",
    comment: str | None = None,
) -> pl.DataFrame:
    """Like `read_text`, of content that was read already; `path` is what an error names."""
    if not content.endswith(b"\n"):  # half a line may hold half a number
        raise BadRawFile(path, "it is empty" if not content else "it ends in the middle of a line")
    try:
        table = pl.read_csv(
            content,
            separator=separator,
            has_header=False,
            quote_char=None,
            infer_schema=False,
            comment_prefix=comment,
        )
    except pl.exceptions.PolarsError as error:
        raise BadRawFile(path, f"its lines do not have {len(columns)} columns each ({_first_line(error)})") from error
    if table.width != len(columns):
        raise OtherLayout(path, f"it has {table.width} columns, not {len(columns)}")
    # the reader fills a line that is too short with nulls, which would count as blank cells
    if comment is None and content.count(separator.encode()) != content.count(b"\n") * (len(columns) - 1):
        raise BadRawFile(path, f"some of its lines have fewer than {len(columns)} columns")
    if header:
        _require_header(path, list(table.row(0)), columns)
        table = table.slice(1)
    return _numbered(path, table.rename(dict(zip(table.columns, columns, strict=True))))


def read_batches(path: Path, columns: Sequence[str], *, separator: str = "\t") -> Iterator[pl.DataFrame]:
    """A delimited text file with a header, too large to be read at once: numbered tables of some 30 MB of text each."""
    first = 1
    with path.open("rb") as file:
        header = file.readline()
        _require_header(path, header.decode(errors="replace").rstrip("\r\n").split(separator), columns)
        while block := file.read(BLOCK):
            table = parse_text(path, block + file.readline(), columns, header=False, separator=separator)
            yield table.with_columns(pl.col(ROW) + (first - 1))
            first += table.height
    if first == 1:
        raise BadRawFile(path, "it holds no data rows")


def number(cell: pl.Expr | str, *, whole: bool = False) -> pl.Expr:
    """The number in a text cell; null where the cell is empty, NaN where it holds anything else.

    A NaN breaks the rules of every record class and stays one in what is computed from it, so that a cell that is no number
    never passes for an empty one.

    Args:
        cell: the cell, or the name of its column.
        whole: it counts something, and a fraction is no number of it.
    """
    value = _text(cell).cast(pl.Float64, strict=False)
    good = value.is_finite() & (value == value.floor()) if whole else value.is_finite()
    return pl.when(~is_blank(cell)).then(pl.when(good).then(value).otherwise(float("nan")))


def unreadable(name: str, *, whole: bool = False) -> pl.Expr:
    """`p_value reads '<1e-16'` where the column of that name holds text that is neither empty nor a number, else null."""
    return pl.when(number(name, whole=whole).is_nan()).then(pl.format("{} reads '{}'", pl.lit(name), pl.col(name)))


def any_unreadable(*told: pl.Expr) -> pl.Expr:
    """What several columns say of a row, as one text; null where none says anything."""
    text = pl.concat_str(*told, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def is_blank(cell: pl.Expr | str, marks: Sequence[str] = ()) -> pl.Expr:
    """Whether a text cell is empty, or holds one of the marks by which the publication says so, such as `ND`."""
    text = _text(cell)
    return text.is_null() | text.is_in([*_EMPTY, *marks])


def _text(cell: pl.Expr | str) -> pl.Expr:
    return (pl.col(cell) if isinstance(cell, str) else cell).str.strip_chars()


def _names(columns: Sequence[str | None]) -> list[str]:
    return [name or f"column_{position}" for position, name in enumerate(columns, start=1)]


def _require_header(
    path: Path, found: Sequence[str | None], columns: Sequence[str | None], within: str = "its column"
) -> None:
    if len(found) != len(columns):
        raise OtherLayout(path, f"it has {len(found)} columns, not {len(columns)}")
    for position, (cell, name) in enumerate(zip(found, columns, strict=True), start=1):
        if (cell or "").strip() != (name or ""):
            raise OtherLayout(path, f"{within} {position} is headed {cell!r}, not {name!r}")


def _numbered(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    if table.is_empty():
        raise BadRawFile(path, "it holds no data rows")
    return table.with_row_index(ROW, offset=1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
