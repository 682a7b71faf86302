"""Which assets and partitions are out of date, and why: the one comparison that the check and the main job share.

An asset or partition is outdated when its code version differs from the deployed one, when the data version of an
input has moved, when a dependency was added or removed, or when the recipe of its partition has another fingerprint.
The first three are Dagster's own judgement, asked per partition: at asset level it calls every partitioned asset fresh.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView, TemporalContext
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus  # semi-private: only here
from dagster._time import get_current_datetime

RECIPES_METADATA = "torchcell/recipes"
"""Asset metadata: partition -> fingerprint of the recipe that is deployed."""
RECIPE_TAG = "torchcell/recipe"
"""Materialization tag: fingerprint of the recipe that made the partition."""


@dataclass(frozen=True)
class Outdated:
    """One asset, or one partition of it, that is not what today's code and inputs would give."""

    key: dg.AssetKey
    partition: str | None
    missing: bool
    why: str

    def __str__(self) -> str:
        cell = f" [{self.partition}]" if self.partition else ""
        return f"{self.key.to_user_string()}{cell}: {self.why}"


def outdated(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,
    wanted: Mapping[dg.AssetKey, Sequence[str | None]] | None = None,
) -> list[Outdated]:
    """Everything in `wanted` (asset -> partitions; default: all) that is missing or outdated, upstream first."""
    now = TemporalContext(effective_dt=get_current_datetime(), last_event_id=None)
    view = AssetGraphView(temporal_context=now, instance=instance, asset_graph=graph)
    resolver = CachingStaleStatusResolver(instance, graph, view)
    found = []
    for key in graph.toposorted_asset_keys:
        if wanted is not None and key not in wanted:
            continue
        partitions = partitions_of(graph, key) if wanted is None else wanted[key]
        recipes = _changed_recipes(instance, graph, key)
        for partition in partitions:
            status = resolver.get_status(key, partition)
            if status == StaleStatus.MISSING:
                found.append(Outdated(key, partition, True, "never made"))
            elif status == StaleStatus.STALE:
                causes = resolver.get_stale_causes(key, partition)
                found.append(Outdated(key, partition, False, "; ".join(_tell(causes))))
            elif partition in recipes:
                found.append(Outdated(key, partition, False, "has another recipe"))
    return found


def partitions_of(graph: BaseAssetGraph, key: dg.AssetKey) -> Sequence[str | None]:
    """The partition keys of an asset; `[None]` for an unpartitioned one."""
    definition = graph.get(key).partitions_def
    return [None] if definition is None else list(definition.get_partition_keys())


def _changed_recipes(instance: dg.DagsterInstance, graph: BaseAssetGraph, key: dg.AssetKey) -> set[str]:
    deployed = graph.get(key).metadata.get(RECIPES_METADATA)
    if deployed is None:
        return set()
    recipes: Mapping[str, str] = deployed.value if isinstance(deployed, dg.MetadataValue) else deployed  # type: ignore[assignment]
    changed = set()
    for partition, fingerprint in recipes.items():
        event = instance.get_latest_data_version_record(key, partition_key=partition)
        materialization = event and event.asset_materialization
        if materialization and (materialization.tags or {}).get(RECIPE_TAG) != fingerprint:
            changed.add(partition)
    return changed


def _tell(causes: Iterable) -> list[str]:
    return [
        f"{cause.dependency.asset_key.to_user_string()} {cause.reason}" if cause.dependency else cause.reason
        for cause in causes
    ]
