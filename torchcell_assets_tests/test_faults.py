"""Killed at any moment: the next run ends as if nothing had been, and nothing is left behind. `benchmarks/faults.py` kills
as often as one likes.
"""

import os
import shutil
import signal

import dagster as dg
import neo4j
import pytest
from polars.testing import assert_frame_equal

from torchcell_assets.neo4j_local import local_server
from torchcell_assets.neo4j_local.supervisor import read_entry
from torchcell_assets.orchestration import run_liveness
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import load, offline, read, verification
from torchcell_assets_tests import graph_faults, main_job
from torchcell_assets_tests.steps.graph.made_up import DATABASE, fitness_rows, write_bundle


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 3])
def test_a_main_job_that_was_killed_ends_with_the_same_content_and_leaves_nothing(tiny_made, tmp_path, kills):
    root = tmp_path / "data"
    assert main_job.kill_again_and_again(root, main_job.moments(kills, tiny_made.seconds, kills))
    code, said = main_job.run(root)
    assert code == 0, said
    assert "scoreboard.png" in said
    assert main_job.versions(root) == tiny_made.versions
    assert main_job.tables(root) == tiny_made.tables
    assert main_job.left_behind(root) == []


def test_what_is_in_sync_is_not_made_again(tiny_made, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(tiny_made.root, root)
    code, said = main_job.run(root)
    assert (code, "Everything is in sync; nothing was made" in said) == (0, True), said
    assert main_job.tables(root) == tiny_made.tables


def test_a_run_that_was_killed_is_closed_and_one_that_lives_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as here, run_liveness.alive() as tags:
        (tmp_path / "processes" / "run-killed").touch()
        by_whom = {
            "killed": {run_liveness.TAG: "run-killed"},
            "living": tags,
            "elsewhere": {run_liveness.TAG: "run-of-another-machine"},
            "by_the_ui": {},
        }
        started = {
            name: here.create_run_for_job(dg.GraphDefinition(name=name).to_job(), tags=run_tags).run_id
            for name, run_tags in by_whom.items()
        }
        finished = lambda: {name for name, run in started.items() if here.get_run_by_id(run).is_finished}  # noqa: E731
        assert run_liveness.close(here) == 1
        assert finished() == {"killed"}
        assert run_liveness.close(here, of_the_ui=True) == 1
        assert finished() == {"killed", "by_the_ui"}
        with run_liveness.ui_alive() as (_, alone), run_liveness.ui_alive() as (_, second):
            assert alone and not second
    assert [path.name for path in (tmp_path / "processes").iterdir()] == ["ui"]


@pytest.mark.slow
def test_a_graph_server_killed_in_mid_load_serves_the_old_build_whole_and_the_retry_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "BATCH", 1)
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
            assert verification.differences(driver, DATABASE, first) == []
            assert_frame_equal(read.records(driver, DATABASE, first.build, Fitness), old)
            loaded: list[int] = []
            second = load.load(driver, DATABASE, bundle, tick=lambda done, total: loaded.append(done))
            assert loaded[0] > 1  # it went on where the killed one had stopped
            assert verification.differences(driver, DATABASE, second) == []
            assert_frame_equal(read.records(driver, DATABASE, second.build, Fitness), new)
            counts = "MATCH (e:Experiment) WITH count(e) AS experiments MATCH (b:Build) RETURN experiments, count(b)"
            assert driver.execute_query(counts, database_=DATABASE).records[0].values() == [new.height, 1]
    finally:
        local_server.stop(home)


@pytest.mark.slow
def test_a_rebuild_of_the_graph_killed_in_its_import_and_in_its_switch_leaves_a_whole_graph_and_the_next_one_ends(
    tmp_path,
):
    home = tmp_path / "neo4j"
    values = [fitness_rows(), fitness_rows().with_columns(value=fitness_rows()["value"] + 1)]
    old, new = (write_bundle(tmp_path / f"v{n}", rows, Fitness, f"v{n}") for n, rows in enumerate(values))
    try:
        offline.rebuild(home, [old], tell=lambda line: None)
        local_server.start(home)  # a switch stops and starts a server that runs
        assert graph_faults.kill_rebuild(home, [new], "import", 1.0) == "import"
        assert graph_faults.serves_whole(home, [old])
        assert graph_faults.kill_rebuild(home, [new], "switch", 0.1) == "switch"
        assert graph_faults.serves_whole(home, [old, new])
        assert graph_faults.rebuild(home, [new]) == 0
        assert graph_faults.serves_whole(home, [new])
        assert graph_faults.left_behind(home) == []
    finally:
        local_server.stop(home)
