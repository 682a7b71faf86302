"""Several processes write one data root at once, over one SQLite: no event is lost, no file harmed, the content the same."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest

from torchcell_assets.config.resources import DataRoot, GraphStore
from torchcell_assets.neo4j_local import local_server
from torchcell_assets_tests import main_job
from torchcell_assets_tests.conftest import delete_all

TWO = [("trained/elastic_net", "one_hot|1e3")] * 2
EIGHT = [
    *TWO,
    ("merged/fitness", None),
    ("merged/fitness", None),
    ("trained/random_forest", "one_hot|1e3"),
    ("trained/support_vector", "random_10|1e3"),
    ("representations/gene_embedding", "one_hot"),
    ("representations/gene_embedding", "random_10"),
]


@pytest.fixture(scope="module")
def root(tiny_made, tmp_path_factory) -> Iterator[Path]:
    """A copy of what the main job made, with its graph server."""
    root = tmp_path_factory.mktemp("at_once") / "data"
    shutil.copytree(tiny_made.root, root)
    with local_server.serving(root / "neo4j"):
        yield root


def at_once(root: Path, cells: Sequence[tuple[str, str | None]]) -> None:
    """Materialize each in a process of its own; each ends well, and all its events are stored."""
    with main_job.instance(root) as here:
        before = set(here.get_run_ids())
        started = [
            main_job.start(
                root, "dagster", "asset", "materialize", "-m", "torchcell_assets.definitions", "--select",
                f"key:{asset}", *(["--partition", partition] if partition else []),
            )
            for asset, partition in cells
        ]  # fmt: skip
        for process in started:
            said, _ = process.communicate()
            assert process.returncode == 0, said
            assert "database is locked" not in said
        runs = [here.get_run_by_id(run) for run in set(here.get_run_ids()) - before]
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * len(cells)
        for run in runs:
            stored = [entry.dagster_event.event_type for entry in here.all_logs(run.run_id) if entry.dagster_event]
            steps = here.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
            once = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.RUN_SUCCESS)
            assert [stored.count(kind) for kind in once] == [1, 1]
            assert stored.count(dg.DagsterEventType.STEP_SUCCESS) == len(steps)  # the asset and its checks


def test_the_first_two_commands_of_a_data_root_do_not_spoil_it(tmp_path):
    root = tmp_path / "data"
    for process in [main_job.start(root, "torchcell_assets", "status") for _ in range(2)]:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    with main_job.instance(root) as here:
        assert here.get_run_ids() == []
    assert main_job.left_behind(root) == []


@pytest.mark.slow
def test_two_loads_of_one_dataset_leave_one_bundle_and_one_exact_build(root, tiny_made):
    shutil.rmtree(root / "graph" / "bundles" / "fitness_sga")
    with GraphStore(root=DataRoot(path=str(root))).driver() as driver:
        count = "MATCH (e:Experiment) WITH count(e) AS experiments MATCH (b:Build) RETURN experiments, count(b)"
        before = driver.execute_query(count).records[0].values()
        with driver.session() as session:
            delete_all(session)
        at_once(root, [("graph/fitness_sga", None)] * 2)
        assert driver.execute_query(count).records[0].values() == before
    main_job.open_everything(root)
    assert main_job.versions(root) == tiny_made.versions


@pytest.mark.parametrize("cells", [TWO, pytest.param(EIGHT, marks=pytest.mark.slow)], ids=["two", "eight"])
def test_runs_at_once_lose_no_event_and_make_what_they_make_one_by_one(root, tiny_made, cells):
    at_once(root, cells)
    main_job.open_everything(root)
    assert main_job.versions(root) == tiny_made.versions
    assert main_job.tables(root) == tiny_made.tables
    assert list(root.rglob(".writing-*")) == []
