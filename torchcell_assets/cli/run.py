"""The main job, behind `make run`: what a person reads of it, and the scoreboard at its end.

Belongs here: bars, sentences, the table. Does not: what is made and in which order (orchestration/waves.py).
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from torchcell_assets.cli import preflight
from torchcell_assets.cli.command import StudyCommand
from torchcell_assets.cli.console import WIDE, console, output, say
from torchcell_assets.config import layout, study
from torchcell_assets.sources.progress import text_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from torchcell_assets.orchestration.engine import Progress
    from torchcell_assets.staleness.verdicts import Verdict


@click.command(cls=StudyCommand, help="Make what is missing or outdated, then print the scoreboard.")
def run() -> int:
    """Make what is missing or outdated, and print the scoreboard.

    Returns: 1 if a check has failed that is no mere warning, and 0 else.
    """
    started = time.monotonic()
    import dagster as dg

    from torchcell_assets.definitions import defs
    from torchcell_assets.orchestration import jobs, run_liveness, waves

    current = study.current()
    preflight.require_raw_files(current)
    console.print(
        f"{current.title} (study {current.name}, data root {study.data_root()})", style="bold", soft_wrap=True
    )
    with (
        dg.DagsterInstance.get() as instance,
        contextlib.ExitStack() as servers,
        run_liveness.alive() as tags,
        _bars() as moves,
    ):
        run_liveness.close(instance)
        outcome = waves.main_job(
            instance, defs, current, jobs.FLOW, servers=servers, tags=tags, moves=moves, fails=_failed
        )
    failed = [verdict for verdict in outcome.checks if verdict.error]
    seconds = time.monotonic() - started
    say(f"{len(outcome.made)} made in {seconds:.0f} s." if outcome.made else _nothing_made(failed, seconds))
    for verdict in filter(None, dict.fromkeys(outcome.left.values())):
        cells = ", ".join(item.cell for item, because in outcome.left.items() if because == verdict)
        say(
            f"Not made, because {verdict.key.asset_key.to_user_string()} failed {verdict.key.name}: {cells}.",
            "bold red",
        )
    _show_scoreboard()
    return 1 if failed else 0


def _failed(verdict: "Verdict") -> None:
    say(str(verdict), "bold red" if verdict.error else "yellow")


@contextlib.contextmanager
def _bars() -> "Iterator[Callable[[Progress], None]]":
    """One bar a job while the block runs; what it gives is called whenever a job gets further."""
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        text_column("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        text_column("{task.fields[now]}"),
    )
    with contextlib.ExitStack() as shown:
        bar: dict[str, tuple[Bars, TaskID]] = {}

        def moves(progress: "Progress") -> None:
            now = (progress.batch[0].partition or "") if progress.batch else ""
            if progress.stage not in bar:
                bars = shown.enter_context(Bars(*columns, console=console))
                bar[progress.stage] = bars, bars.add_task(progress.stage, total=progress.total, now=now)
            bars, task = bar[progress.stage]
            bars.update(task, completed=progress.done, total=progress.total, now=now)
            if progress.done == progress.total:  # one living thing at a time: between two jobs a server may start
                shown.close()

        yield moves


def _nothing_made(failed: "Sequence[Verdict]", seconds: float) -> str:
    what = "Nothing was made" if failed else "Everything is in sync; nothing was made"
    return f"{what} ({seconds:.0f} s)."


def _show_scoreboard() -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    from torchcell_assets.steps.trained import scoreboard

    root = layout.trained_folder(study.data_root())
    if not layout.scoreboard_table(study.data_root()).is_file():
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
