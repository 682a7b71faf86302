"""The command line: `torchcell-assets`, `python -m torchcell_assets`, and what stands behind `make run` and `make ui`.

Belongs here: one subcommand with its own options for each thing that a person asks for, and the sentence where it is refused.
Runs are executed in this process, over the jobs of the code location, so that the UI shows the same runs.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from torchcell_assets import choosing, dagster_home, study, ui, upkeep
from torchcell_assets.errors import TorchcellError
from torchcell_assets.storage import refusal
from torchcell_assets.terminal import WIDE, console, output

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

    from torchcell_assets.staleness import Outdated


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is printed as the one sentence that it is."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        choosing.choose_study()
        if sentence := dagster_home.prepare():
            console.print(sentence, style="yellow", markup=False, soft_wrap=True)
        return command(**options)
    except TorchcellError as error:
        console.print(f"[bold red]{error}[/]", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except Exception as error:
        if why := refusal(error):  # where it is not our own file that cannot be written: Dagster's, Neo4j's
            console.print(f"[bold red]{study.data_root()} cannot be written: {why}.[/]", soft_wrap=True)
            return 1
        raise


def _parser() -> argparse.ArgumentParser:
    """`command` of what it parses is the function behind a subcommand; the rest are the arguments of that function."""
    parser = argparse.ArgumentParser(
        prog="torchcell-assets",
        description="From published yeast gene-deletion screens to a graph, merged tables, gene embeddings and models.",
        epilog="The data root is `data` in this folder, or what TORCHCELL_DATA names.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Callable[..., int], does: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
        added.set_defaults(command=command)
        return added

    add("run", _run, "make what is missing or outdated, then print the scoreboard")
    add("status", upkeep.status, "say what is missing, outdated or failed, and why")
    rebuild = add("rebuild", upkeep.rebuild, "show what is outdated, ask, and make it again, upstream first")
    rebuild.add_argument("--yes", action="store_true", help="do not ask")
    add("graph-rebuild", upkeep.rebuild_graph, "all bundles into a new local graph, which then takes over")
    add("graph-back", upkeep.roll_back_graph, "let the graph before the last rebuild serve again")
    serve = add("ui", ui.serve, "serve the Dagster UI and the local Neo4j over the same data root")
    serve.add_argument("--port", type=int, help="port of the UI (default: 3000, or the next free one)")
    return parser


def _run() -> int:
    started = time.monotonic()
    import dagster as dg

    from torchcell_assets import automation, killed_runs
    from torchcell_assets.definitions import defs

    current = study.current()
    choosing.require_raw_files(current)
    console.print(f"[bold]{current.title}[/] (study {current.name}, data root {study.data_root()})", soft_wrap=True)
    made = 0
    with dg.DagsterInstance.get() as instance, contextlib.ExitStack() as servers, killed_runs.alive() as tags:
        killed_runs.close(instance)
        for job in automation.FLOW:
            made += _make(instance, defs, job, servers, tags)
    seconds = time.monotonic() - started
    console.print(
        f"{made} made in {seconds:.0f} s." if made else f"Everything is in sync; nothing was made ({seconds:.0f} s)."
    )
    _show_scoreboard()
    return 0


def _make(
    instance: "dg.DagsterInstance",
    defs: "dg.Definitions",
    job: str,
    servers: contextlib.ExitStack,
    tags: Mapping[str, str],
) -> int:
    """Execute `job` for what is missing or outdated of its assets, partition by partition; returns how many."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from torchcell_assets import making
    from torchcell_assets.staleness import outdated

    definition = defs.resolve_job_def(job)
    graph = defs.resolve_asset_graph()
    wanted = _wanted(graph, definition.asset_layer.executable_asset_keys)
    todo = outdated(instance, graph, wanted)
    if not todo:
        return 0
    if making.needs_graph(item.key for item in todo):
        making.serve_graph(servers)
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(job, total=len(todo), now="")
        done: set[tuple] = set()
        while todo:
            batch = _first_batch(todo)
            progress.update(task, now=batch[0].partition or "")
            _execute(definition, instance, batch, tags)
            done |= {(item.key, item.partition) for item in batch}
            progress.update(task, advance=len(batch))
            # what was just made may have outdated what follows it in the same job
            todo = [item for item in outdated(instance, graph, wanted) if (item.key, item.partition) not in done]
            progress.update(task, total=len(done) + len(todo))
        progress.update(task, now="")
    return len(done)


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
) -> None:
    """One run; a refusal inside it comes out as itself."""
    import dagster as dg

    from torchcell_assets import making

    try:
        result = making.execute(job, instance, batch, tags=tags)
    except dg.DagsterExecutionInterruptedError:  # what Dagster makes of a SIGTERM
        raise KeyboardInterrupt from None
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, TorchcellError):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            told = f"{check.asset_check_key.to_user_string()} failed. {check.description or ''}"
            console.print(f"[yellow]{told}[/]", soft_wrap=True)


def _show_scoreboard() -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    from torchcell_assets.steps.trained import scoreboard

    root = study.data_root() / "trained"
    if not (root / "scoreboard.parquet").is_file():
        return
    out = output()
    columns = (Column(name, no_wrap=out.width >= WIDE) for name in scoreboard.SUMMARY_COLUMNS)
    title = "Best by cross-validation, and every baseline; test with its 95 % bootstrap interval"
    table = Table(*columns, title=title, box=SIMPLE_HEAD)
    for row in scoreboard.summary(root / "scoreboard.parquet", rows=12):
        table.add_row(*row)
    out.print(table)
    for cell, why in scoreboard.left_out(root / "scoreboard.parquet").items():
        print(f"left out  {cell}: outdated, {why}")
    print(f"figure    {root / 'scoreboard.png'}\ntable     {root / 'scoreboard.parquet'}\nbrowse    make ui")


if __name__ == "__main__":
    sys.exit(main())
