"""The check that makes staleness of a partitioned asset visible in the UI, where Dagster itself shows none."""

from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from torchcell_assets.staleness.outdated import outdated
from torchcell_assets.staleness.upstream import partitions_of

SHOWN = 100
"""Rows of the table in the UI: a page of thousands does not open."""


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
        rows = [dg.TableRecord({"partition": item.partition or "all", "why": item.why}) for item in found[:SHOWN]]
        # a table stands open on the page of the check; Markdown would be behind a button
        table = dg.MetadataValue.table(rows, dg.TableSchema([dg.TableColumn("partition"), dg.TableColumn("why")]))
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=_told(len(found)),
            metadata={"outdated": len(found), **({"partitions": table} if found else {})},
        )

    return check


def _told(count: int) -> str:
    if not count:
        return "Everything stored is in sync."
    listed = f" (the first {SHOWN} are listed)" if count > SHOWN else ""
    return f"Outdated: {count}{listed}. Made again by `make rebuild`, or by the job `rebuild_outdated`."
