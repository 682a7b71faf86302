"""The engine that makes again what is outdated: batch by batch, upstream first, until nothing is left.

Belongs here: which batch comes next and which checks are executed when. Does not: the plan that a person sees (plan.py), how a
batch is executed (execution.py), which standing an asset has (staleness).

Only what is stored is made again; what was never made is started by people. After each batch the question is put anew, so a
result that did not change stops the wave.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import dagster as dg

from torchcell_assets.orchestration.execution import Executor, InProcess
from torchcell_assets.orchestration.graph_server import graph_elsewhere, needs_graph
from torchcell_assets.orchestration.plan import ancestors
from torchcell_assets.staleness import Standing, survey
from torchcell_assets.staleness.checks import RAW_FILES_AS_PINNED, SCHEMA_IN_SYNC, WHOLE_ASSET
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.verdicts import Verdict, stopping, verdicts

Cell = tuple[dg.AssetKey, str | None]


@dataclass
class Rebuilt:
    """What came of a rebuild: cells made, failures by cell, checks that failed, and what was left because of either."""

    made: list[Cell]
    failed: dict[Cell, str]
    left: list[Standing]
    checks: list[Verdict] = field(default_factory=list)


def rebuild(
    instance: dg.DagsterInstance,
    location: dg.Definitions,
    *,
    executor: Executor | None = None,
    before: Callable[[Sequence[Standing]], None] = lambda batch: None,
    serve: Callable[[], None] = lambda: None,
) -> Rebuilt:
    """Make everything stale again, upstream first, until nothing is left but what failed and what stands behind it.

    Args:
        instance: what was made, and where it is made again.
        location: what is deployed.
        executor: how a batch is executed; in this process by default.
        before: called with each batch, before it is made.
        serve: called before the first batch if the graph server is needed; what that does not hold is loaded again too.

    """
    graph = location.resolve_asset_graph()
    executor = executor or InProcess(instance, location.resolve_implicit_global_asset_job_def())
    outcome = Rebuilt([], {}, [])
    if needs_graph(standing.key for standing in survey(instance, graph) if standing.stale):
        serve()
    broken = execute_checks(executor, open_checks(verdicts(instance, graph)))
    while True:
        outdated = [s for s in survey(instance, graph, elsewhere=graph_elsewhere(instance, graph)) if s.stale]
        # each cell once: what is outdated again right after it was made would go on for ever
        tried = {*outcome.made, *outcome.failed}
        open_ = [s for s in outdated if (s.key, s.partition) not in tried]
        stopped = stopping(verdicts(instance, graph))
        batch = _next_batch(open_, graph, {key for key, _ in outcome.failed} | stopped.keys())
        if not batch:
            outcome.left = open_
            made: set[dg.AssetKey | None] = {key for key, _ in outcome.made}
            broken += execute_checks(executor, last_checks(verdicts(instance, graph), bool(made)))
            found = [v for v in verdicts(instance, graph) if v.failed and (v.error or v.key.asset_key in made)]
            outcome.checks = [*found, *broken]
            return outcome
        before(batch)
        result = executor.make(batch)
        outcome.made += [(s.key, s.partition) for s in batch if s.key in result.made]
        outcome.failed |= {(s.key, s.partition): result.why(s.key) for s in batch if s.key not in result.made}


def _next_batch(outdated: Sequence[Standing], graph: BaseAssetGraph, failed: Collection[dg.AssetKey]) -> list[Standing]:
    """What has nothing outdated or failed before it: all unpartitioned assets together, else all of one partition key."""
    waits = {s.key for s in outdated} | set(failed)
    ready = [s for s in outdated if not ancestors(graph, s.key) & waits]
    whole = [s for s in ready if s.partition is None]
    return whole or [s for s in ready if s.partition == ready[0].partition]


def open_checks(found: Sequence[Verdict]) -> set[dg.AssetCheckKey]:
    """What to execute before anything is made, so that nothing follows what is wrong, and no mistake that was taken back
    stops anything: blocking checks that were not executed since their asset was made, and what failed.
    """
    return {
        v.key
        for v in found
        if (v.blocking and v.passed is None)
        or (v.failed and v.key.name not in (*WHOLE_ASSET, RAW_FILES_AS_PINNED))  # the last may have failed at the URL
    }


def last_checks(found: Sequence[Verdict], made: bool) -> set[dg.AssetCheckKey]:
    """What to execute after everything was made: what was not executed since, what found a partition wrong that may have been
    mended, and whether stored partitions are in sync.

    made: whether anything was made, which may have outdated partitions of any asset.
    """
    return {
        v.key
        for v in found
        if v.passed is None or (v.failed and v.key.name in WHOLE_ASSET) or (made and v.key.name == SCHEMA_IN_SYNC)
    }


def execute_checks(executor: Executor, checks: Collection[dg.AssetCheckKey]) -> list[Verdict]:
    """One run of checks alone; none where there are none. What they find is stored: see `verdicts`.

    Returns those that found nothing, because the check itself could not be executed.
    """
    if not checks:
        return []
    done = executor.check(checks)
    return [
        Verdict(check, False, error=True, why=f"It could not be executed: {done.why(check)}")
        for check in sorted(set(checks) - done.checked)
    ]
