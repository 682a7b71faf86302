"""The main job, behind `make run`: all that is missing or outdated of the study, then the open checks and the scoreboard.

Belongs here: which cells are made in which run, what stops them, and what a person reads of it. Does not: executing a run
(orchestration/engine.py), what is outdated (staleness).
"""

import contextlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torchcell_assets.cli import preflight
from torchcell_assets.cli.console import WIDE, console, output, say
from torchcell_assets.config import layout, study
from torchcell_assets.errors import TorchcellError, chain
from torchcell_assets.sources.progress import text_column

if TYPE_CHECKING:
    import dagster as dg

    from torchcell_assets.staleness import Outdated
    from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
    from torchcell_assets.staleness.verdicts import Verdict


@dataclass
class Wave:
    """One execution of the main job: where it runs, and what has come of it.

    tags: of every run. made: how many cells. told: checks whose failure a person has read. left: cells that were not made, and
    the failed check because of which.
    """

    instance: "dg.DagsterInstance"
    location: "dg.Definitions"
    servers: contextlib.ExitStack
    tags: Mapping[str, str]
    made: int = 0
    told: "set[Verdict]" = field(default_factory=set)
    left: "dict[Outdated, Verdict]" = field(default_factory=dict)

    @property
    def graph(self) -> "BaseAssetGraph":
        """All assets and their edges."""
        return self.location.resolve_asset_graph()


def run() -> int:
    """Make what is missing or outdated, and print the scoreboard.

    Returns: 1 if a check has failed that is no mere warning, and 0 else.
    """
    started = time.monotonic()
    import dagster as dg

    from torchcell_assets.definitions import defs
    from torchcell_assets.orchestration import jobs, run_liveness

    current = study.current()
    preflight.require_raw_files(current)
    console.print(
        f"{current.title} (study {current.name}, data root {study.data_root()})", style="bold", soft_wrap=True
    )
    with dg.DagsterInstance.get() as instance, contextlib.ExitStack() as servers, run_liveness.alive() as tags:
        run_liveness.close(instance)
        wave = Wave(instance, defs, servers, tags)
        failed = execute_wave(wave, jobs.FLOW)
    seconds = time.monotonic() - started
    say(f"{wave.made} made in {seconds:.0f} s." if wave.made else _nothing_made(failed, seconds))
    for verdict in dict.fromkeys(wave.left.values()):
        cells = ", ".join(item.cell for item, because in wave.left.items() if because == verdict)
        say(
            f"Not made, because {verdict.key.asset_key.to_user_string()} failed {verdict.key.name}: {cells}.",
            "bold red",
        )
    _show_scoreboard()
    return 1 if failed else 0


def _nothing_made(failed: "Sequence[Verdict]", seconds: float) -> str:
    what = "Nothing was made" if failed else "Everything is in sync; nothing was made"
    return f"{what} ({seconds:.0f} s)."


def execute_wave(wave: Wave, jobs: Sequence[str]) -> "list[Verdict]":
    """Make what is missing or outdated of these jobs, then execute the checks that were not; returns those that failed.

    What stands behind an asset whose blocking check failed is not made. Warnings are told and not returned.
    """
    from torchcell_assets.orchestration import engine
    from torchcell_assets.staleness.verdicts import verdicts

    broken = _check(wave, engine.open_checks(verdicts(wave.instance, wave.graph)))
    for job in jobs:
        _make(wave, job)
    broken += _check(wave, engine.last_checks(verdicts(wave.instance, wave.graph), wave.made > 0))
    return [*(verdict for verdict in verdicts(wave.instance, wave.graph) if verdict.error), *broken]


def _check(wave: Wave, checks: "Collection[dg.AssetCheckKey]") -> "list[Verdict]":
    """Execute checks alone and tell which failed; returns those that could not be executed."""
    from torchcell_assets.orchestration import engine

    job = wave.location.resolve_implicit_global_asset_job_def()
    broken = engine.execute_checks(job, wave.instance, checks, tags=wave.tags)
    _tell(wave, broken)
    return broken


def _tell(wave: Wave, broken: "Iterable[Verdict]" = ()) -> None:
    """Tell of the checks that fail now, each failure once."""
    from torchcell_assets.staleness.verdicts import verdicts

    for verdict in (*verdicts(wave.instance, wave.graph), *broken):
        if verdict.failed and verdict not in wave.told:
            wave.told.add(verdict)
            say(str(verdict), "bold red" if verdict.error else "yellow")


