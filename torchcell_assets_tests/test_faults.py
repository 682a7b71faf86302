"""Killed at any moment, on a full or a read-only disk: the next run ends as if nothing had been, and a person reads one
sentence. `benchmarks/faults.py` kills as often as one likes.
"""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import neo4j
import pytest
from polars.testing import assert_frame_equal

from torchcell_assets import killed_runs
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import load, local_server, read
from torchcell_assets.steps.graph.supervisor import read_entry
from torchcell_assets_tests import main_job
from torchcell_assets_tests.steps.graph.test_round_trip import DATABASE, fitness_rows, write_bundle


@dataclass(frozen=True)
class Made:
    """A data root that the main job made undisturbed, and how many seconds that took."""

    root: Path
    seconds: float
    versions: dict[str, str]
    tables: dict[str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    if not os.environ.get("TORCHCELL_MIRROR") and not os.environ.get("CI"):
        pytest.skip("the raw files are needed: set TORCHCELL_MIRROR to a folder that holds them")
    root = tmp_path_factory.mktemp("undisturbed")
    started = time.monotonic()
    code, said = main_job.run(root)
    assert code == 0, said
    return Made(root, time.monotonic() - started, main_job.versions(root), main_job.tables(root))


def test_a_main_job_killed_three_times_ends_with_the_same_content_and_leaves_nothing(made, tmp_path):
    root = tmp_path / "data"
    assert main_job.kill_again_and_again(root, main_job.moments(1, made.seconds, 3))
    code, said = main_job.run(root)
    assert code == 0, said
    assert main_job.versions(root) == made.versions
    assert main_job.tables(root) == made.tables
    assert main_job.left_behind(root) == []


def test_a_run_that_was_killed_is_closed_and_one_that_lives_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as here, killed_runs.alive() as tags:
        (tmp_path / "processes" / "run-killed").touch()
        by_whom = {
            "killed": {killed_runs.TAG: "run-killed"},
            "living": tags,
            "elsewhere": {killed_runs.TAG: "run-of-another-machine"},
            "by_the_ui": {},
        }
        started = {
            name: here.create_run_for_job(dg.GraphDefinition(name=name).to_job(), tags=run_tags).run_id
            for name, run_tags in by_whom.items()
        }
        finished = lambda: {name for name, run in started.items() if here.get_run_by_id(run).is_finished}  # noqa: E731
        assert killed_runs.close(here) == 1
        assert finished() == {"killed"}
        assert killed_runs.close(here, of_the_ui=True) == 1
        assert finished() == {"killed", "by_the_ui"}
        with killed_runs.ui_alive() as (_, alone), killed_runs.ui_alive() as (_, second):
            assert alone and not second
    assert [path.name for path in (tmp_path / "processes").iterdir()] == ["ui"]


def test_a_graph_server_killed_in_mid_load_serves_the_old_build_whole_and_the_retry_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "BATCH", 2)
    home = tmp_path / "neo4j"
    old, new = fitness_rows(), fitness_rows().with_columns(value=fitness_rows()["value"] + 1)
    bundle = write_bundle(tmp_path / "new", new, Fitness, "v2")

    def connect(here: local_server.Connection) -> neo4j.Driver:
        # a driver goes on trying for half a minute unless it is told not to
        return neo4j.GraphDatabase.driver(here.uri, auth=(here.username, here.password), max_transaction_retry_time=0.5)

    def kill(done: int, total: int) -> None:
        assert done < total
        os.kill(read_entry(home)["pid"], signal.SIGKILL)

    try:
        with connect(local_server.start(home)) as driver:
            first = load.load(driver, DATABASE, write_bundle(tmp_path / "old", old, Fitness))
            with pytest.raises(neo4j.exceptions.DriverError):
                load.load(driver, DATABASE, bundle, tick=kill)
        with connect(local_server.start(home)) as driver:
            assert load.current_build(driver, DATABASE, first.dataset) == first.build
            assert load.differences(driver, DATABASE, first) == []
            assert_frame_equal(read.records(driver, DATABASE, first.build, Fitness), old)
            loaded: list[int] = []
            second = load.load(driver, DATABASE, bundle, tick=lambda done, total: loaded.append(done))
            assert loaded[0] > 2  # it went on where the killed one had stopped
            assert load.differences(driver, DATABASE, second) == []
            assert_frame_equal(read.records(driver, DATABASE, second.build, Fitness), new)
            counts = "MATCH (e:Experiment) WITH count(e) AS experiments MATCH (b:Build) RETURN experiments, count(b)"
            assert driver.execute_query(counts, database_=DATABASE).records[0].values() == [new.height, 1]
    finally:
        local_server.stop(home)


# --- disks that refuse ---


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of its own, a little larger than what the main job makes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own needs the right to mount; the limit on the size of files is tested anyway")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def refused(said: str, why: str) -> None:
    """One sentence for a person: no traceback, and what to do."""
    assert "Traceback" not in said, said
    (sentence,) = [line for line in said.splitlines() if "cannot" in line]
    assert why in sentence


def fill(file: Path) -> None:
    """Write zeros until nothing more goes on the disk, to the last byte."""
    with file.open("wb", buffering=0) as handle:
        for size in (1 << 20, 1 << 12, 1):
            while True:
                try:
                    if handle.write(b"\0" * size) < size:
                        break
                except OSError:
                    break


def test_a_full_disk_is_one_sentence_and_after_room_was_made_the_run_ends_well(made, small_disk):
    root = small_disk / "data"
    shutil.copytree(made.root, root)
    with main_job.instance(root) as here:  # something to do
        here.wipe_assets([key for key in here.all_asset_keys() if key.path[0] == "trained"])
    fill(small_disk / "filler")
    code, said = main_job.run(root)
    assert code == 1
    refused(said, "the disk is full")
    assert main_job.tables(root) == made.tables
    (small_disk / "filler").unlink()
    code, said = main_job.run(root)
    assert code == 0, said
    assert main_job.versions(root) == made.versions
    assert main_job.tables(root) == made.tables
    assert main_job.left_behind(root) == []


def test_a_read_only_data_root_is_one_sentence(made, small_disk):
    root = small_disk / "data"
    shutil.copytree(made.root, root)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command in ("run", "ui"):
        process = main_job.start(root, command)
        said, _ = process.communicate()
        assert process.returncode == 1
        refused(said, "the file system is read-only; set TORCHCELL_DATA")
    assert main_job.tables(root) == made.tables


def test_a_limit_on_the_size_of_files_is_one_sentence(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # noqa: E731
    process = main_job.start(tmp_path / "data", preexec_fn=limit)
    said, _ = process.communicate()
    assert process.returncode == 1
    refused(said, "cannot be written: the disk is full or broken")  # so SQLite calls it, which meets the limit first
