"""The check that makes staleness of a partitioned asset visible in the UI, where Dagster itself shows none."""

from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from torchcell_assets.staleness.outdated import outdated
from torchcell_assets.staleness.upstream import partitions_of


def schema_in_sync(asset: dg.AssetsDefinition, graph: Callable[[], BaseAssetGraph]) -> dg.AssetChecksDefinition:
    """A warning that lists the stored partitions of `asset` that today's schema, inputs or recipes have outdated.

    graph: gives the asset graph of the code location, once that is whole.
    """

    @dg.asset_check(
        asset=asset.key,
        name="schema_in_sync",
        description="No stored partition was made by another schema, from other inputs or with another recipe.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        wanted = {asset.key: partitions_of(graph(), asset.key)}
        found = [item for item in outdated(context.instance, graph(), wanted) if not item.missing]
        rows = "\n".join(f"{item.partition or 'all'} | {item.why}" for item in found)
        table = dg.MetadataValue.md(f"partition | why\n--- | ---\n{rows}" if found else "Everything stored is in sync.")
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"outdated": len(found), "partitions": table},
        )

    return check
