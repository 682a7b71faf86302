"""The checks that many assets share: what is stored is in sync, the raw files are the pinned ones.

`schema_in_sync` makes staleness of a partitioned asset visible in the UI, where Dagster itself shows none.
"""

from collections.abc import Callable, Sequence

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from torchcell_assets.resources import RawFiles
from torchcell_assets.sources import Source, Sources, SourceUnavailable
from torchcell_assets.staleness.outdated import outdated
from torchcell_assets.staleness.upstream import partitions_of

SCHEMA_IN_SYNC = "schema_in_sync"
RAW_FILES_AS_PINNED = "raw_files_as_pinned"
NO_NETWORK = {"torchcell/no_network": "true"}
"""Tags of a run whose checks ask no URL: reading a raw file to its end at its publisher may take as long as all the rest."""
SHOWN = 100
"""Rows of the table in the UI: a page of thousands does not open."""


def schema_in_sync(asset: dg.AssetsDefinition, graph: Callable[[], BaseAssetGraph]) -> dg.AssetChecksDefinition:
    """A warning that lists the stored partitions of `asset` that today's schema, inputs or recipes have outdated.

    graph: gives the asset graph of the code location, once that is whole.
    """

    @dg.asset_check(
        asset=asset.key,
        name=SCHEMA_IN_SYNC,
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


def raw_files_as_pinned(key: dg.AssetKey, sources: Sequence[Source]) -> dg.AssetChecksDefinition:
    """A warning where a raw file of an asset is lost or damaged here, or where its URL gives another file by now.

    Nothing is taken over: what is stored stays, until a person has looked at the new file and pinned its sha256.
    """

    @dg.asset_check(
        asset=key,
        name=RAW_FILES_AS_PINNED,
        description="The raw files here have the pinned sha256, and so have those that their URLs give today. The URLs are "
        "not asked in a run that makes the asset, nor by the command line.",
    )
    def check(context: dg.AssetCheckExecutionContext, raw: RawFiles) -> dg.AssetCheckResult:
        asks = not _makes(context, key) and not NO_NETWORK.keys() & context.run.tags.keys()
        looked = [_look(raw.sources(), source, asks) for source in sources]
        wrong = [sentence for sentences, _ in looked for sentence in sentences]
        table = "\n".join(["file | here | at its URL", "--- | --- | ---", *(row for _, row in looked)])
        return dg.AssetCheckResult(
            passed=not wrong,
            severity=dg.AssetCheckSeverity.WARN,
            description=" ".join(wrong) or None,
            metadata={"files": dg.MetadataValue.md(table)},
        )

    return check


def _makes(context: dg.AssetCheckExecutionContext, key: dg.AssetKey) -> bool:
    """Whether the run of this check has just made the asset."""
    last = context.instance.get_latest_materialization_event(key)
    return last is not None and last.run_id == context.run.run_id


def _look(here: Sources, source: Source, asks: bool) -> tuple[list[str], str]:
    """What is wrong with a raw file, in sentences, and its row of the table. asks: its URL too."""
    wrong, stored, published = [], "as pinned", "as pinned"
    try:
        here.verify(source)
    except SourceUnavailable as error:
        stored = "lost or damaged"
        wrong.append(str(error))
    if not asks:
        return wrong, f"{source.name} | {stored} | not asked in this run: the job `verify` does"
    try:
        changed = here.changed_at_url(source)
    except SourceUnavailable as error:  # no network is no change
        published = f"not known: {error}"
    else:
        if changed:
            published = "another file"
            wrong.append(
                f"{changed}. What is stored stays as it is: look at the new file, and write its sha256 into "
                "torchcell_assets/sources/catalog.py to take it over."
            )
    return wrong, f"{source.name} | {stored} | {published}"


def _told(count: int) -> str:
    if not count:
        return "Everything stored is in sync."
    listed = f" (the first {SHOWN} are listed)" if count > SHOWN else ""
    return f"Outdated: {count}{listed}. Made again by `make rebuild`, or by the job `rebuild_outdated`."
