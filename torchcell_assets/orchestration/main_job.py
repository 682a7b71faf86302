"""The main job: all that is missing or outdated of a study, job by job, and the checks that are open.

Belongs here: which cells are made in which run, what stops them. Does not: what a person sees of it (cli/run.py), how a run is
executed (execution.py), what is outdated (staleness).
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.errors import TorchcellError, chain
from torchcell_assets.orchestration.engine import execute_checks, last_checks, open_checks
from torchcell_assets.orchestration.execution import InProcess, executed
from torchcell_assets.orchestration.graph_server import graph_elsewhere, needs_graph, serve_graph
from torchcell_assets.orchestration.plan import ancestors
from torchcell_assets.staleness import Outdated, outdated
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph, DagsterAssetCheckFailedError, make_new_run_id
from torchcell_assets.staleness.upstream import partitions_of
from torchcell_assets.staleness.verdicts import Verdict, stopping, verdicts


@dataclass(frozen=True)
class Job:
    """How far a job is, for who watches. now: the partition that is being made; empty for what has none."""

    name: str
    done: int
    total: int
    now: str = ""


@dataclass
class Wave:
    """One execution of the main job: where it runs, who is told, and what has come of it.

    tags: of every run. fails: called with each check that fails, once. moves: called whenever a job gets further. made: how many
    cells. told: checks whose failure was told. left: cells that were not made, and the failed check because of which.
    """

    instance: dg.DagsterInstance
    location: dg.Definitions
    study: Study
    servers: contextlib.ExitStack
    tags: Mapping[str, str]
    fails: Callable[[Verdict], None] = lambda verdict: None
    moves: Callable[[Job], None] = lambda job: None
    made: int = 0
    told: set[Verdict] = field(default_factory=set)
    left: dict[Outdated, Verdict] = field(default_factory=dict)

    @property
    def graph(self) -> BaseAssetGraph:
        """All assets and their edges."""
        return self.location.resolve_asset_graph()

    def verdicts(self) -> Sequence[Verdict]:
        """What the checks say now."""
        return verdicts(self.instance, self.graph)


def execute_wave(wave: Wave, jobs: Sequence[str]) -> list[Verdict]:
    """Make what is missing or outdated of these jobs, then execute the checks that were not; returns those that failed.

    What stands behind an asset whose blocking check failed is not made. Warnings are told and not returned.
    """
    broken = _check(wave, open_checks(wave.verdicts()))
    for job in jobs:
        _make(wave, job)
    broken += _check(wave, last_checks(wave.verdicts(), wave.made > 0))
    return [*(verdict for verdict in wave.verdicts() if verdict.error), *broken]


def _check(wave: Wave, checks: Collection[dg.AssetCheckKey]) -> list[Verdict]:
    """Execute checks alone and tell which failed; returns those that could not be executed."""
    job = wave.location.resolve_implicit_global_asset_job_def()
    broken = execute_checks(InProcess(wave.instance, job, wave.tags), checks)
    _tell(wave, broken)
    return broken


def _tell(wave: Wave, broken: Iterable[Verdict] = ()) -> None:
    """Tell of the checks that fail now, each failure once."""
    for verdict in (*wave.verdicts(), *broken):
        if verdict.failed and verdict not in wave.told:
            wave.told.add(verdict)
            wave.fails(verdict)


def _make(wave: Wave, job: str) -> None:
    """Execute `job` for what is missing or outdated of its assets, partition by partition."""
    definition = wave.location.resolve_job_def(job)
    wanted = _wanted(wave, definition.asset_layer.executable_asset_keys)
    done: set[tuple] = set()
    if job == "graph":
        _serve_ahead(wave)
    todo = _todo(wave, wanted, done)
    if needs_graph(item.key for item in todo):
        serve_graph(wave.servers)
    while todo:
        batch = _first_batch(todo)
        wave.moves(Job(job, len(done), len(done) + len(todo), batch[0].partition or ""))
        done |= _execute(InProcess(wave.instance, definition, wave.tags), batch)
        _tell(wave)
        # what was just made may have outdated what follows it in the same job
        todo = _todo(wave, wanted, done)
        wave.moves(Job(job, len(done), len(done) + len(todo)))
    wave.made += len(done)


def _serve_ahead(wave: Wave) -> None:
    """Serve the graph if any later job needs it, so that what the server lacks is loaded in the job of the graph."""
    ahead = outdated(wave.instance, wave.graph, _wanted(wave, wave.graph.materializable_asset_keys))
    if needs_graph(item.key for item in ahead):
        serve_graph(wave.servers)


def _todo(wave: Wave, wanted: dict[dg.AssetKey, Sequence[str | None]], done: Collection[tuple]) -> list[Outdated]:
    """What is missing or outdated, was not made just now, and stands behind no failed blocking check; that is noted."""
    graph = any(layout.step_of(key) == "graph" for key in wanted)
    elsewhere = graph_elsewhere(wave.instance, wave.graph) if graph else None
    stale = outdated(wave.instance, wave.graph, wanted, elsewhere=elsewhere)
    found = [item for item in stale if (item.key, item.partition) not in done]
    stopped = stopping(wave.verdicts())
    todo = []
    for item in found:
        because = [verdict for key, verdict in stopped.items() if key in ancestors(wave.graph, item.key)]
        if because:
            wave.left[item] = because[0]
        else:
            todo.append(item)
    return todo


def _wanted(wave: Wave, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, Sequence[str | None]]:
    """Asset -> partitions that the main job makes: the sizes of the study's `run_sizes`, all representations."""
    others = set(wave.study.sizes) - set(wave.study.run_sizes)
    return {
        key: [p for p in partitions_of(wave.graph, key) if p is None or not (set(p.split("|")) & others)]
        for key in keys
    }


def _first_batch(todo: list[Outdated]) -> list[Outdated]:
    """What can be made in one run: all unpartitioned assets together, else all assets of the first partition."""
    whole = [item for item in todo if item.partition is None]
    return whole or [item for item in todo if item.partition == todo[0].partition]


def _execute(executor: InProcess, batch: list[Outdated]) -> set[tuple[dg.AssetKey, str | None]]:
    """One run; returns what it made. A refusal inside it comes out as itself, any other error as it is.

    A blocking check that fails ends the run, and is no error here: what the run has not reached is made in another.
    """
    run = make_new_run_id()
    try:
        executor.execute(batch, run, raise_on_error=True)
    except dg.DagsterExecutionInterruptedError:  # what Dagster makes of a SIGTERM
        raise KeyboardInterrupt from None
    except Exception as error:
        behind = list(chain(error))
        refused = next((one for one in behind if isinstance(one, TorchcellError)), None)
        if refused is not None:
            raise refused from None
        if not any(isinstance(one, DagsterAssetCheckFailedError) for one in behind):
            made = executed(executor.instance, run).made
            cells = [item.cell for item in batch if item.key not in made] or [item.cell for item in batch]
            error.add_note(f"It happened while {', '.join(cells)} was made or checked.")
            raise
    made = executed(executor.instance, run).made
    return {(item.key, item.partition) for item in batch if item.key in made}
