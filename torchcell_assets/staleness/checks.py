"""The checks that many assets share: what is stored is in sync, the raw files are the pinned ones.

`schema_in_sync` makes staleness of a partitioned asset visible in the UI, where Dagster itself shows none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.sources import Source, Sources, SourceUnavailable
from torchcell_assets.staleness import reasons
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.history import History
from torchcell_assets.staleness.outdated import outdated
from torchcell_assets.staleness.raw_files import seen
from torchcell_assets.staleness.upstream import partitions_of
from torchcell_assets.storage import files

SCHEMA_IN_SYNC = "schema_in_sync"
FILES_IN_SYNC = "files_in_sync"
RAW_FILES_AS_PINNED = "raw_files_as_pinned"
NO_NETWORK = {"torchcell/no_network": "true"}
"""Tags of a run whose checks ask no URL: reading a raw file to its end at its publisher may take as long as all the rest."""
WHOLE_ASSET = (SCHEMA_IN_SYNC, FILES_IN_SYNC)
"""Checks that look at all partitions of an asset, whichever one a run has made: executed once, after everything is made."""
SHOWN = 100
"""Rows of the table in the UI: a page of thousands does not open."""


def schema_in_sync(asset: dg.AssetsDefinition, graph: Callable[[], BaseAssetGraph]) -> dg.AssetChecksDefinition:
    """A warning that lists the partitions of `asset` that were made and are gone, changed, or outdated by today's schema, inputs
    or recipes.

    graph: gives the asset graph of the code location, once that is whole.
    """

    @dg.asset_check(
        asset=asset.key,
        name=SCHEMA_IN_SYNC,
        description="No partition that was made is gone or changed, or of another schema, other inputs or another recipe.",
    )
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot) -> dg.AssetCheckResult:
        wanted = {asset.key: partitions_of(graph(), asset.key)}
        survey = outdated(context.instance, graph(), wanted, root=root.folder)
        found = [(item.partition, item.why) for item in survey if item.stale]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=_told(len(found)),
            metadata={"outdated": len(found), **_listed(found)},
        )

    return check


def files_in_sync(asset: dg.AssetsDefinition, graph: Callable[[], BaseAssetGraph]) -> dg.AssetChecksDefinition:
    """An error that lists the partitions of `asset` of which a file is gone, or holds something else than was made.

    Every file is read to its end and its sha256 compared: what has its old size and time is not taken for unchanged.

    graph: gives the asset graph of the code location, once that is whole.
    """

    @dg.asset_check(
        asset=asset.key,
        name=FILES_IN_SYNC,
        description="Every file that was made is there and has the sha256 with which it was made.",
    )
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot) -> dg.AssetCheckResult:
        stored = History(context.instance, graph(), [asset.key]).stored(asset.key)
        read = {
            partition: files.read_through(root.folder, made.files) for partition, made in stored.items() if made.files
        }
        found = [(partition, reasons.files_lost(lost)) for partition, lost in sorted(read.items(), key=str) if lost]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_told_of_files(found),
            metadata={"read": len(read), "not_recorded": len(stored) - len(read), **_listed(found)},
        )

    return check


def _listed(found: Sequence[tuple[str | None, str]]) -> dict[str, dg.MetadataValue]:
    """Partition and why, as a table: it stands open on the page of the check; Markdown would be behind a button."""
    rows = [dg.TableRecord({"partition": partition or "all", "why": why}) for partition, why in found[:SHOWN]]
    table = dg.MetadataValue.table(rows, dg.TableSchema([dg.TableColumn("partition"), dg.TableColumn("why")]))
    return {"partitions": table} if found else {}


def _told_of_files(found: Sequence[tuple[str | None, str]]) -> str:
    if not found:
        return "Every file is as it was made."
    rest = f" And {len(found) - 1} more partitions." if len(found) > 1 else ""
    return f"{found[0][1]}.{rest} Materialize it again."


def raw_files_as_pinned(
    key: dg.AssetKey, sources: Sequence[Source], *, in_lineage: bool = False
) -> dg.AssetChecksDefinition:
    """A warning where a raw file of an asset is lost or damaged here, or where its URL gives another file by now.

    Nothing is taken over: what is stored stays, until a person has looked at the new file and pinned its sha256.

    in_lineage: the files are assets, of which what their URLs give is recorded as an observation.
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
        for source, digest in ((source, one.digest) for source, one in zip(sources, looked, strict=True)):
            if digest and in_lineage:
                seen(context.op_execution_context, key.path[:-2], source, digest)
        wrong = [sentence for one in looked for sentence in one.wrong]
        table = "\n".join(["file | here | at its URL", "--- | --- | ---", *(one.row for one in looked)])
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


@dataclass(frozen=True)
class _Looked:
    """What is wrong with a raw file, in sentences; its row of the table; the sha256 at its URL, where that was asked."""

    wrong: list[str]
    row: str
    digest: str = ""


def _look(here: Sources, source: Source, asks: bool) -> _Looked:
    """Look at a raw file. asks: at its URL too."""
    wrong, stored, published, digest = [], "as pinned", "as pinned", ""
    try:
        here.verify(source)
    except SourceUnavailable as error:
        stored = "lost or damaged"
        wrong.append(str(error))
    if not asks:
        return _Looked(wrong, f"{source.name} | {stored} | not asked in this run: the job `verify` does")
    try:
        digest = here.digest_at_url(source)
    except SourceUnavailable as error:  # no network is no change
        published = f"not known: {error}"
    else:
        if digest not in source.sha256:
            published = "another file"
            wrong.append(
                f"{source.url} gives another file now (sha256 {digest}). What is stored stays as it is: look at the new file, "
                "and write its sha256 into the `Source` of that name to take it over."
            )
    return _Looked(wrong, f"{source.name} | {stored} | {published}", digest)


def _told(count: int) -> str:
    if not count:
        return "Everything stored is in sync."
    listed = f" (the first {SHOWN} are listed)" if count > SHOWN else ""
    return f"Outdated: {count}{listed}. Made again by `make rebuild`, or by the job `rebuild_outdated`."
