"""Which partitions of an input one partition was made from: Dagster's mappings, resolved for a whole asset at once.

Belongs here: partition keys and nothing else. Does not: versions, reasons, SQL.

Dagster resolves one partition at a time, which is most of what a question about 10,000 cells costs it. The three
mappings that this project uses are a dictionary or a constant; any other one is still asked per partition.
"""

from collections.abc import Callable, Sequence

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph

Upstream = Callable[[str | None], Sequence[str | None]]
"""Partition of an asset -> partitions of one input; `None` stands for an unpartitioned asset."""


def partitions_of(graph: BaseAssetGraph, key: dg.AssetKey) -> Sequence[str | None]:
    """The partition keys of an asset; `[None]` for an unpartitioned one."""
    definition = graph.get(key).partitions_def
    return [None] if definition is None else list(definition.get_partition_keys())


def made_before(graph: BaseAssetGraph, key: dg.AssetKey) -> list[dg.AssetKey]:
    """The assets from which one is made and that are made here; no raw files."""
    return sorted(parent for parent in graph.get(key).parent_keys if not layout.is_raw(parent))


def upstream_of(graph: BaseAssetGraph, child: dg.AssetKey, parent: dg.AssetKey) -> Upstream:
    """What a partition of `child` is made from in `parent`."""
    below, above = graph.get(child).partitions_def, graph.get(parent).partitions_def
    if above is None:
        return lambda _: (None,)
    mapping = graph.get_partition_mapping(child, parent)
    if isinstance(mapping, dg.AllPartitionMapping):
        every = list(above.get_partition_keys())
        return lambda _: every
    if isinstance(mapping, dg.IdentityPartitionMapping) and below == above:
        return lambda partition: (partition,)
    if isinstance(mapping, dg.MultiToSingleDimensionPartitionMapping) and isinstance(
        below, dg.MultiPartitionsDefinition
    ):
        return _dimension(below, above, mapping.partition_dimension_name)

    def resolved(partition: str | None) -> Sequence[str]:
        subset = None if below is None or partition is None else below.subset_with_partition_keys([partition])
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, below, above)
        return sorted(found.partitions_subset.get_partition_keys())

    return resolved


def _dimension(below: dg.MultiPartitionsDefinition, above: dg.PartitionsDefinition, name: str | None) -> Upstream:
    dimension = name or next(d.name for d in below.partitions_defs if d.partitions_def == above)
    known = {str(key): (key.keys_by_dimension[dimension],) for key in below.get_partition_keys()}  # type: ignore[attr-defined]
    return lambda partition: known.get(str(partition), ())
