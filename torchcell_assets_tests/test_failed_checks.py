"""A check that fails is read, counted in the exit code, and stops what stands behind it, in whichever command; and it is
gone once the mistake is. Real runs of a small code location, with jobs of their own as the real one has.
"""

from dataclasses import dataclass, field

import dagster as dg
import pytest

from torchcell_assets import __main__ as command_line
from torchcell_assets import definitions
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.orchestration import jobs
from torchcell_assets.staleness.checks import schema_in_sync
from torchcell_assets.staleness.verdicts import verdicts

PARENTS = {
    "datasets/records": (),
    "datasets/other": (),
    "merged/table": ("datasets/records",),
    "trained/model": ("merged/table",),
}
JOBS = ("datasets", "merged", "trained")
WHY = "31,143 records expected, 8,898 kept [/], 22,245 quarantined."


def _graph():
    """Of what is deployed once it is asked for."""
    return definitions.defs.resolve_asset_graph()


@dataclass
class Deployed:
    """What is said to be deployed: code versions of assets, and how the check of `datasets/records` ends."""

    code: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PARENTS, "1"))
    ends: str = "passes"
    said: str = ""

    def definitions(self) -> dg.Definitions:
        assets = [self._asset(name) for name in PARENTS]
        in_sync = [schema_in_sync(asset, _graph) for asset in assets]
        jobs = [dg.define_asset_job(name, dg.AssetSelection.groups(name)) for name in JOBS]
        executor = dg.in_process_executor
        checks = [self._check(), *in_sync]
        resources = {"root": DataRoot()}
        return dg.Definitions(assets=assets, asset_checks=checks, jobs=jobs, executor=executor, resources=resources)

    def _asset(self, name: str) -> dg.AssetsDefinition:
        deps = [dg.AssetKey(parent.split("/")) for parent in PARENTS[name]]

        @dg.asset(
            key=name.split("/"), deps=deps, group_name=name.split("/", maxsplit=1)[0], code_version=self.code[name]
        )
        def asset() -> None:
            if self.ends == "asset fails" and name == "datasets/records":
                raise RuntimeError("boom")

        return asset

    def _check(self) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=["datasets", "records"], name="as_published", blocking=True)
        def check() -> dg.AssetCheckResult:
            if self.ends == "raises":
                raise ValueError("the check itself")
            severity = dg.AssetCheckSeverity.WARN if self.ends == "warns" else dg.AssetCheckSeverity.ERROR
            return dg.AssetCheckResult(
                passed=self.ends in ("passes", "asset fails"), severity=severity, description=WHY
            )

        return check

    def made(self) -> dict[str, int]:
        """Asset -> how often it was made."""
        with dg.DagsterInstance.get() as instance:
            found = {name: instance.fetch_materializations(dg.AssetKey(name.split("/")), limit=9) for name in PARENTS}
        return {name: len(events.records) for name, events in found.items() if events.records}

    def made_without_its_checks(self, name: str) -> None:
        """As a person can in the UI."""
        tags = {"dagster/code_version": self.code[name], "dagster/data_version": "other data"}
        with dg.DagsterInstance.get() as instance:
            instance.report_runless_asset_event(dg.AssetMaterialization(name.split("/"), tags=tags))

    def runs(self) -> int:
        with dg.DagsterInstance.get() as instance:
            return instance.get_runs_count()

    def not_executed(self) -> list[str]:
        """Checks that were not executed since their asset was made: those that the UI shows as 0 / 1."""
        with dg.DagsterInstance.get() as instance:
            found = verdicts(instance, definitions.defs.resolve_asset_graph())
        assert found
        return [str(verdict.key) for verdict in found if verdict.passed is None]


@pytest.fixture
def deployed(raw_files, tmp_path, monkeypatch) -> Deployed:
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(jobs, "FLOW", JOBS)
    return Deployed()


