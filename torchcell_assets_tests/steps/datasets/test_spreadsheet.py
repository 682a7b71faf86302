"""What a cell holds is what is read, whatever kind of cell a spreadsheet program made of it."""

import datetime
import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcell_assets.steps.datasets.raw_file import BadRawFile, is_blank, number, read_columns, read_sheet
from torchcell_assets.steps.datasets.spreadsheet import read_cells


def workbook(path: Path, rows: list[tuple], *, title: str = "data", at: tuple[int, int] = (1, 1)) -> Path:
    """A workbook by openpyxl, the first cell of `rows` at row and column `at`."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row, cells in enumerate(rows, start=at[0]):
        for column, value in enumerate(cells, start=at[1]):
            if value is not None:
                sheet.cell(row, column, value)
    book.save(path)
    return path


CELLS = [
    (2.672e-42, "2.672e-42"),
    (1 / 3, "0.3333333333333333"),
    (0.1, "0.1"),
    (45931, "45931"),
    (-0.0, "-0"),
    ("0.12345678901234567890", "0.12345678901234567890"),
    ("<1e-16", "<1e-16"),
    ("0,03", "0,03"),
    ("n.s.", "n.s."),
    ("#DIV/0!", "#DIV/0!"),
    ("#N/A", "#N/A"),
    ('=IF(A1>"0",1/3,2)', '=IF(A1>"0",1/3,2)'),
    (True, "true"),
    (False, "false"),
    (datetime.datetime(2024, 10, 1), "2024-10-01 00:00:00"),
    (datetime.date(2024, 3, 1), "2024-03-01 00:00:00"),
    (None, None),
]


def test_every_kind_of_cell_is_read_as_what_it_holds(tmp_path):
    path = workbook(tmp_path / "cells.xlsx", [("cell", "place"), *((value, "x") for value, _ in CELLS)])
    table = read_sheet(path, ["cell", "place"])
    assert table["cell"].to_list() == [told for _, told in CELLS]
    assert table["row"].to_list() == list(range(1, len(CELLS) + 1))


def test_only_an_empty_cell_is_blank_and_only_a_number_is_a_number(tmp_path):
    path = workbook(tmp_path / "cells.xlsx", [("cell", "place"), *((value, "x") for value, _ in CELLS)])
    told = read_sheet(path, ["cell", "place"]).select(blank=is_blank("cell"), number=number("cell"))
    assert told["blank"].to_list() == [value is None for value, _ in CELLS]
    numbers = [value for value, _ in CELLS if isinstance(value, int | float) and not isinstance(value, bool)]
    assert told["number"].head(len(numbers)).to_list() == numbers
    text = told["number"].slice(len(numbers)).head(1).to_list()
    assert text == [0.12345678901234567890]
    assert told["number"].slice(len(numbers) + 1).head(9).is_nan().all()
    assert told["number"].to_list()[-1] is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300, allow_nan=False), min_size=1, max_size=40))
def test_a_number_comes_back_to_the_last_bit(tmp_path_factory, values):
    values = [float(f"{value:.16g}") for value in values]  # all that this writer writes
    path = workbook(tmp_path_factory.mktemp("floats") / "floats.xlsx", [("value",), *((value,) for value in values)])
    assert read_sheet(path, ["value"]).select(number("value")).to_series().to_list() == values


def test_cells_are_found_wherever_the_table_begins(tmp_path):
    rows = [("name", "value", "p"), ("a", "=1/0", 0.5), ("b", "#REF!", "=A1+B1"), ("c", 1.5, 1e-300)]
    plain = read_cells(workbook(tmp_path / "plain.xlsx", rows), 0)[1]
    moved = read_cells(workbook(tmp_path / "moved.xlsx", rows, at=(4, 3)), 0)[1]
    assert (
        plain.rows()
        == moved.rows()
        == [
            ("name", "value", "p"),
            ("a", "=1/0", "0.5"),
            ("b", "#REF!", "=A1+B1"),
            ("c", "1.5", "1e-300"),
        ]
    )


def test_cells_below_a_title_are_placed_in_their_rows(tmp_path):
    rows = [("A title",), ("name", "value"), ("a", 1.5), ("b", "=1/0"), ("c", "#NUM!")]
    path = workbook(tmp_path / "title.xlsx", rows)
    for table in (read_sheet(path, ["name", "value"], skip=1), read_columns(path, ["value", "name"])):
        assert table.select("row", "name", "value").rows() == [(1, "a", "1.5"), (2, "b", "=1/0"), (3, "c", "#NUM!")]


def test_a_formula_with_a_stored_result_is_its_result_and_an_empty_text_is_empty(tmp_path):
    """A sum of which a spreadsheet program writes all 17 digits, 0.1 + 0.2, is among the results."""
    path = workbook(tmp_path / "made.xlsx", [("name", "value"), ("a", "=0.1+0.2"), ("b", '=""'), ("c", "=1/0")])
    calculated = tmp_path / "calculated.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(calculated, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name.endswith("sheet1.xml"):  # as a program that calculates stores it
                assert text.count("<f>") == 3
                text = text.replace(
                    '<c r="B2"><f>0.1+0.2</f><v />', '<c r="B2"><f>0.1+0.2</f><v>0.30000000000000004</v>'
                )
                text = text.replace('<c r="B3"><f>""</f><v />', '<c r="B3" t="str"><f>""</f><v></v>')
                text = text.replace('<c r="B4"><f>1/0</f><v />', '<c r="B4" t="e"><f>1/0</f><v>#DIV/0!</v>')
            new.writestr(name, text)
    assert read_sheet(path, ["name", "value"])["value"].to_list() == ["=0.1+0.2", '=""', "=1/0"]
    assert read_sheet(calculated, ["name", "value"])["value"].to_list() == ["0.30000000000000004", "", "#DIV/0!"]


def test_a_sheet_is_found_by_its_name_among_others(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Legend"
    sheet = book.create_sheet("Rates & more")
    sheet.append(["name", "value"])
    sheet.append(["a", "=1/0"])
    book.active.append(["nothing"])
    book.save(tmp_path / "two.xlsx")
    assert read_sheet(tmp_path / "two.xlsx", ["name", "value"], sheet="Rates & more")["value"].to_list() == ["=1/0"]
    with pytest.raises(BadRawFile, match="it is no readable spreadsheet"):
        read_sheet(tmp_path / "two.xlsx", ["name", "value"], sheet="Rates")


def test_another_header_names_the_sheet_and_advises_no_deletion(tmp_path):
    path = workbook(tmp_path / "other.xlsx", [("name", "growth"), ("a", 1.5)], title="Table S1")
    for read, said in (
        (
            lambda: read_sheet(path, ["name", "value"]),
            "in its sheet 'Table S1', column 2 is headed 'growth', not 'value'",
        ),
        (lambda: read_sheet(path, ["name"]), "its sheet 'Table S1' has 2 columns, not 1"),
        (lambda: read_columns(path, ["value"]), "its first sheet, 'Table S1', has no column headed 'value'"),
    ):
        with pytest.raises(BadRawFile) as refusal:
            read()
        assert said in str(refusal.value)
        assert "delete" not in str(refusal.value)
        assert "give the parser the header that it has" in str(refusal.value)


def test_numbers_in_the_published_workbooks_are_the_full_doubles(read):
    from torchcell_assets.steps.datasets.publications.fitness_baryshnikova2010 import DATASET

    errors = read(DATASET).kept["uncertainty"]
    assert (errors == 0.0057540000000000004).sum() == 1  # not 0.005754, the nine decimals of the reader's text
    assert pl.Series([0.0057540000000000004]).ne(0.005754).all()
