"""Raw files in the lineage: seen by whoever reads them, of which Dagster knows the version, and which outdate nothing here."""

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.sources import Source
from torchcell_assets.staleness import State, survey
from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets.staleness.provenance import Remembered, recorded
from torchcell_assets.staleness.raw_files import declared, seen
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.publisher import not_found, other_content

RAW = dg.AssetKey(["raw", "publication2020_table_txt"])
TABLE = dg.AssetKey(["datasets", "table"])


class Deployed:
    """A raw file, a dataset that reads it, and the check of both, over an instance; the file is given by a real server."""

    def __init__(self, instance: dg.DagsterInstance, source: Source, folder) -> None:
        self.instance, self.source = instance, source
        root = DataRoot(path=str(folder))
        self.resources = {"root": root, "raw": RawFiles(root=root, mirror=str(folder / "mirror"))}
        self.deploy()

    def deploy(self, *, deps: bool = True) -> None:
        """deps: whether the dataset depends on its raw file, and says that it has seen it."""

        def body(context: dg.AssetExecutionContext, root: DataRoot, raw: RawFiles) -> dg.MaterializeResult:
            raw.sources().path(self.source)
            if deps:
                seen(context.op_execution_context, (), self.source, self.source.sha256[0])
            return dg.MaterializeResult(data_version=dg.DataVersion("rows"))

        asset = dg.asset(key=TABLE, deps=[RAW] if deps else [], code_version="1")(recorded(body, {}))
        check = raw_files_as_pinned(TABLE, [self.source], in_lineage=True)
        self.definitions = dg.Definitions(
            assets=[asset, declared((), [self.source])], asset_checks=[check], resources=self.resources
        )
        self.graph = self.definitions.resolve_asset_graph()

    def run(self, *keys: dg.AssetKey, checks: bool = False) -> bool:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        chosen = {key for key in self.graph.asset_check_keys if checks}
        part = job.get_subset(asset_selection=set(keys), asset_check_selection=chosen)
        return part.execute_in_process(instance=self.instance, run_config=QUIET, raise_on_error=False).success

    def seen(self) -> list[str]:
        """The versions with which the raw file was seen, the last first."""
        records = self.instance.fetch_observations(RAW, limit=9).records
        return [record.asset_observation.tags["dagster/data_version"] for record in records]

    def read(self) -> str | None:
        """The version of the raw file from which the dataset was made, as the dataset remembers it."""
        event = self.instance.get_latest_materialization_event(TABLE)
        return Remembered.of(event.asset_materialization).inputs.get(RAW.to_user_string())

    def dagster_says(self) -> StaleStatus:
        return CachingStaleStatusResolver(self.instance, self.graph, LoadingContextForTest(self.instance)).get_status(
            TABLE
        )

    def we_say(self) -> State:
        [found] = survey(self.instance, self.graph)
        assert found.key == TABLE
        return found.state


@pytest.fixture
def deployed(server, source, tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Deployed(instance, source, tmp_path)


def test_who_reads_a_raw_file_says_so_and_was_made_from_what_was_read(deployed):
    assert deployed.run(TABLE)
    pinned = deployed.source.sha256[0]
    assert (deployed.seen(), deployed.read()) == ([pinned], pinned)
    assert (deployed.dagster_says(), deployed.we_say()) == (StaleStatus.FRESH, State.IN_SYNC)


def test_another_file_of_the_publisher_is_an_observation_that_dagster_shows_and_that_outdates_nothing(deployed, server):
    deployed.run(TABLE)
    server.behaviours = [other_content]
    assert deployed.run(checks=True)
    new, pinned = deployed.seen()
    assert new != pinned == deployed.source.sha256[0]
    assert (deployed.dagster_says(), deployed.we_say()) == (StaleStatus.STALE, State.IN_SYNC)


def test_a_file_that_its_publisher_does_not_give_just_now_was_not_seen(deployed, server):
    deployed.run(TABLE)
    server.behaviours = [not_found]
    assert deployed.run(checks=True)
    assert len(deployed.seen()) == 1


def test_a_person_can_have_the_raw_file_observed(deployed, server):
    assert deployed.run(RAW)
    assert deployed.seen() == [deployed.source.sha256[0]]
    server.behaviours = [not_found]
    assert not deployed.run(RAW)


def test_an_accepted_copy_is_no_other_file(source):
    both = Source(source.name, ("a", "b"), None, source.url, "none", "", "")
    assert [both.version(digest) for digest in ("a", "b", "c")] == ["a", "a", "c"]


def test_a_data_root_from_before_is_in_sync_with_the_new_edges_and_one_from_after_without_them(deployed):
    deployed.deploy(deps=False)
    deployed.run(TABLE)
    deployed.deploy()
    assert (deployed.seen(), deployed.we_say()) == ([], State.IN_SYNC)
    deployed.run(TABLE)
    deployed.deploy(deps=False)
    assert (len(deployed.seen()), deployed.we_say()) == (1, State.IN_SYNC)


def test_two_names_that_differ_in_signs_alone_are_refused(source):
    other = Source(source.name.replace("/", "_"), ("a",), None, None, "none", "", "")
    with pytest.raises(ValueError, match="differ in signs alone"):
        declared((), [source, other])
