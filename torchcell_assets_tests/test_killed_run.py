"""A main job that is killed with -9 in mid load: the next one ends as if nothing had happened, and nothing is left behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import polars as pl
import psutil
import pytest

from torchcell_assets.schema import Fitness
from torchcell_assets.staleness import content_hash
from torchcell_assets.steps.datasets import sga

PATIENCE = 180  # seconds


@pytest.fixture
def environment(tiny_root) -> dict[str, str]:
    return tiny_root


def main_job(environment: dict[str, str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "torchcell_assets", "run"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(condition, what: str):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


def servers_of(root: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(root / "neo4j") in " ".join(p.info["cmdline"] or [])]


def versions(home: str) -> dict[str, str]:
    with dg.DagsterInstance.from_config(home) as instance:
        found = {}
        for key in instance.get_asset_keys():
            for partition in instance.get_materialized_partitions(key) or [None]:
                record = instance.get_latest_data_version_record(key, partition_key=partition)
                made = record.asset_materialization
                found[f"{key.to_user_string()} {partition or ''}".strip()] = made.tags["dagster/data_version"]
        return found


def test_a_main_job_killed_in_mid_load_ends_right_the_next_time_and_leaves_nothing(environment):
    root = Path(environment["TORCHCELL_DATA"])
    bundles = root / "graph" / "bundles" / "fitness_sga"
    first = main_job(environment)
    wait_for(
        lambda: bundles.is_dir() and list(bundles.glob("*/manifest.json")), "the bundle"
    )  # and so its load has begun
    assert servers_of(root)
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: not servers_of(root), "the end of the graph server")
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        assert [run.job_name for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))] == [
            "graph"
        ]

    second = main_job(environment)
    told, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, told
    assert "scoreboard.png" in told
    found = versions(environment["DAGSTER_HOME"])
    assert found["graph/fitness_sga"] == found["datasets/fitness_sga"]
    records = pl.read_parquet(root / "datasets" / "fitness_sga.parquet")
    assert (records.height, content_hash(records, ["id"])) == (
        sga.FITNESS.published_records,
        found["datasets/fitness_sga"],
    )
    Fitness.validate(records)
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
        assert instance.get_runs(unfinished) == []
    assert list(root.rglob(".writing-*")) == []
    assert servers_of(root) == []


def test_what_is_in_sync_is_not_made_again(environment):
    before = versions(environment["DAGSTER_HOME"])
    again = main_job(environment)
    told, _ = again.communicate(timeout=PATIENCE)
    assert "Everything is in sync; nothing was made" in told
    assert versions(environment["DAGSTER_HOME"]) == before


def test_an_impossible_data_root_and_a_missing_study_are_one_sentence(environment, tmp_path):
    nowhere = main_job({**environment, "TORCHCELL_STUDY": str(tmp_path / "nothing.toml")})
    told, _ = nowhere.communicate(timeout=PATIENCE)
    assert (nowhere.returncode, len(told.strip().splitlines())) == (1, 1)
    assert "There is no study" in told
    (tmp_path / "file").write_text("a file where a folder should be")
    inside = str(tmp_path / "file" / "data")
    blocked = main_job({**environment, "TORCHCELL_DATA": inside, "DAGSTER_HOME": f"{inside}/dagster"})
    told, _ = blocked.communicate(timeout=PATIENCE)
    assert (blocked.returncode, len(told.strip().splitlines())) == (1, 1)
    assert "cannot be written: a part of its path is a file; set TORCHCELL_DATA to a folder" in told
