"""A backfill of a partitioned asset is one run a cell, each with its own data version; why is shown with Dagster itself."""

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from torchcell_assets.definitions import defs
from torchcell_assets.orchestration.execution import executed
from torchcell_assets.staleness.provenance import data_versions
from torchcell_assets_tests.mirror import QUIET

GRAPH = defs.resolve_asset_graph()
SUBSET = dg.AssetKey(["merged", "subset"])
PARTITIONED = sorted(key for key in GRAPH.materializable_asset_keys if GRAPH.get(key).partitions_def)


def requested(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[dg.RunRequest]:
    """What the daemon asks for when a person starts a backfill of all cells of an asset."""
    cells = [AssetKeyPartitionKey(key, one) for one in GRAPH.get(key).partitions_def.get_partition_keys()]
    return build_run_requests_with_backfill_policies(cells, GRAPH, instance)


@pytest.mark.filterwarnings("ignore:Non-compliant tag keys")  # Dagster's own, of two dimensions
@pytest.mark.parametrize("key", PARTITIONED, ids=dg.AssetKey.to_user_string)
def test_a_backfill_asks_for_one_run_a_cell(key):
    with dg.DagsterInstance.ephemeral() as instance:
        runs = requested(instance, key)
    assert sorted(str(run.partition_key) for run in runs) == sorted(GRAPH.get(key).partitions_def.get_partition_keys())
    assert {tuple(run.asset_selection) for run in runs} == {(key,)}


def test_a_run_of_several_cells_is_refused_with_what_to_do_and_one_of_a_range_of_one_is_not(mirror):
    """As the UI launches them where a person has ticked `Pass partition ranges to single run`."""
    mirror.data["merged/subset"] = "B"
    before = data_versions(mirror.instance, SUBSET)
    assert failure(mirror, "1e3", "1e4") == (
        "A run makes one partition of merged/subset, and was asked for 1e3 to 1e4: launch one run a partition, without "
        "`Pass partition ranges to single run`."
    )
    assert data_versions(mirror.instance, SUBSET) == before
    assert failure(mirror, "1e4", "1e4") is None
    assert data_versions(mirror.instance, SUBSET) == {**before, "1e4": "B of 1e4"}


def failure(mirror, first: str, last: str) -> str | None:
    """Why a run of a range of partitions of the sample has failed."""
    job = mirror.definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection={SUBSET})
    range_ = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    done = job.execute_in_process(instance=mirror.instance, tags=range_, run_config=QUIET, raise_on_error=False)
    return executed(mirror.instance, done.run_id).failures.get("merged__subset")


def test_each_cell_of_a_backfill_gets_its_own_data_version(mirror):
    mirror.data["merged/subset"] = "B"
    for run in requested(mirror.instance, SUBSET):
        mirror.run([("merged/subset", run.partition_key)])
    cells = GRAPH.get(SUBSET).partitions_def.get_partition_keys()
    assert data_versions(mirror.instance, SUBSET) == {one: f"B of {one}" for one in cells}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_dagster_gives_all_cells_of_one_run_the_same_data_version():
    """Once this fails, cells of one asset can be made in one run: docs/decisions/one_run_a_cell.md."""
    sizes = dg.StaticPartitionsDefinition(["1e3", "1e4"])

    @dg.asset(partitions_def=sizes, backfill_policy=dg.BackfillPolicy.single_run())
    def both(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        assert context.partition_keys == ["1e3", "1e4"]
        return dg.MaterializeResult(data_version=dg.DataVersion(" and ".join(context.partition_keys)))

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(assets=[both]).resolve_implicit_global_asset_job_def()
        range_ = {ASSET_PARTITION_RANGE_START_TAG: "1e3", ASSET_PARTITION_RANGE_END_TAG: "1e4"}
        job.execute_in_process(instance=instance, tags=range_, run_config=QUIET)
        assert data_versions(instance, both.key) == dict.fromkeys(["1e3", "1e4"], "1e3 and 1e4")
