"""What is recorded of the files that were made, and what a look at them and the reading of them find."""

import json
import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from torchcell_assets.config.resources import DataRoot
from torchcell_assets.orchestration import plan, waves
from torchcell_assets.staleness import State, step, survey
from torchcell_assets.staleness.checks import files_in_sync
from torchcell_assets.storage import files
from torchcell_assets.storage.atomic import atomic_write_together
from torchcell_assets.storage.files import Lost
from torchcell_assets.storage.publish import result
from torchcell_assets_tests.mirror import QUIET

SIZES = dg.StaticPartitionsDefinition(["1e3", "1e4", "1e5"])


@pytest.fixture
def root(tmp_path) -> Path:
    """A data root with a file and a folder, and `record`, what was recorded of them."""
    root = tmp_path / "data"
    (root / "graph" / "build").mkdir(parents=True)
    for name in ("table.parquet", "graph/build/Gene.csv", "graph/build/manifest.json"):
        (root / name).write_text(f"content of {name}")
    (root / "neo4j").mkdir()
    return root


@pytest.fixture
def record(root) -> str:
    made = {path: path for path in (root / "table.parquet", root / "graph" / "build")}
    return files.relative_to(root, files.record(made, [root / "neo4j"]))


def edit(path: Path, *, keep_time: bool = False) -> None:
    """Another content of the same length."""
    before = path.stat()
    path.write_text(path.read_text().swapcase())
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def age(path: Path) -> None:
    """Another time, and the same content."""
    os.utime(path, ns=(0, 0))


def test_every_file_of_a_folder_is_recorded_and_found_as_it_was_made(root, record):
    assert [path for path, *_ in json.loads(record)] == [
        "graph/build/Gene.csv", "graph/build/manifest.json", "table.parquet", "neo4j",
    ]  # fmt: skip
    assert files.lost(root, record) == files.read_through(root, record) == Lost()


@pytest.mark.parametrize("name", ["table.parquet", "graph/build/Gene.csv", "neo4j"])
def test_what_is_gone_is_named(root, record, name):
    shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()
    assert files.lost(root, record) == files.read_through(root, record) == Lost(gone=(name,))


@pytest.mark.parametrize("name", ["table.parquet", "graph/build/manifest.json"])
@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 3), lambda path: path.write_text(""), edit])
def test_what_was_cut_or_edited_is_named(root, record, name, harm):
    harm(root / name)
    assert files.lost(root, record) == files.read_through(root, record) == Lost(changed=(name,))


def test_what_was_edited_and_given_its_old_time_back_only_the_reading_finds(root, record):
    edit(root / "table.parquet", keep_time=True)
    assert files.lost(root, record) == Lost()
    assert files.read_through(root, record) == Lost(changed=("table.parquet",))


