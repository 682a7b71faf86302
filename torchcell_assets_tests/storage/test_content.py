"""The data version of a table depends on its logical rows and on nothing else."""

import struct

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from torchcell_assets.storage import content
from torchcell_assets.storage.content import ContentHash, content_hash

ROWS = pl.DataFrame(
    {
        "id": ["a", "b", "c"],
        "value": [1.5, None, -0.0],
        "kind": ["x", None, "y"],
        "many": [[1.0, 2.0], None, []],
        "nested": [[{"g": "Y1", "n": 1}], [], [{"g": "é", "n": None}]],
        "n": [1, 2, 3],
    }
)
tables = dataframes(
    min_cols=1,
    max_cols=4,
    max_size=8,
    allow_null=True,
    allowed_dtypes=[pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.List(pl.Int64)],
)


def hash_of(table: pl.DataFrame) -> str:
    found = ContentHash()
    found.update(table)
    return found.digest()


@settings(deadline=None)
@given(st.permutations(range(3)), st.permutations(ROWS.columns))
def test_order_of_rows_and_columns_does_not_matter(rows, columns):
    assert content_hash(ROWS[list(rows)].select(columns), ["id"]) == content_hash(ROWS, ["id"])


def test_storage_types_that_hold_the_same_values_do_not_matter():
    other = ROWS.with_columns(pl.col("kind").cast(pl.Enum(["x", "y"])), pl.col("n").cast(pl.UInt8))
    assert content_hash(other, ["id"]) == content_hash(ROWS, ["id"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Series([0.0]), pl.Series([-0.0])),
        (pl.Series([float("nan")]), pl.Series([struct.unpack("<d", bytes.fromhex("010000000000f87f"))[0]])),
        (pl.Series([0.5], dtype=pl.Float32), pl.Series([0.5])),
        (pl.Series([1], dtype=pl.Int8), pl.Series([1], dtype=pl.UInt64)),
        (pl.Series(["a"], dtype=pl.Categorical), pl.Series(["a"])),
        (pl.Series([[0.0]]), pl.Series([[-0.0]])),
        (pl.Series([{"a": 1, "b": "x"}]), pl.Series([{"b": "x", "a": 1}])),
    ],
    ids=["zeros", "NaNs", "floats", "integers", "texts", "zeros in lists", "order of fields"],
)
def test_two_ways_to_hold_one_value_are_one(one, other):
    assert hash_of(pl.DataFrame({"v": one})) == hash_of(pl.DataFrame({"v": other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Series([None], dtype=pl.Float64), pl.Series([0.0])),
        (pl.Series([float("nan")]), pl.Series([None], dtype=pl.Float64)),
        (pl.Series([None], dtype=pl.String), pl.Series([""])),
        (pl.Series([[None]], dtype=pl.List(pl.Int64)), pl.Series([[0]])),
        (pl.Series([[]], dtype=pl.List(pl.Int64)), pl.Series([None], dtype=pl.List(pl.Int64))),
        (pl.Series([1]), pl.Series([1.0])),
        (pl.Series([1]), pl.Series([True])),
        (pl.Series(["1"]), pl.Series([1])),
        (pl.Series([{"a": 1}]), pl.Series([{"b": 1}])),
        (pl.Series([[1]]), pl.Series([1])),
        (pl.Series([False]), pl.Series([True])),
        (pl.Series([2**53], dtype=pl.Int64), pl.Series([2**53 + 1], dtype=pl.Int64)),
    ],
)
def test_values_that_differ_are_told_apart(one, other):
    assert hash_of(pl.DataFrame({"v": one})) != hash_of(pl.DataFrame({"v": other}))


def test_the_name_of_a_column_and_the_number_of_rows_count():
    one, two = pl.DataFrame({"v": [1]}), pl.DataFrame({"w": [1]})
    assert hash_of(one) != hash_of(two)
    assert len({hash_of(one.clear()), hash_of(two.clear()), hash_of(one)}) == 3


def test_the_hash_is_the_same_on_every_machine():
    assert content_hash(ROWS, ["id"]) == "cdc604399b160fbd"


@settings(deadline=None)
@given(tables)
def test_every_changed_cell_changes_the_hash(table):
    numbered = table.with_row_index("row")
    before = content_hash(numbered, ["row"])
    assert before == content_hash(numbered.clone(), ["row"])
    for name in table.columns:
        for at in range(table.height):
            other = numbered.with_columns(pl.when(pl.col("row") == at).then(None).otherwise(pl.col(name)).alias(name))
            if not other.equals(numbered, null_equal=True):
                assert content_hash(other, ["row"]) != before


@settings(deadline=None)
@given(tables, st.integers(1, 9))
def test_where_a_batch_ends_does_not_matter(table, rows):
    batches = ContentHash()
    for start in range(0, max(1, table.height), rows):
        batches.update(table.slice(start, rows))
    whole = ContentHash()
    whole.update(table)
    assert batches.digest() == whole.digest()


def test_neighbouring_texts_and_lists_do_not_run_together():
    one = pl.DataFrame({"id": [1, 2], "t": ["ab", "c"], "l": [["a"], ["b", "c"]]})
    two = pl.DataFrame({"id": [1, 2], "t": ["a", "bc"], "l": [["a"], ["b", "c"]]})
    three = pl.DataFrame({"id": [1, 2], "t": ["ab", "c"], "l": [["a", "b"], ["c"]]})
    assert len({content_hash(t, ["id"]) for t in (one, two, three)}) == 3


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_how_many_rows_are_encoded_at_a_time_does_not_matter(monkeypatch, chunk):
    monkeypatch.setattr(content, "_CHUNK", chunk)
    assert content_hash(ROWS, ["id"]) == "cdc604399b160fbd"


def test_a_type_is_called_by_what_it_holds_and_any_other_by_its_own_name():
    struct = pl.Struct({"b": pl.Int8, "a": pl.String})
    kinds = {
        pl.UInt8: "integer", pl.Float32: "float", pl.Enum(["a"]): "text", pl.Boolean: "truth", pl.Date: "Date",
        pl.List(pl.List(pl.String)): "list of list of text", struct: "struct a text, b integer",
    }  # fmt: skip
    assert {dtype: content._kind(pl.Series([], dtype=dtype).dtype) for dtype in kinds} == kinds
