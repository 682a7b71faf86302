"""What each command wants of the engine: the main job, and making again what is outdated.

Belongs here: which cells, in which stages, whether a failure ends all. Does not: the loop that both share (engine.py), what a
person sees of it (cli).
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import dagster as dg

from torchcell_assets.config.study import Study
from torchcell_assets.orchestration.engine import Outcome, Progress, Stage, Wave, execute
from torchcell_assets.orchestration.execution import Executor, InProcess
from torchcell_assets.orchestration.graph_server import serve_graph
from torchcell_assets.staleness import Standing
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.upstream import partitions_of
from torchcell_assets.staleness.verdicts import Verdict


def main_job(
    instance: dg.DagsterInstance,
    location: dg.Definitions,
    study: Study,
    jobs: Sequence[str],
    *,
    servers: contextlib.ExitStack,
    tags: Mapping[str, str],
    moves: Callable[[Progress], None] = lambda progress: None,
    fails: Callable[[Verdict], None] = lambda verdict: None,
) -> Outcome:
    """Make what is missing or outdated, job by job, in this process; an asset that fails ends it with its own error.

    Args:
        instance: what was made.
        location: what is deployed.
        study: of which sizes samples are taken, which vectors are made, and models trained on both: `made_by_the_main_job`.
        jobs: by name, in their order.
        servers: the graph server runs as long, if it is needed.
        tags: of every run.
        moves: called whenever a job gets further.
        fails: called with each check that fails, once.

    """
    graph = location.resolve_asset_graph()
    others = {*study.sizes, *study.representations} - set(study.made_by_the_main_job)
    stages = []
    for name in jobs:
        job = location.resolve_job_def(name)
        wanted = _partitions(graph, job.asset_layer.executable_asset_keys, without=others)
        stages.append(Stage(name, wanted, InProcess(instance, job, tags, raises=True)))
    checker = InProcess(instance, location.resolve_implicit_global_asset_job_def(), tags)
    serve = partial(serve_graph, servers)
    return execute(Wave(instance, graph, stages, checker, never_made=True, serve=serve, moves=moves, fails=fails))


def these(
    instance: dg.DagsterInstance,
    location: dg.Definitions,
    wanted: Mapping[dg.AssetKey, Sequence[str | None]],
    *,
    tags: Mapping[str, str],
    fails: Callable[[Verdict], None] = lambda verdict: None,
) -> Outcome:
    """Make what is missing or outdated of some partitions, in this process; an asset that fails ends it with its own error.

    Args:
        instance: what was made.
        location: what is deployed.
        wanted: asset -> its partitions; none of them needs the graph server.
        tags: of every run.
        fails: called with each check that fails, once.

    """
    executor = InProcess(instance, location.resolve_implicit_global_asset_job_def(), tags, raises=True)
    stage = Stage("representations", wanted, executor)
    return execute(Wave(instance, location.resolve_asset_graph(), [stage], executor, never_made=True, fails=fails))


def rebuild(
    instance: dg.DagsterInstance,
    location: dg.Definitions,
    *,
    executor: Executor | None = None,
    before: Callable[[Sequence[Standing]], None] = lambda batch: None,
    serve: Callable[[], None] = lambda: None,
) -> Outcome:
    """Make again all that is stored and outdated, until nothing is left but what failed and what stands behind it.

    What was never made is started by people.

    Args:
        instance: what was made, and where it is made again.
        location: what is deployed.
        executor: how a batch is executed; in this process by default.
        before: called with each batch, before it is made.
        serve: called once if the graph server is needed; what that does not hold is loaded again too.

    """
    graph = location.resolve_asset_graph()
    executor = executor or InProcess(instance, location.resolve_implicit_global_asset_job_def())
    everything = Stage("everything", _partitions(graph, graph.materializable_asset_keys), executor)

    def moves(progress: Progress) -> None:
        if progress.batch:
            before(progress.batch)

    return execute(Wave(instance, graph, [everything], executor, never_made=False, serve=serve, moves=moves))


def _partitions(
    graph: BaseAssetGraph, keys: Iterable[dg.AssetKey], without: Iterable[str] = ()
) -> dict[dg.AssetKey, Sequence[str | None]]:
    """Asset -> its partitions. without: keys of a dimension of which no partition is wanted."""
    others = set(without)
    return {
        key: [p for p in partitions_of(graph, key) if p is None or not (set(p.split("|")) & others)] for key in keys
    }