def test_what_was_cut_and_given_its_old_time_back_is_named(root, record):
    before = (root / "table.parquet").stat()
    os.truncate(root / "table.parquet", 3)
    os.utime(root / "table.parquet", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.lost(root, record) == Lost(changed=("table.parquet",))


def test_what_others_write_to_may_change(root, record):
    (root / "neo4j" / "store").write_text("grows")
    assert files.read_through(root, record) == Lost()


def test_a_copy_with_its_times_is_as_it_was_made_without_being_read(root, record, tmp_path, monkeypatch):
    shutil.copytree(root, tmp_path / "copy")  # keeps times, as `cp -a` and `rsync -a` do
    monkeypatch.setattr(files, "_accepted", lambda *_: pytest.fail("was read"))
    assert files.lost(tmp_path / "copy", record) == Lost()


def test_a_copy_without_its_times_is_read_once_and_then_is_as_it_was_made(root, record, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, copy_function=shutil.copyfile)  # as `cp -r` does
    edit(copy / "graph" / "build" / "Gene.csv")
    edited = Lost(changed=("graph/build/Gene.csv",))
    assert files.lost(copy, record) == edited
    read = []
    accepted = files._accepted
    monkeypatch.setattr(files, "_accepted", lambda path, *told: read.append(Path(path).name) or accepted(path, *told))
    assert files.lost(copy, record) == edited
    assert read == ["Gene.csv"], "only what differs is read again"


def test_a_copy_that_may_not_be_written_is_read_each_time(root, record, monkeypatch):
    age(root / "table.parquet")

    def forbidden(*_, **__):
        raise PermissionError

    monkeypatch.setattr(files.os, "utime", forbidden)
    assert files.lost(root, record) == files.lost(root, record) == Lost()


# What follows is one asset with partitions, made for real in a data root.


def deployed(logic: str) -> dg.Definitions:
    @step(name="table", partitions_def=SIZES, rebuilds=True, logic=logic)
    def table(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One file and its quarantine."""
        path = root.table("staleness", context.partition_key)
        places = (path, path.with_suffix(".quarantine"))
        with atomic_write_together(*places) as written:
            for one in written:
                one.write_text(f"{one.name} of {context.partition_key}")
            return result(path, "A", files=dict(zip(places, written, strict=True)))

    check = files_in_sync(table, lambda: GRAPH)
    return dg.Definitions(assets=[table], asset_checks=[check], resources={"root": DataRoot()})


LOCATION = deployed("1")
GRAPH = LOCATION.resolve_asset_graph()
KEY = dg.AssetKey(["storage", "table"])


@pytest.fixture
def made(tmp_path, monkeypatch) -> dg.DagsterInstance:
    """An instance in which two of three partitions were made, in a data root of its own."""
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    job = LOCATION.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for size in ("1e3", "1e4"):
            job.execute_in_process(instance=instance, partition_key=size, run_config=QUIET)
        yield instance


@pytest.fixture
def place(made, tmp_path) -> Path:
    return tmp_path / "data" / "staleness"


def standings(instance: dg.DagsterInstance) -> dict[str, tuple[State, str]]:
    return {s.partition: (s.state, s.why) for s in survey(instance, GRAPH) if s.state is not State.IN_SYNC}


def asked_for(instance: dg.DagsterInstance) -> list[str]:
    """What the sensor would make."""
    found = dg.evaluate_automation_conditions(LOCATION, instance).results
    return sorted(key for one in found for key in one.true_subset.expensively_compute_partition_keys())


NEVER = {"1e5": (State.NEVER_MADE, "never made")}
GONE = {"1e3": (State.MISSING, "missing: staleness/1e3.parquet is gone")}
CUT = {"1e3": (State.CHANGED, "staleness/1e3.quarantine was changed after it was made")}


@pytest.mark.parametrize(
    ("name", "harm", "expected"),
    [("1e3.parquet", Path.unlink, GONE), ("1e3.quarantine", lambda path: os.truncate(path, 1), CUT)],
    ids=["gone", "cut"],
)
def test_a_lost_file_is_a_state_of_its_own_and_made_again_by_rebuild_and_sensor_and_what_was_never_made_is_not(
    made, place, name, harm, expected
):
    content = (place / name).read_text()
    assert standings(made) == NEVER
    assert asked_for(made) == []
    harm(place / name)
    assert standings(made) == {**NEVER, **expected}
    assert asked_for(made) == ["1e3"]
    [planned] = plan.plan(survey(made, GRAPH), GRAPH)
    assert (planned.partitions, planned.why) == (("1e3",), expected["1e3"][1])
    outcome = waves.rebuild(made, LOCATION)
    assert [(key.to_user_string(), partition) for key, partition in outcome.made] == [("storage/table", "1e3")]
    assert standings(made) == NEVER
    assert (place / name).read_text() == content


def test_a_file_that_another_process_put_in_place_without_its_event_is_changed(made, place):
    """As after a kill between rename and event."""
    (place / "1e3.parquet").write_text("of a newer run")
    assert standings(made)["1e3"][0] is State.CHANGED


def test_a_lost_file_is_named_before_other_code(made, place):
    (place / "1e4.parquet").unlink()
    [found] = survey(made, deployed("2").resolve_asset_graph(), {KEY: ["1e4"]})
    assert (found.state, found.why) == (State.MISSING, "missing: staleness/1e4.parquet is gone; logic 1 -> 2")


def test_a_data_root_that_was_moved_is_in_sync(made, place, monkeypatch, tmp_path):
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert {state for state, _ in standings(made).values()} == {State.NEVER_MADE, State.MISSING}
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "elsewhere"))
    assert standings(made) == NEVER


def test_a_materialization_without_recorded_files_is_judged_as_before(made, place):
    made.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="1e3", tags={"dagster/code_version": "1-"}))
    (place / "1e3.parquet").unlink()
    assert standings(made)["1e3"][0] is State.OUTDATED  # for its code, and not for its file


def checked(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    job = LOCATION.resolve_implicit_global_asset_job_def()
    only = job.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(KEY, "files_in_sync")})
    [found] = only.execute_in_process(instance=instance, run_config=QUIET).get_asset_check_evaluations()
    return found


def test_the_check_reads_every_file_and_lists_the_partitions(made, place):
    assert checked(made).passed
    edit(place / "1e3.parquet", keep_time=True)
    (place / "1e4.quarantine").unlink()
    found = checked(made)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description.startswith("staleness/1e3.parquet was changed after it was made. And 1 more")
    rows = [(row.data["partition"], row.data["why"]) for row in found.metadata["partitions"].records]
    assert rows == [
        ("1e3", "staleness/1e3.parquet was changed after it was made"),
        ("1e4", "missing: staleness/1e4.quarantine is gone"),
    ]
    assert found.metadata["read"].value == 2
