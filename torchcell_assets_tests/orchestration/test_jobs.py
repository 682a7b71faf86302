"""What runs without a person: the sensor, the schedules, and the job that makes again what is outdated; over real runs."""

import shutil
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.definitions.automation_condition_sensor_definition import MAX_ENTITIES

from torchcell_assets import definitions
from torchcell_assets.definitions import defs
from torchcell_assets.neo4j_local import local_server
from torchcell_assets.orchestration import engine, graph_server, jobs, plan, waves
from torchcell_assets.orchestration.execution import Executed, InProcess
from torchcell_assets.staleness import State, survey
from torchcell_assets_tests import main_job
from torchcell_assets_tests.mirror import Mirror, edited_classes, with_classes
from torchcell_assets_tests.test_schema_change import (
    BASELINES,
    CELLS,
    EDITS,
    EMBEDDINGS,
    FITNESS_RECORDS,
    GENOME,
    KEY_VALUE,
    MERGED,
    SCOREBOARD,
    SUBSETS,
    TEST_SET,
)

WAITING = ("representations", "trained")


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "bolt://nowhere.invalid:7687")  # the bodies of the mirror need none


def edit(mirror: Mirror, cls: str, tmp_path) -> None:
    mirror.deploy(with_classes(mirror.specs, edited_classes(tmp_path, cls, *EDITS[cls]["add"][:2])))


def made(outcome: engine.Outcome) -> set:
    return {(key.to_user_string(), partition) for key, partition in outcome.made}


def test_a_rebuild_makes_exactly_what_the_edit_outdated_and_stops_where_the_data_stay(mirror, tmp_path):
    edit(mirror, "Fitness", tmp_path)
    batches = []
    outcome = waves.rebuild(mirror.instance, mirror.definitions, before=batches.append)
    assert made(outcome) == FITNESS_RECORDS | MERGED
    assert [batch[0].key.path[0] for batch in batches] == ["datasets", "graph", "merged"]
    assert (outcome.failed, outcome.left, mirror.outdated()) == ({}, {}, set())


def test_a_rebuild_follows_the_wave_where_the_data_change(mirror, tmp_path):
    edit(mirror, "Fitness", tmp_path)
    mirror.data |= dict.fromkeys(["merged/fitness", "merged/subset", "trained/baselines", *CELLS], "B")
    outcome = waves.rebuild(mirror.instance, mirror.definitions)
    assert made(outcome) == FITNESS_RECORDS | MERGED | SUBSETS | TEST_SET | KEY_VALUE | BASELINES | CELLS | SCOREBOARD
    assert mirror.outdated() == set()


def test_a_failure_stops_what_stands_behind_it_and_nothing_else(mirror, tmp_path):
    edit(mirror, "Fitness", tmp_path)
    mirror.broken = {"datasets/fitness_sga"}
    outcome = waves.rebuild(mirror.instance, mirror.definitions)
    assert {(key.to_user_string(), why) for (key, _), why in outcome.failed.items()} == {
        ("datasets/fitness_sga", "boom")
    }
    behind = {("graph/fitness_sga", None), ("merged/fitness", None)}
    assert {(s.key.to_user_string(), s.partition) for s in outcome.left} == behind
    assert mirror.outdated() == behind | {("datasets/fitness_sga", None)}


class Dies(InProcess):
    """Runs that end before they have made anything, as those of a machine that is switched off."""

    runs = 0

    def make(self, batch) -> Executed:
        type(self).runs += 1
        return Executed()


def test_a_run_that_dies_before_it_makes_anything_is_not_tried_for_ever(mirror, tmp_path):
    edit(mirror, "Gene", tmp_path)
    executor = Dies(mirror.instance, mirror.definitions.resolve_implicit_global_asset_job_def())
    outcome = waves.rebuild(mirror.instance, mirror.definitions, executor=executor)
    assert outcome.made == [] and Dies.runs > 0
    assert set(outcome.failed.values()) == {"was not reached"}
    assert ("datasets/genome", None) in {(key.to_user_string(), partition) for key, partition in outcome.failed}


class EndsEarly(InProcess):
    """Runs that end after their first asset, as a blocking check that fails ends them at a terminal."""

    def make(self, batch) -> Executed:
        return super().make(batch[:1])


def test_what_a_run_has_not_reached_is_made_in_another_and_has_not_failed(mirror, tmp_path):
    edit(mirror, "Fitness", tmp_path)
    executor = EndsEarly(mirror.instance, mirror.definitions.resolve_implicit_global_asset_job_def())
    outcome = waves.rebuild(mirror.instance, mirror.definitions, executor=executor)
    assert (made(outcome), outcome.failed, mirror.outdated()) == (FITNESS_RECORDS | MERGED, {}, set())


def test_the_plan_says_what_why_in_which_order_and_what_may_follow(mirror, tmp_path):
    edit(mirror, "Gene", tmp_path)
    planned = plan.plan(survey(mirror.instance, mirror.graph), mirror.graph)
    sure = [(one.key.to_user_string(), one.why) for one in planned if not one.may_follow]
    assert {name for name, _ in sure} == {name for name, _ in GENOME | EMBEDDINGS}
    assert sure[0][0] == "datasets/genome"
    assert {why for _, why in sure} == {"Gene: +note"}
    after = {one.key.to_user_string() for one in planned if one.may_follow}
    assert after == {name for name, _ in CELLS | SCOREBOARD}
    assert all(one.seconds is not None for one in planned)


