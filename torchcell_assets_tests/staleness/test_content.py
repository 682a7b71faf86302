"""The data version of a table depends on its logical rows and on nothing else."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from torchcell_assets.staleness import ContentHash, content_hash

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


@settings(deadline=None)
@given(st.permutations(range(3)), st.permutations(ROWS.columns))
def test_order_of_rows_and_columns_does_not_matter(rows, columns):
    assert content_hash(ROWS[list(rows)].select(columns), ["id"]) == content_hash(ROWS, ["id"])


def test_storage_types_that_hold_the_same_values_do_not_matter():
    other = ROWS.with_columns(
        pl.col("kind").cast(pl.Enum(["x", "y"])), pl.col("n").cast(pl.UInt8), pl.col("value") + 0.0
    )
    assert content_hash(other, ["id"]) == content_hash(ROWS, ["id"])


def test_the_hash_is_the_same_on_every_machine():
    assert content_hash(ROWS, ["id"]) == "e094bf73e41331a7"


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
