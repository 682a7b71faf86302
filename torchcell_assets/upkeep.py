"""`make status` and `make rebuild`: what a person sees of what is outdated, and the question before it is made again;
`make graph-rebuild` and the way back from it.

Belongs here: tables and the question. Does not: the judgement (staleness), the plan and its execution (making.py).
"""

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.prompt import Confirm
from rich.table import Column, Table
from rich.text import Text

from torchcell_assets import study
from torchcell_assets.terminal import output, say

if TYPE_CHECKING:
    from torchcell_assets.making import Planned, Rebuilt
    from torchcell_assets.staleness import Standing
    from torchcell_assets.staleness.verdicts import Verdict


def status() -> int:
    """What is missing, outdated or failed, asset by asset, and why; then the checks that fail.

    Returns: 0, whatever it is.
    """
    import dagster as dg

    from torchcell_assets import making
    from torchcell_assets.definitions import asset_graph
    from torchcell_assets.staleness import State, survey
    from torchcell_assets.staleness.verdicts import verdicts

    with dg.DagsterInstance.get() as instance:
        graph = asset_graph()
        standings = survey(instance, graph, elsewhere=making.graph_elsewhere(instance, graph, tell=_not_asked))
        failed = [verdict for verdict in verdicts(instance, graph) if _is_told(verdict)]
    out = output()
    out.print(f"Data root {study.data_root()}", soft_wrap=True)
    table = _standings(standings)
    in_sync = sum(standing.state is State.IN_SYNC for standing in standings)
    if table.row_count:
        out.print(table)
    out.print(f"{in_sync} of {len(standings)} assets and partitions are in sync.")
    if failed:
        out.print("checks failed:")
    for verdict in failed:
        out.print(str(verdict), style="bold red" if verdict.error else "yellow", soft_wrap=True)
    return 0


def _is_told(verdict: "Verdict") -> bool:
    """What a check says of stored partitions is in the table already, and fresher there."""
    from torchcell_assets.staleness.checks import SCHEMA_IN_SYNC

    return verdict.failed and verdict.key.name != SCHEMA_IN_SYNC


def _standings(standings: "Sequence[Standing]") -> Table:
    """One row for each asset and state, of all that is not in sync."""
    from torchcell_assets import making
    from torchcell_assets.staleness import State

    table = Table(Column("asset", no_wrap=True), "state", "partitions", "why", box=None)
    for key in dict.fromkeys(standing.key for standing in standings):
        for state in State:
            found = [s for s in standings if s.key == key and s.state is state]
            if found and state is not State.IN_SYNC:
                which = "" if found[0].partition is None else f"{len(found)}: {_few([str(s.partition) for s in found])}"
                table.add_row(key.to_user_string(), state, which, making.summary(found))
    return table


def _few(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} ..."


def _not_asked(why: str) -> None:
    say(f"{why} What it serves was not looked at.", "yellow")


def rebuild_graph() -> int:
    """Import all current bundles into a new local graph, verify it, and let it serve; the one before stays for a way back."""
    import dagster as dg

    from torchcell_assets import making

    with dg.DagsterInstance.get() as instance:
        manifests = making.rebuild_graph(instance, say)
    say(f"{len(manifests)} bundles serve from a new graph; `make graph-back` brings the one before back.")
    return 0


def roll_back_graph() -> int:
    """Let the graph before the last rebuild serve again."""
    from torchcell_assets.resources import DataRoot, GraphStore
    from torchcell_assets.steps.graph import offline

    offline.roll_back(GraphStore(root=DataRoot()).own_home(), tell=say)
    say("The graph before serves again. What `graph/*` has materialized since is in the other one: see store_in_sync.")
    return 0


def rebuild(yes: bool) -> int:
    """Show what is outdated, why, and how long it took last time; ask; make it again, upstream first.

    Returns: 1 if a person said no, if an asset failed, or if a check fails that is no mere warning; 0 else.
    """
    import dagster as dg

    from torchcell_assets import killed_runs, making
    from torchcell_assets.definitions import asset_graph, defs
    from torchcell_assets.staleness import survey

    out = output()
    with dg.DagsterInstance.get() as instance, contextlib.ExitStack() as servers, killed_runs.alive() as tags:
        killed_runs.close(instance)
        graph = asset_graph()
        elsewhere = making.graph_elsewhere(instance, graph)
        plan = making.plan(survey(instance, graph, elsewhere=elsewhere), graph)
        sure = [one for one in plan if not one.may_follow]
        if not sure:
            out.print("Nothing that was made is gone, changed or outdated.")
            return 0
        out.print(_plan(plan))
        if not yes and not Confirm.ask("Make it again?", console=out, default=False):
            return 1
        outcome = making.rebuild(
            instance,
            defs,
            tags=tags,
            before=lambda batch: out.print(*map(str, batch), sep="\n", soft_wrap=True),
            serve=lambda: making.serve_graph(servers),
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
        many = "" if one.partitions == (None,) else f"{len(one.partitions)}: {_few([str(p) for p in one.partitions])}"
        took = "" if one.seconds is None else f"{one.seconds:.0f} s"
        why = Text("only if what is before it gets other data", "dim") if one.may_follow else one.why
        table.add_row(one.key.to_user_string(), many, took, why)
    return table


def _tell(outcome: "Rebuilt") -> None:
    """What failed, and what was left because of that."""
    from torchcell_assets.staleness import cell_name

    for cell, why in outcome.failed.items():
        say(f"{cell_name(*cell)}: {why}", "bold red")
    for verdict in outcome.checks:
        say(str(verdict), "bold red" if verdict.error else "yellow")
    for standing in outcome.left:
        say(f"left, because something before it failed: {standing}", "yellow")
