"""A file is whole or it is the one that was there before, and several that belong together are of one making."""

import subprocess
import sys
from pathlib import Path

import pytest

from torchcell_assets.storage.atomic import StorageError, atomic_write, atomic_write_together

PROJECT = Path(__file__).parents[2]


def test_what_was_written_takes_the_place(tmp_path):
    path = tmp_path / "deep" / "table.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["table.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match="the disk is full") as refusal, atomic_write(path):
        Path("/dev/full").write_text("new")
    assert "\n" not in str(refusal.value)
    assert path.read_text() == "old"


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not_harmed(tmp_path):
    left = tmp_path / ".writing-left"
    left.mkdir()
    (left / "half").write_text("half")
    with atomic_write(tmp_path / "one.txt") as one:
        assert not left.exists()
        with atomic_write(tmp_path / "two.txt") as two:
            two.write_text("two")
        one.write_text("one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.txt", "two.txt"]


def test_a_library_that_wraps_the_reason_of_the_disk_is_understood(tmp_path):
    with pytest.raises(StorageError, match="the disk is full"), atomic_write(tmp_path / "table.parquet"):
        raise RuntimeError("IO Error: No space left on device (os error 28)")


KILLED_AT_A_MOVE = """
import os, signal, sys
from pathlib import Path
from torchcell_assets.storage.atomic import atomic_write_together

root, moment, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
moves = 0

def watch(event, _):
    global moves
    if event in ("os.rename", "os.remove", "os.rmdir"):
        moves += 1
        if moves == moment:
            os.kill(os.getpid(), signal.SIGKILL) if how == "killed" else sys.exit(3)

paths = [root / "table.parquet", root / "table.quarantine.parquet", root / "cell"]
with atomic_write_together(*paths) as (table, quarantine, cell):
    cell.mkdir()
    for part in (table, quarantine, cell / "model", cell / "scores"):
        part.write_text("new")
    sys.addaudithook(watch)
"""


def parts(folder: Path) -> dict[str, str]:
    """Path -> content of all that stands in its place."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".writing-" not in str(path))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_several_files_stopped_at_any_move_never_stand_old_beside_new(tmp_path, how):
    names = ["table.parquet", "table.quarantine.parquet", "cell/model", "cell/scores", "cell/left by another version"]
    found, code, moment = [], 1, 0
    while code:
        moment += 1
        folder = tmp_path / str(moment)
        (folder / "cell").mkdir(parents=True)
        for name in names:
            (folder / name).write_text("old")
        command = [sys.executable, "-c", KILLED_AT_A_MOVE, str(folder), str(moment), how]
        code = subprocess.run(command, check=False, cwd=PROJECT).returncode
        found.append(parts(folder))
    old, new = dict.fromkeys(names, "old"), dict.fromkeys(names[:-1], "new")
    assert moment > 6, "there are moves to be stopped at"
    assert found[0] == old
    assert found[-1] == new
    assert all(len(set(contents.values())) <= 1 for contents in found)
    if how == "failed":
        assert all(contents in (old, new) for contents in found), "what was there before is still there"


def test_a_folder_takes_the_place_of_a_folder_with_all_that_was_in_it(tmp_path):
    place = tmp_path / "cell"
    place.mkdir()
    (place / "old").write_text("old")
    with atomic_write_together(place) as (cell,):
        cell.mkdir()
        (cell / "new").write_text("new")
    assert parts(tmp_path) == {"cell/new": "new"}


def test_a_part_that_was_not_written_leaves_all_parts_as_they_were(tmp_path):
    paths = [tmp_path / "table", tmp_path / "quarantine"]
    for path in paths:
        path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write_together(*paths) as (table, _):
        table.write_text("new")
    assert parts(tmp_path) == {"table": "old", "quarantine": "old"}