@pytest.fixture
def command(deployed, monkeypatch, capfd):
    """Runs a command over what is deployed now; its exit code, and what it said."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(definitions, "defs", deployed.definitions())
        code = command_line.main(arguments)
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


def test_a_failed_check_is_read_is_exit_code_1_and_stops_what_stands_behind_it(deployed, command):
    deployed.ends = "fails"
    code, said = command("run")
    assert code == 1
    assert said.count(f"datasets/records: as_published failed. {WHY}") == 1
    assert "Not made, because datasets/records failed as_published: merged/table, trained/model." in said
    assert "Traceback" not in said
    assert deployed.made() == {"datasets/records": 1, "datasets/other": 1}


def test_the_next_run_says_it_again_and_calls_nothing_in_sync(deployed, command):
    deployed.ends = "fails"
    command("run")
    code, said = command("run")
    assert (code, "in sync" in said, "Nothing was made" in said) == (1, False, True)
    assert f"as_published failed. {WHY}" in said
    assert deployed.made() == {"datasets/records": 1, "datasets/other": 1}


def test_status_names_what_failed_until_the_mistake_is_taken_back(deployed, command):
    deployed.ends = "fails"
    command("run")
    code, said = command("status")
    assert code == 0
    assert f"checks failed:\ndatasets/records: as_published failed. {WHY}\n" in said
    deployed.ends = "passes"
    code, said = command("run")
    assert (code, deployed.made()) == (0, dict.fromkeys(PARENTS, 1))
    _, said = command("status")
    assert "checks failed" not in said
    assert "4 of 4 assets and partitions are in sync." in said


def test_a_failed_attempt_is_told_until_the_mistake_is_taken_back(deployed, command):
    command("run")
    deployed.code["datasets/records"] = "2"
    deployed.ends = "asset fails"
    assert command("rebuild", "--yes")[0] == 1
    assert "; the last attempt failed (run" in command("status")[1]
    deployed.code["datasets/records"] = "1"
    deployed.ends = "passes"
    _, said = command("status")
    assert "failed since" not in said
    assert "4 of 4 assets and partitions are in sync." in said


def test_a_warning_is_read_and_stops_nothing(deployed, command):
    deployed.ends = "warns"
    code, said = command("run")
    assert (code, deployed.made()) == (0, dict.fromkeys(PARENTS, 1))
    assert f"datasets/records: as_published warns. {WHY}" in said


def test_a_check_that_cannot_be_executed_is_told_and_is_exit_code_1(deployed, command):
    command("run")
    deployed.made_without_its_checks("datasets/records")
    deployed.ends = "raises"
    code, said = command("run")
    assert code == 1
    assert deployed.made()["merged/table"] == 1
    assert "Not made, because datasets/records failed as_published: merged/table." in said
    assert "datasets/records: as_published failed. It could not be executed: the check itself" in said


def test_after_a_run_every_check_of_what_was_made_has_been_executed_and_none_twice(deployed, command):
    assert command("run")[0] == 0
    assert deployed.not_executed() == []
    runs = deployed.runs()
    code, said = command("run")
    assert (code, "Everything is in sync; nothing was made" in said) == (0, True)
    assert deployed.runs() == runs
    deployed.code["merged/table"] = "2"
    assert command("rebuild", "--yes")[0] == 0
    assert deployed.not_executed() == []


def test_a_blocking_check_that_was_not_executed_comes_before_anything_behind_it(deployed, command):
    command("run")
    deployed.made_without_its_checks("datasets/records")
    deployed.ends = "fails"
    deployed.code["trained/model"] = "2"
    code, said = command("run")
    assert code == 1
    assert deployed.made()["trained/model"] == 1
    assert "Not made, because datasets/records failed as_published: " in said


@pytest.mark.parametrize("ends", ["fails", "asset fails"])
def test_a_rebuild_stops_behind_what_failed_and_says_so(deployed, command, ends):
    command("run")
    deployed.code |= {"datasets/records": "2", "datasets/other": "2", "trained/model": "2"}
    deployed.ends = ends
    code, said = command("rebuild", "--yes")
    assert code == 1
    why = {"fails": f"datasets/records: as_published failed. {WHY}", "asset fails": "datasets/records: boom"}
    assert why[ends] in said
    assert "left, because something before it failed: trained/model: " in said
    assert deployed.made() == dict.fromkeys(PARENTS, 1) | {
        "datasets/records": 2 if ends == "fails" else 1,
        "datasets/other": 2,
    }
    assert {"fails": "2 made, 0 failed, 2 left.", "asset fails": "1 made, 1 failed, 1 left."}[ends] in said


def test_in_one_run_of_the_ui_too_nothing_is_made_behind_a_failed_blocking_check(deployed, monkeypatch):
    deployed.ends = "fails"
    monkeypatch.setattr(definitions, "defs", deployed.definitions())
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert made == {"datasets/records", "datasets/other"}


def test_the_checks_of_datasets_and_of_the_merged_table_block():
    graph = definitions.defs.resolve_asset_graph()
    blocking = {key for key in graph.asset_check_keys if graph.get(key).blocking}
    assert {key.name for key in blocking} == {"as_published", "every_record_accounted_for"}
    datasets = {key for key in graph.get_all_asset_keys() if key.path[0] == "datasets"}
    assert {key.asset_key for key in blocking} == datasets | {
        dg.AssetKey(["merged", name]) for name in ("fitness", "interaction")
    }
    for name in ("datasets", "merged"):  # a check blocks where it is in one job with its asset
        assert {key for key in blocking if key.asset_key.path[0] == name} <= set(
            definitions.defs.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        )
