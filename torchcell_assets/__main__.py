"""The command line behind `make run` and `make ui`. It has no logic of its own: it chooses the study, starts what is
needed, and executes the jobs of the code location in this process, so that the UI shows the same runs.

    python -m torchcell_assets run      make what is missing or outdated, then print the scoreboard
    python -m torchcell_assets status   what is missing, outdated or failed, and why
    python -m torchcell_assets rebuild  the plan of what is outdated, and its execution
    python -m torchcell_assets graph-rebuild  all bundles into a new local graph; graph-back: the one before serves again
    python -m torchcell_assets ui       the Dagster UI and the local Neo4j over the same data root
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torchcell_assets import choosing, dagster_storage, study, upkeep
from torchcell_assets.errors import TorchcellError
from torchcell_assets.storage import alone, refusal, replacing
from torchcell_assets.terminal import WIDE, console, output

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

    from torchcell_assets.staleness import Outdated

PROJECT = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is printed as the one sentence that it is."""
    parser = argparse.ArgumentParser(
        prog="torchcell_assets", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["run", "ui", "status", "rebuild", "graph-rebuild", "graph-back"])
    parser.add_argument("--yes", action="store_true", help="do not ask (rebuild)")
    parser.add_argument("--port", type=int, default=3000, help="port of the UI (ui)")
    options = parser.parse_args(arguments)
    try:
        choosing.choose_study()
        _dagster_home()
        commands = {
            "run": _run,
            "ui": lambda: _ui(options.port),
            "status": upkeep.status,
            "rebuild": lambda: upkeep.rebuild(options.yes),
            "graph-rebuild": upkeep.rebuild_graph,
            "graph-back": upkeep.roll_back_graph,
        }
        with dagster_storage.reached():
            return commands[options.command]()
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


def _dagster_home() -> None:
    """DAGSTER_HOME in the data root, unless it is set; its dagster.yaml is the project's, and comes after its databases:
    two first commands at once would each number the tables of a new one, and no command could open it again.
    """
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(study.data_root() / "dagster")
    home = Path(os.environ["DAGSTER_HOME"])
    if not (home / "dagster.yaml").exists():
        import dagster as dg

        with alone(home), replacing(home / "dagster.yaml") as temporary:
            shutil.copy(PROJECT / "dagster.yaml", temporary)
            with dg.DagsterInstance.from_config(str(home), str(temporary.relative_to(home))):
                pass


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
    print(f"figure    {root / 'scoreboard.png'}\ntable     {root / 'scoreboard.parquet'}\nbrowse    make ui")


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Children of a shell's background job inherit an ignored SIGINT; Dagster would then stop on SIGKILL only."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ui(port: int) -> int:
    import dagster as dg

    from torchcell_assets import killed_runs
    from torchcell_assets.resources import DataRoot, GraphStore

    with contextlib.ExitStack() as servers, _default_signals():
        lock, alone = servers.enter_context(killed_runs.ui_alive())
        # a home that a person named may have other launchers than us
        own = Path(os.environ["DAGSTER_HOME"]) == study.data_root() / "dagster"
        with dg.DagsterInstance.get() as instance:
            killed_runs.close(instance, of_the_ui=alone and own)
        if graph := servers.enter_context(GraphStore(root=DataRoot()).serving(browser=True)):
            print(f"Neo4j Browser  {graph.http}  user {graph.username}  password {graph.password}", flush=True)
        print(f"Dagster        http://127.0.0.1:{port}   (Ctrl-C stops both)", flush=True)
        command = [
            sys.executable,
            "-m",
            "dagster",
            "dev",
            "-w",
            str(PROJECT / "workspace.yaml"),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        dagster = subprocess.Popen(command, cwd=PROJECT, pass_fds=() if lock is None else (lock,))
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop is a Ctrl-C
        try:
            return dagster.wait()
        except KeyboardInterrupt:
            _end(dagster)
            return 0


def _end(process: "subprocess.Popen[bytes]", seconds: float = 30.0) -> None:
    """Stop Dagster as Ctrl-C does; kill it, with all that it has started, if it still runs after `seconds` or a second Ctrl-C."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)  # whoever is orphaned cannot be found any more
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            for one in (psutil.Process(process.pid), *started):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()
            console.print(
                "Dagster did not stop by itself and was killed. What was finished is kept; runs that were going on are closed at "
                "the next start.",
                soft_wrap=True,
            )


if __name__ == "__main__":
    sys.exit(main())
