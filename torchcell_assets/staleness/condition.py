"""When an asset is to be made again without being asked: the rebuild condition of the automation sensor.

Belongs here: the condition, and the one subclass that it needs. Does not: which assets carry it (`step(rebuilds=True)`), when the
sensor runs (automation.py). It leans on semi-private parts of Dagster (asset graph view, entity subset), and only here.

Dagster's own conditions do not serve. `code_version_changed()` is an edge on the sensor's memory: it asks for cells that were
never made, forgets after a failed run, fires on a rollback that needs nothing and is blind on its first tick. `eager()` never
looks at code versions, and rebuilds where nothing but the time of an input has changed. So this one is a level: what is stored
is compared with what is deployed, by the same `survey` as everywhere else, whatever happened between two ticks.
"""

from weakref import WeakKeyDictionary

import dagster as dg

from torchcell_assets.staleness.dagster_internals import AssetGraphView, AssetKeyPartitionKey
from torchcell_assets.staleness.outdated import survey
from torchcell_assets.staleness.upstream import partitions_of

AC = dg.AutomationCondition

_found: WeakKeyDictionary[AssetGraphView, dict[dg.AssetKey, set[str | None]]] = WeakKeyDictionary()
"""Stale partitions by asset, kept for one tick: an asset is asked for by itself and by each of its children."""


class IsOutdated(dg.AutomationCondition):
    """True for every partition that was made and is stale: gone, changed, or outdated (a level, not an edge)."""

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "outdated"

    @property
    def description(self) -> str:
        """As the UI shows it."""
        return "Made, and now gone, changed, or of other code, other data or another recipe"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """The stale partitions among the candidates."""
        view, key = context.asset_graph_view, context.key
        partitions = _stale_partitions(view, key) if isinstance(key, dg.AssetKey) else set()
        keys = {AssetKeyPartitionKey(key, partition) for partition in partitions}  # type: ignore[arg-type]
        subset = view.get_asset_subset_from_asset_partitions(key, keys)  # type: ignore[arg-type]
        return dg.AutomationResult(context=context, true_subset=subset.compute_intersection(context.candidate_subset))


def _stale_partitions(view: AssetGraphView, key: dg.AssetKey) -> set[str | None]:
    tick = _found.setdefault(view, {})
    if key not in tick:
        standings = survey(view.instance, view.asset_graph, {key: partitions_of(view.asset_graph, key)})
        tick[key] = {standing.partition for standing in standings if standing.stale}
    return tick[key]


_NEW_CAUSE = AC.code_version_changed() | AC.any_deps_match(AC.data_version_changed())

REBUILD = (
    IsOutdated()
    # One try per cause. Without it a failing asset is asked for at every tick (368,000 failed runs in fourteen days, at mitodl);
    # without the latch the cause passes while an input is still being made, and the fix is never tried.
    & (~AC.execution_failed() | _NEW_CAUSE.since(AC.newly_requested()))
    & ~AC.in_progress()
    # Upstream first: not before the inputs are made again, and not from an input that is not there.
    & ~AC.any_deps_in_progress()
    & ~AC.any_deps_match(IsOutdated())
    # A raw file is seen once it is read: before, nothing is known of it, and it is not missing.
    & ~AC.any_deps_match(AC.missing()).allow(dg.AssetSelection.all())  # of what is made here
).with_label("rebuild_when_outdated")
"""Asks for what was made and is gone, changed or outdated, never for what was never made: new cells are started by people."""
