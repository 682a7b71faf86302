"""Making again what is outdated: the plan of a rebuild, and its execution batch by batch, upstream first.

Belongs here: what the command line and the nightly job share. Does not: which standing an asset has (staleness), how it is shown
(cli).

Only what is stored is made again; what was never made is started by people. After each batch the question is put anew, so a
result that did not change stops the wave.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.staleness import Elsewhere, Standing, State, survey
from torchcell_assets.staleness.checks import NO_NETWORK, RAW_FILES_AS_PINNED, SCHEMA_IN_SYNC, WHOLE_ASSET
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.history import WAS_OUTDATED
from torchcell_assets.staleness.verdicts import Verdict, stopping, verdicts

if TYPE_CHECKING:
    from torchcell_assets.staleness.dagster_internals import ExecuteInProcessResult
    from torchcell_assets.steps.graph.bundle import Manifest

Cell = tuple[dg.AssetKey, str | None]
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Planned:
    """One asset of a plan: its outdated partitions, why, and how long they took last time.

    may_follow: it is in sync, and something before it is outdated: made again only if that gets other data.
    seconds: sum over the partitions; None where no last run is known.
    """

    key: dg.AssetKey
    partitions: tuple[str | None, ...]
    why: str
    seconds: float | None
    may_follow: bool = False


def plan(standings: Sequence[Standing], graph: BaseAssetGraph) -> list[Planned]:
    """What a rebuild makes, in order, and then what may follow it."""
    outdated = _by_asset(s for s in standings if s.stale)
    kept = _by_asset(s for s in standings if s.state in (State.IN_SYNC, State.FAILED))
    sure = [_planned(key, found, summary(found)) for key, found in outdated.items()]
    after = [key for key in kept if ancestors(graph, key) & outdated.keys()]
    return [*sure, *(_planned(key, kept[key], "", may_follow=True) for key in after)]


def summary(standings: Sequence[Standing]) -> str:
    """The reasons of many partitions in one sentence, the commonest first."""
    ordered = Counter(standing.why for standing in standings).most_common()
    if len(ordered) == 1:
        return ordered[0][0]
    rest = sum(count for _, count in ordered[2:])
    told = [f"{count} x {why or 'no reason'}" for why, count in ordered[:2]]
    return "; ".join([*told, f"{rest} x other reasons"] if rest else told)


def _by_asset(standings: Iterable[Standing]) -> dict[dg.AssetKey, list[Standing]]:
    found: dict[dg.AssetKey, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.key, []).append(standing)
    return found


def _planned(key: dg.AssetKey, found: Sequence[Standing], why: str, may_follow: bool = False) -> Planned:
    known = [standing.seconds for standing in found if standing.seconds is not None]
    seconds = sum(known) / len(known) * len(found) if known else None
    return Planned(key, tuple(standing.partition for standing in found), why, seconds, may_follow)


def ancestors(graph: BaseAssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    """All assets that `key` depends on, directly or not."""
    found: set[dg.AssetKey] = set()
    todo = [key]
    while todo:
        parents = graph.get(todo.pop()).parent_keys - found
        found |= parents
        todo += parents
    return found


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
    tags: Mapping[str, str] | None = None,
    before: Callable[[Sequence[Standing]], None] = lambda batch: None,
    serve: Callable[[], None] = lambda: None,
) -> Rebuilt:
    """Make everything stale again, upstream first, until nothing is left but what failed and what stands behind it.

    Args:
        instance: what was made, and where it is made again.
        location: what is deployed.
        tags: of every run.
        before: called with each batch, before it is made.
        serve: called before the first batch if the graph server is needed; what that does not hold is loaded again too.

    """
    graph = location.resolve_asset_graph()
    job = location.resolve_implicit_global_asset_job_def()
    outcome = Rebuilt([], {}, [])
    if needs_graph(standing.key for standing in survey(instance, graph) if standing.stale):
        serve()
    broken = execute_checks(job, instance, open_checks(verdicts(instance, graph)), tags=tags or {})
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
            broken += execute_checks(job, instance, last_checks(verdicts(instance, graph), bool(made)), tags=tags or {})
            found = [v for v in verdicts(instance, graph) if v.failed and (v.error or v.key.asset_key in made)]
            outcome.checks = [*found, *broken]
            return outcome
        before(batch)
        result = execute(job, instance, batch, tags=tags or {}, raise_on_error=False)
        made = {event.asset_key for event in result.get_asset_materialization_events()}
        outcome.made += [(s.key, s.partition) for s in batch if s.key in made]
        outcome.failed |= {(s.key, s.partition): _message(result, s.key) for s in batch if s.key not in made}


def _next_batch(outdated: Sequence[Standing], graph: BaseAssetGraph, failed: Collection[dg.AssetKey]) -> list[Standing]:
    """What has nothing outdated or failed before it: all unpartitioned assets together, else all of one partition key."""
    waits = {s.key for s in outdated} | set(failed)
    ready = [s for s in outdated if not ancestors(graph, s.key) & waits]
    whole = [s for s in ready if s.partition is None]
    return whole or [s for s in ready if s.partition == ready[0].partition]


def execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    batch: Sequence[Standing],
    *,
    tags: Mapping[str, str],
    run_id: str | None = None,
    raise_on_error: bool = True,
) -> "ExecuteInProcessResult":
    """One run, in this process, of missing or outdated assets that share a partition key, with their checks.

    tags: of the run; those that `run_liveness.alive` gives. run_id: a new one by default.
    """
    keys = {standing.key for standing in batch}
    known = job.asset_layer.asset_graph.asset_check_keys
    # what looks at all partitions is asked once, at the end
    checks = {check for check in known if check.asset_key in keys and check.name not in WHOLE_ASSET}
    return job.get_subset(asset_selection=keys, asset_check_selection=checks).execute_in_process(
        instance=instance,
        partition_key=batch[0].partition,
        tags={**tags, **NO_NETWORK, WAS_OUTDATED: "true"},
        run_config=_QUIET,
        run_id=run_id,
        raise_on_error=raise_on_error,
    )


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


def execute_checks(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    checks: Collection[dg.AssetCheckKey],
    *,
    tags: Mapping[str, str],
) -> list[Verdict]:
    """One run, in this process, of checks alone; none where there are none. What they find is stored: see `verdicts`.

    Returns those that found nothing, because the check itself could not be executed.
    """
    if not checks:
        return []
    with contextlib.ExitStack() as servers:
        if any(layout.step_of(check.asset_key) == "graph" and check.name not in WHOLE_ASSET for check in checks):
            serve_graph(servers)
        result = job.get_subset(asset_selection=set(), asset_check_selection=set(checks)).execute_in_process(
            instance=instance, tags={**tags, **NO_NETWORK}, run_config=_QUIET, raise_on_error=False
        )
    executed = {evaluation.asset_check_key for evaluation in result.get_asset_check_evaluations()}
    return [
        Verdict(check, False, error=True, why=f"It could not be executed: {_message(result, check)}")
        for check in sorted(set(checks) - executed)
    ]


def _message(result: "ExecuteInProcessResult", key: dg.AssetKey | dg.AssetCheckKey) -> str:
    """The sentence with which the step of an asset or of a check failed: the innermost cause."""
    asset = key.asset_key if isinstance(key, dg.AssetCheckKey) else key
    step = asset.to_python_identifier() + (f"_{key.name}" if isinstance(key, dg.AssetCheckKey) else "")
    for event in result.get_step_failure_events():
        if event.step_key == step:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return error.message.split(": ", 1)[-1].strip() if error is not None else "failed"
    return "was not reached"


def rebuild_graph(instance: dg.DagsterInstance, study: Study, tell: Callable[[str], None]) -> "list[Manifest]":
    """Import all current bundles into a new local graph and let it serve; `tell` gets a line for each stage."""
    from torchcell_assets.config.resources import DataRoot, GraphStore
    from torchcell_assets.steps.graph import offline
    from torchcell_assets.steps.graph.assets import current_bundles

    root = DataRoot()
    store = GraphStore(root=root)
    bundles = partial(
        current_bundles, instance, study, root
    )  # asked once nobody else loads: a load replaces its bundle
    return offline.rebuild(store.own_home(), bundles, keep=store.previous_stores, tell=tell)


def graph_elsewhere(
    instance: dg.DagsterInstance, graph: BaseAssetGraph, tell: Callable[[str], None] = lambda why: None
) -> Elsewhere:
    """What `graph/*` has materialized and the graph server does not serve.

    Of a local server that does not run nothing is known but its folder, which the survey looks at.

    Args:
        instance: what was made.
        graph: what is deployed.
        tell: gets the reason why a server that NEO4J_URI names could not be asked; nothing is then said of the graph.

    """
    from torchcell_assets.config.resources import DataRoot, GraphStore, GraphUnreachable
    from torchcell_assets.neo4j_local import local_server
    from torchcell_assets.steps.graph import read

    made = _builds(instance, graph)
    store = GraphStore(root=DataRoot())
    if not made or (store.local_home and local_server.connection(store.local_home) is None):
        return {}
    try:
        with store.driver() as driver:
            serves = read.current_builds(driver, store.database_name, [layout.name_of(key) for key in made])
            genes = read.count_genes(driver, store.database_name)
    except GraphUnreachable as error:
        tell(str(error))
        return {}
    found = {key: _not_served(layout.name_of(key), *said, serves, genes) for key, said in made.items()}
    return {key: why for key, why in found.items() if why}


def _builds(instance: dg.DagsterInstance, graph: BaseAssetGraph) -> dict[dg.AssetKey, tuple[str, int]]:
    """Asset of the graph -> the build that its last materialization made, and how many rows that has."""
    found = {}
    for record in instance.get_asset_records(
        [k for k in graph.materializable_asset_keys if layout.step_of(k) == "graph"]
    ):
        event = record.asset_entry.last_materialization_record
        said = event.asset_materialization.metadata if event and event.asset_materialization else {}
        if "build" in said:
            rows: Any = said["dagster/row_count"].value
            found[record.asset_entry.asset_key] = (str(said["build"].value), rows)
    return found


def _not_served(
    name: str, build: str, rows: int, serves: Mapping[str, tuple[str, int]], genes: int
) -> tuple[State, str] | None:
    if name == "genome":  # it has no build: its genes are there, or are not
        return None if genes >= rows else (State.MISSING, f"missing: the graph serves {genes:,} of {rows:,} genes")
    if name not in serves:
        return State.MISSING, f"missing: the graph serves no build of {name}"
    served, _ = serves[name]
    return (
        None if served == build else (State.CHANGED, f"the graph serves build {served}, and {build} was materialized")
    )


def needs_graph(keys: Iterable[dg.AssetKey]) -> bool:
    """Whether making these assets needs the graph server."""
    return any(
        layout.step_of(key) == "graph" or (layout.step_of(key), layout.name_of(key)) == ("merged", "fitness")
        for key in keys
    )


def serve_graph(servers: contextlib.ExitStack) -> None:
    """The local Neo4j for as long as `servers` lasts, over all runs, unless NEO4J_URI names a server or one is already up."""
    from torchcell_assets.config.resources import DataRoot, GraphStore

    servers.enter_context(GraphStore(root=DataRoot()).serving())
