"""An asset that is made without its inputs names them, whichever asset it is."""

import json

import dagster as dg
import pytest

from torchcell_assets.config.resources import DataRoot, GraphStore, RawFiles
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.definitions import defs
from torchcell_assets.staleness.inputs import InputMissing
from torchcell_assets.staleness.upstream import made_before, partitions_of
from torchcell_assets.storage import files

GRAPH = defs.resolve_asset_graph()
MADE_FROM_OTHERS = sorted(key for key in GRAPH.materializable_asset_keys if made_before(GRAPH, key))
CELL = {"size": "1e3", "representation": "one_hot"}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as here:
        yield here


def partition(key):
    """A cell of an asset: `1e3`, `one_hot` or both."""
    definition = GRAPH.get(key).partitions_def
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return dg.MultiPartitionKey(CELL)
    return None if definition is None else next(p for p in definition.get_partition_keys() if p in CELL.values())


def refusal(instance, key, folder):
    """What is said when an asset is materialized alone."""
    root = DataRoot(path=str(folder))
    with pytest.raises(InputMissing) as raised:
        dg.materialize(
            list(defs.assets),
            selection=dg.AssetSelection.assets(key),
            instance=instance,
            partition_key=partition(key),
            resources={
                "root": root,
                "raw": RawFiles(root=root),
                "store": GraphStore(root=root),
                "worker": WorkerProcess(),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("key", MADE_FROM_OTHERS, ids=dg.AssetKey.to_user_string)
def test_an_asset_that_is_made_without_its_inputs_names_every_one_of_them(key, instance, tmp_path):
    said = refusal(instance, key, tmp_path)
    for parent in made_before(GRAPH, key):
        assert parent.to_user_string() in said
    assert "not been made: materialize" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "key", [key for key in MADE_FROM_OTHERS if key.path[-1] != "scoreboard"], ids=dg.AssetKey.to_user_string
)
def test_an_input_that_was_made_and_is_gone_is_named_with_its_place(key, instance, tmp_path):
    for parent in made_before(GRAPH, key):
        for one in partitions_of(GRAPH, parent):
            record = json.dumps([[f"{parent.path[-1]}.parquet", 1, 1, "0"]])
            made = dg.AssetMaterialization(parent, partition=one, metadata={files.METADATA: record})
            instance.report_runless_asset_event(made)
    said = refusal(instance, key, tmp_path)
    for parent in made_before(GRAPH, key):
        assert f"({tmp_path / parent.path[-1]}.parquet)" in said
    assert "gone: materialize" in said


def test_the_partition_that_is_read_is_the_one_that_is_asked_for(instance, tmp_path):
    for parent, one in (("merged/subset", "1e4"), ("representations/gene_embedding", "one_hot")):
        instance.report_runless_asset_event(dg.AssetMaterialization(parent.split("/"), partition=one))
    instance.report_runless_asset_event(dg.AssetMaterialization(["merged", "test_set"]))
    said = refusal(instance, dg.AssetKey(["trained", "elastic_net"]), tmp_path)
    assert said == "merged/subset 1e3 has not been made: materialize it first."
