"""A file is whole or it is the one that was there before."""

from pathlib import Path

import pytest

from torchcell_assets.storage import StorageError, replacing


def test_what_was_written_takes_the_place(tmp_path):
    path = tmp_path / "deep" / "table.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["table.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match="the disk is full") as refusal, replacing(path):
        Path("/dev/full").write_text("new")
    assert "\n" not in str(refusal.value)
    assert path.read_text() == "old"


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not_harmed(tmp_path):
    left = tmp_path / ".writing-left"
    left.mkdir()
    (left / "half").write_text("half")
    with replacing(tmp_path / "one.txt") as one:
        assert not left.exists()
        with replacing(tmp_path / "two.txt") as two:
            two.write_text("two")
        one.write_text("one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.txt", "two.txt"]


def test_a_library_that_wraps_the_reason_of_the_disk_is_understood(tmp_path):
    with pytest.raises(StorageError, match="the disk is full"), replacing(tmp_path / "table.parquet"):
        raise RuntimeError("IO Error: No space left on device (os error 28)")