def test_the_nightly_job_makes_what_is_outdated_as_runs_of_their_own(mirror, tmp_path):
    edit(mirror, "Interaction", tmp_path)
    before = mirror.instance.get_runs_count()
    assert jobs.rebuild_outdated(lambda: mirror.definitions).execute_in_process(instance=mirror.instance).success
    assert mirror.outdated() == set()
    assert mirror.instance.get_runs_count() == before + 1 + 3  # itself, datasets, graph, merged
    assert all(run.is_success for run in mirror.instance.get_runs(limit=4))


@pytest.mark.parametrize(("cls", "asked"), [("Gene", {"datasets/genome"}), ("MergedFitness", {"merged/fitness"})])
def test_the_sensor_asks_for_records_and_tables_and_never_for_embeddings_or_models(mirror, tmp_path, cls, asked):
    edit(mirror, cls, tmp_path)
    results = dg.evaluate_automation_conditions(mirror.definitions, mirror.instance).results
    assert {one.key.to_user_string() for one in results if not one.true_subset.is_empty} == asked
    assert {spec.condition for key, spec in mirror.specs.items() if key.startswith(WAITING)} == {None}


def test_the_sensor_has_few_enough_entities_and_its_tick_runs_on_the_real_code_location(tmp_path):
    graph = defs.resolve_asset_graph()
    target = jobs.sensor(on=False).asset_selection
    assert 0 < len(target.resolve(graph)) + len(target.resolve_checks(graph)) <= MAX_ENTITIES
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, repository_def=defs.get_repository_def())
        assert defs.resolve_sensor_def("rebuild_when_outdated").evaluate_tick(context).run_requests == []


@pytest.mark.parametrize(
    ("said", "status"), [("", "STOPPED"), ("off", "STOPPED"), ("0", "STOPPED"), ("on", "RUNNING"), ("True", "RUNNING")]
)
def test_nothing_runs_by_itself_unless_it_was_asked_for(monkeypatch, said, status):
    monkeypatch.setenv("TORCHCELL_AUTOMATION", said)
    deployed = definitions._of_this_process()
    assert {one.default_status.value for one in [*deployed.schedules, *deployed.sensors]} == {status}


def test_jobs_for_people_have_names():
    assert {*jobs.FLOW, "verify", "rebuild_outdated", "rebuild_graph"} <= {
        job.name for job in defs.resolve_all_job_defs()
    }


def test_a_rebuild_of_the_graph_and_loads_into_it_take_turns_in_the_ui():
    pools = {
        job: {node.definition.pool for node in defs.resolve_job_def(job).graph.nodes}
        for job in ("graph", "rebuild_graph")
    }
    assert pools["rebuild_graph"] == pools["graph"] - {None} == {"neo4j_write"}  # checks wait for nobody


VERIFY = """
import dagster as dg
from torchcell_assets.definitions import defs
job = defs.resolve_job_def("verify")
checks = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.name == "store_in_sync"}
with dg.DagsterInstance.get() as instance:
    result = job.get_subset(asset_selection=set(), asset_check_selection=checks).execute_in_process(instance=instance)
for check in result.get_asset_check_evaluations():
    print(check.asset_key.to_user_string(), check.passed, check.description, flush=True)
"""


def test_the_verify_job_serves_the_local_graph_that_it_checks(tiny_made, tmp_path, monkeypatch):
    monkeypatch.delenv("NEO4J_URI")
    root = tmp_path / "data"
    shutil.copytree(tiny_made.root, root)
    assert local_server.connection(root / "neo4j") is None
    command = [sys.executable, "-c", VERIFY]  # as a schedule or the UI runs it: in a process of its own
    streams = {"capture_output": True, "text": True}
    done = subprocess.run(command, cwd=main_job.PROJECT, env=main_job.environment(root), **streams, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said and all(line.endswith(" True None") for line in said), said
    assert main_job.left_behind(root) == []


def test_a_failed_run_over_something_in_sync_is_shown_and_not_made_again(mirror):
    mirror.broken = {"datasets/genome"}
    mirror.run([("datasets/genome", None)])
    why = mirror.standings(State.FAILED)["datasets/genome", None]
    assert why.startswith("the last attempt failed (run ")
    assert waves.rebuild(mirror.instance, mirror.definitions).made == []


@pytest.mark.parametrize(("cls", "times"), [("MergedFitness", 1), ("Embedding", 0)])
def test_a_rebuild_asks_for_the_graph_server_once_before_anything_is_made_and_only_if_it_is_needed(
    mirror, tmp_path, cls, times
):
    edit(mirror, cls, tmp_path)
    happened = []
    waves.rebuild(
        mirror.instance,
        mirror.definitions,
        before=lambda batch: happened.append("made"),
        serve=lambda: happened.append("served"),
    )
    assert happened.count("served") == times
    assert happened[0] == ("served" if times else "made")


@pytest.mark.parametrize(
    ("name", "serves", "genes", "expected"),
    [
        ("fitness_sga", {"fitness_sga": ("b1", 10)}, 0, None),
        (
            "fitness_sga",
            {"genome": ("b1", 10)},
            99,
            (State.MISSING, "missing: the graph serves no build of fitness_sga"),
        ),
        (
            "fitness_sga",
            {"fitness_sga": ("b2", 10)},
            99,
            (State.CHANGED, "the graph serves build b2, and b1 was materialized"),
        ),
        ("genome", {}, 10, None),
        ("genome", {}, 11, None),  # an experiment, or another application, may name more
        ("genome", {}, 9, (State.MISSING, "missing: the graph serves 9 of 10 genes")),
    ],
)
def test_what_the_server_serves_is_held_against_what_was_materialized(name, serves, genes, expected):
    assert graph_server._not_served(name, "b1", 10, serves, genes) == expected