def _make(wave: Wave, job: str) -> None:
    """Execute `job` for what is missing or outdated of its assets, partition by partition."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    from torchcell_assets.orchestration import engine

    definition = wave.location.resolve_job_def(job)
    wanted = _wanted(wave.graph, definition.asset_layer.executable_asset_keys)
    done: set[tuple] = set()
    if job == "graph":
        _serve_ahead(wave)
    todo = _todo(wave, wanted, done)
    if not todo:
        return
    if engine.needs_graph(item.key for item in todo):
        engine.serve_graph(wave.servers)
    columns = (
        text_column("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        text_column("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(job, total=len(todo), now="")
        while todo:
            batch = _first_batch(todo)
            progress.update(task, now=batch[0].partition or "")
            done |= _execute(definition, wave.instance, batch, wave.tags)
            _tell(wave)
            progress.update(task, completed=len(done))
            # what was just made may have outdated what follows it in the same job
            todo = _todo(wave, wanted, done)
            progress.update(task, total=len(done) + len(todo))
        progress.update(task, now="")
    wave.made += len(done)


def _serve_ahead(wave: Wave) -> None:
    """Serve the graph if any later job needs it, so that what the server lacks is loaded in the job of the graph."""
    from torchcell_assets.orchestration import engine
    from torchcell_assets.staleness import outdated

    ahead = outdated(wave.instance, wave.graph, _wanted(wave.graph, wave.graph.materializable_asset_keys))
    if engine.needs_graph(item.key for item in ahead):
        engine.serve_graph(wave.servers)


def _todo(wave: Wave, wanted: "dict[dg.AssetKey, Sequence[str | None]]", done: Collection[tuple]) -> "list[Outdated]":
    """What is missing or outdated, was not made just now, and stands behind no failed blocking check; that is noted."""
    from torchcell_assets.orchestration import engine
    from torchcell_assets.staleness import outdated
    from torchcell_assets.staleness.verdicts import stopping, verdicts

    graph = any(layout.step_of(key) == "graph" for key in wanted)
    elsewhere = engine.graph_elsewhere(wave.instance, wave.graph) if graph else None
    stale = outdated(wave.instance, wave.graph, wanted, elsewhere=elsewhere)
    found = [item for item in stale if (item.key, item.partition) not in done]
    stopped = stopping(verdicts(wave.instance, wave.graph))
    todo = []
    for item in found:
        because = [verdict for key, verdict in stopped.items() if key in engine.ancestors(wave.graph, item.key)]
        if because:
            wave.left[item] = because[0]
        else:
            todo.append(item)
    return todo


def _wanted(graph: "BaseAssetGraph", keys: "Iterable[dg.AssetKey]") -> "dict[dg.AssetKey, Sequence[str | None]]":
    """Asset -> partitions that the main job makes: the sizes of the study's `run_sizes`, all representations."""
    from torchcell_assets.staleness.upstream import partitions_of

    sizes = set(study.current().run_sizes)
    others = set(study.current().sizes) - sizes
    return {
        key: [p for p in partitions_of(graph, key) if p is None or not (set(p.split("|")) & others)] for key in keys
    }


def _first_batch(todo: "list[Outdated]") -> "list[Outdated]":
    """What can be made in one run: all unpartitioned assets together, else all assets of the first partition."""
    whole = [item for item in todo if item.partition is None]
    return whole or [item for item in todo if item.partition == todo[0].partition]


def _execute(
    job: "dg.JobDefinition", instance: "dg.DagsterInstance", batch: "list[Outdated]", tags: Mapping[str, str]
) -> "set[tuple[dg.AssetKey, str | None]]":
    """One run; returns what it made. A refusal inside it comes out as itself, any other error as it is.

    A blocking check that fails ends the run, and is no error here: what the run has not reached is made in another.
    """
    import dagster as dg

    from torchcell_assets.orchestration import engine
    from torchcell_assets.staleness.dagster_internals import DagsterAssetCheckFailedError, make_new_run_id

    run = make_new_run_id()
    try:
        engine.execute(job, instance, batch, tags=tags, run_id=run)
    except dg.DagsterExecutionInterruptedError:  # what Dagster makes of a SIGTERM
        raise KeyboardInterrupt from None
    except Exception as error:
        behind = list(chain(error))
        refused = next((one for one in behind if isinstance(one, TorchcellError)), None)
        if refused is not None:
            raise refused from None
        if not any(isinstance(one, DagsterAssetCheckFailedError) for one in behind):
            made = _made(instance, run)
            cells = [item.cell for item in batch if item.key not in made] or [item.cell for item in batch]
            error.add_note(f"It happened while {', '.join(cells)} was made or checked.")
            raise
    made = _made(instance, run)
    return {(item.key, item.partition) for item in batch if item.key in made}


def _made(instance: "dg.DagsterInstance", run: str) -> "set[dg.AssetKey]":
    """The assets that a run has made."""
    import dagster as dg

    entries = instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {entry.dagster_event.asset_key for entry in entries if entry.dagster_event and entry.dagster_event.asset_key}


def _show_scoreboard() -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    from torchcell_assets.steps.trained import scoreboard

    root = study.data_root() / "trained"
    if not (root / "scoreboard.parquet").is_file():
        return
    out = output()

    def columns() -> list[Column]:
        return [Column(name, no_wrap=out.width >= WIDE) for name in scoreboard.SUMMARY_COLUMNS]

    best = "Best by cross-validation, and every baseline, on the test set, with 95 % bootstrap intervals (*: edge of the grid)"
    targets = study.current().targets
    for target in targets:
        title = best if len(targets) == 1 else f"{target}: {best}"
        table = Table(*columns(), title=title, box=SIMPLE_HEAD)
        for row in scoreboard.summary(root / "scoreboard.parquet", rows=12, target=target):
            table.add_row(*row)
        out.print(table)
    for cell, why in scoreboard.left_out(root / "scoreboard.parquet").items():
        print(f"left out  {cell}: outdated, {why}")
    print(f"figure    {root / 'scoreboard.png'}\ntable     {root / 'scoreboard.parquet'}\nbrowse    make ui")
