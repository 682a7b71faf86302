"""Partitions that one partition is made from: the answer for a whole asset is Dagster's own, partition by partition."""

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from torchcell_assets.staleness.upstream import partitions_of, upstream_of

SIZE, OTHER = dg.StaticPartitionsDefinition(["1e3", "1e4"]), dg.StaticPartitionsDefinition(["a", "b"])
KIND = dg.StaticPartitionsDefinition(["x", "y"])
GRID = dg.MultiPartitionsDefinition({"size": SIZE, "kind": KIND})
NAMED = dg.StaticPartitionMapping({"1e3": "b", "1e4": {"a", "b"}})


def asset(name: str, partitions: dg.PartitionsDefinition | None = None, *parents: object) -> dg.AssetsDefinition:
    @dg.asset(name=name, partitions_def=partitions, deps=parents)
    def body() -> None: ...

    return body


def below(parent: str, mapping: dg.PartitionMapping) -> dg.AssetDep:
    return dg.AssetDep(parent, partition_mapping=mapping)


GRAPH = AssetGraph.from_assets(
    [
        asset("whole"),
        asset("sizes", SIZE, "whole"),
        asset("kinds", KIND),
        asset("same", SIZE, "sizes"),
        asset("grid", GRID, "sizes", "kinds", "whole"),
        asset("of_grid", GRID, "grid"),
        asset("by_name", GRID, below("kinds", dg.MultiToSingleDimensionPartitionMapping("kind"))),
        asset("all_of_grid", None, "grid"),
        asset("all_sizes", OTHER, below("sizes", dg.AllPartitionMapping())),
        asset("listed", OTHER, below("sizes", NAMED)),
    ]
)
CELLS = {"x|1e3", "x|1e4", "y|1e3", "y|1e4"}
EXPECTED = {
    ("sizes", "whole"): {"1e3": {None}, "1e4": {None}},
    ("same", "sizes"): {"1e3": {"1e3"}, "1e4": {"1e4"}},
    ("grid", "sizes"): {cell: {cell.split("|")[1]} for cell in CELLS},
    ("grid", "kinds"): {cell: {cell.split("|")[0]} for cell in CELLS},
    ("grid", "whole"): {cell: {None} for cell in CELLS},
    ("of_grid", "grid"): {cell: {cell} for cell in CELLS},
    ("by_name", "kinds"): {cell: {cell.split("|")[0]} for cell in CELLS},
    ("all_of_grid", "grid"): {None: CELLS},
    ("all_sizes", "sizes"): {"a": {"1e3", "1e4"}, "b": {"1e3", "1e4"}},
    ("listed", "sizes"): {"a": {"1e4"}, "b": {"1e3", "1e4"}},
}


@pytest.mark.parametrize(("child", "parent"), EXPECTED)
def test_every_mapping_gives_the_partitions_that_are_read(child, parent):
    upstream = upstream_of(GRAPH, dg.AssetKey(child), dg.AssetKey(parent))
    for partition, read in EXPECTED[child, parent].items():
        assert {None if one is None else str(one) for one in upstream(partition)} == read


def test_a_partition_that_is_gone_was_made_from_nothing():
    assert list(upstream_of(GRAPH, dg.AssetKey("grid"), dg.AssetKey("sizes"))("x|1e9")) == []


def test_the_partitions_of_a_grid_are_its_cells_and_of_a_whole_asset_none():
    assert {str(one) for one in partitions_of(GRAPH, dg.AssetKey("grid"))} == CELLS
    assert partitions_of(GRAPH, dg.AssetKey("whole")) == [None]
