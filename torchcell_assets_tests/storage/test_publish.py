"""What is stored, and that a table which comes in batches is the table that comes at once."""

import json

import polars as pl
import pytest

from torchcell_assets.schema import Score
from torchcell_assets.staleness.provenance import FILES_METADATA
from torchcell_assets.storage import files
from torchcell_assets.storage.figures import picture
from torchcell_assets.storage.publish import publish, publish_batches
from torchcell_assets.storage.stored import quarantine_of

ROWS = Score.sample(100).sort(Score.primary_key())
BROKEN = ROWS.with_columns(genotypes=pl.when(pl.int_range(pl.len()) % 10 == 3).then(None).otherwise("genotypes"))


def in_batches(rows: pl.DataFrame, size: int) -> list[tuple[pl.LazyFrame, int]]:
    return [(rows.slice(start, size).lazy(), 1) for start in range(0, rows.height, size)]


def values(metadata: dict) -> dict:
    return {name: getattr(value, "value", value) for name, value in metadata.items()}


@pytest.mark.parametrize("rows", [ROWS, BROKEN], ids=["good", "with broken rows"])
@pytest.mark.parametrize("size", [1, 30, 1000])
def test_batches_give_the_same_table_quarantine_and_version_as_all_rows_at_once(tmp_path, rows, size):
    one, many = tmp_path / "one.parquet", tmp_path / "many.parquet"
    whole = publish(one, Score, rows, blank=7)
    parts = publish_batches(
        many, Score, in_batches(rows, size), metadata=lambda table: {"stored": table.exists() and not many.exists()}
    )
    assert parts.data_version == whole.data_version
    assert pl.read_parquet(many).equals(pl.read_parquet(one))
    assert pl.read_parquet(quarantine_of(many)).equals(pl.read_parquet(quarantine_of(one)))
    told, expected = values(parts.metadata), values(whole.metadata)
    assert told["stored"]
    assert told["dagster/row_count"] == expected["dagster/row_count"]
    assert told["quarantined"] == expected["quarantined"] == 100 - told["dagster/row_count"]
    assert told["cells_read"] == 100 + told["blank"]


def test_a_batch_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "scores.parquet"
    before = publish(path, Score, ROWS)

    def half():
        yield ROWS.head(50).lazy(), 0
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        publish_batches(path, Score, half())
    assert pl.read_parquet(path).equals(ROWS)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert publish(path, Score, ROWS).data_version == before.data_version


def test_what_is_said_of_a_table_is_known_before_it_takes_its_place_and_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "scores.parquet"
    publish(path, Score, ROWS)
    with pytest.raises(ZeroDivisionError):
        publish(path, Score, BROKEN, metadata=lambda table: {"ratio": pl.read_parquet(table).height / 0})
    assert pl.read_parquet(path).equals(ROWS)
    assert pl.read_parquet(quarantine_of(path)).height == 0


def test_a_picture_that_fails_does_not_fail_the_table(tmp_path):
    path = tmp_path / "scores.parquet"
    made = publish(path, Score, ROWS, metadata=lambda table: {"plot": picture("scores", lambda: 1 / 0)})
    assert pl.read_parquet(path).equals(ROWS)
    assert made.metadata["plot"].value.startswith("The picture 'scores' could not be drawn (ZeroDivisionError")


def test_table_and_quarantine_are_recorded_as_they_are_found_in_their_places(tmp_path):
    path = tmp_path / "scores.parquet"
    record = publish(path, Score, BROKEN).metadata[FILES_METADATA].value
    assert [name for name, *_ in json.loads(record)] == [str(path), str(quarantine_of(path))]
    assert files.lost(tmp_path, record) == files.read_through(tmp_path, record) == files.Lost()
