"""`make rebuild`: what is outdated, the question before it is made again, what came of it.

Belongs here: tables and the question. Does not: the plan and its execution (orchestration/waves.py).
"""

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from rich.prompt import Confirm
from rich.table import Column, Table
from rich.text import Text

from torchcell_assets.cli.command import StudyCommand
from torchcell_assets.cli.console import few, output, say

if TYPE_CHECKING:
    from torchcell_assets.orchestration.engine import Outcome
    from torchcell_assets.orchestration.plan import Planned


@click.command(cls=StudyCommand, help="Show what is outdated, ask, and make it again, upstream first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(yes: bool) -> int:
    """Show what is outdated, why, and how long it took last time; ask; make it again, upstream first.

    Returns: 1 if a person said no, if an asset failed, or if a check fails that is no mere warning; 0 else.
    """
    import dagster as dg

    from torchcell_assets.definitions import defs
    from torchcell_assets.orchestration import graph_server, run_liveness, waves
    from torchcell_assets.orchestration.execution import InProcess
    from torchcell_assets.orchestration.plan import plan as planned
    from torchcell_assets.staleness import survey

    out = output()
    with dg.DagsterInstance.get() as instance, contextlib.ExitStack() as servers, run_liveness.alive() as tags:
        run_liveness.close(instance)
        graph = defs.resolve_asset_graph()
        elsewhere = graph_server.graph_elsewhere(instance, graph)
        plan = planned(survey(instance, graph, elsewhere=elsewhere), graph)
        sure = [one for one in plan if not one.may_follow]
        if not sure:
            out.print("Nothing that was made is gone, changed or outdated.")
            return 0
        out.print(_plan(plan))
        if not yes and not Confirm.ask("Make it again?", console=out, default=False):
            return 1
        outcome = waves.rebuild(
            instance,
            defs,
            executor=InProcess(instance, defs.resolve_implicit_global_asset_job_def(), tags),
            before=lambda batch: out.print(*map(str, batch), sep="\n", soft_wrap=True),
            serve=lambda: graph_server.serve_graph(servers),
        )
    _tell(outcome)
    out.print(f"{len(outcome.made)} made, {len(outcome.failed)} failed, {len(outcome.left)} left.")
    return 1 if outcome.failed or any(verdict.error for verdict in outcome.checks) else 0


def _plan(plan: "Iterable[Planned]") -> Table:
    """What is made again, in order, and what may follow it."""
    table = Table(
        Column("asset", no_wrap=True),
        "partitions",
        "last took",
        "why",
        box=None,
        title="To be made again, in this order",
    )
    for one in plan:
        many = "" if one.partitions == (None,) else f"{len(one.partitions)}: {few([str(p) for p in one.partitions])}"
        took = "" if one.seconds is None else f"{one.seconds:.0f} s"
        why = Text("only if what is before it gets other data", "dim") if one.may_follow else one.why
        table.add_row(one.key.to_user_string(), many, took, why)
    return table


def _tell(outcome: "Outcome") -> None:
    """What failed, and what was left because of that."""
    from torchcell_assets.staleness import cell_name

    for cell, why in outcome.failed.items():
        say(f"{cell_name(*cell)}: {why}", "bold red")
    for verdict in outcome.checks:
        say(str(verdict), "bold red" if verdict.error else "yellow")
    for standing in outcome.left:
        say(f"left, because something before it failed: {standing}", "yellow")
