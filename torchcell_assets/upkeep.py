"""`make status` and `make rebuild`: what a person sees of what is outdated, and the question before it is made again;
`make graph-rebuild` and the way back from it.

Belongs here: tables and the question. Does not: the judgement (staleness), the plan and its execution (making.py).
"""

import contextlib

from rich.prompt import Confirm
from rich.table import Column, Table

from torchcell_assets import study
from torchcell_assets.terminal import console, output


def status() -> int:
    """What is missing, outdated or failed, asset by asset, and why."""
    import dagster as dg

    from torchcell_assets import making
    from torchcell_assets.definitions import asset_graph
    from torchcell_assets.staleness import State, survey

    table = Table(
        Column("asset", no_wrap=True), "state", "partitions", "why", title=f"Data root {study.data_root()}", box=None
    )
    with dg.DagsterInstance.get() as instance:
        graph = asset_graph()
        standings = survey(instance, graph, elsewhere=making.graph_elsewhere(instance, graph, tell=_not_asked))
    for key in dict.fromkeys(standing.key for standing in standings):
        for state in State:
            found = [s for s in standings if s.key == key and s.state is state]
            if found and state is not State.IN_SYNC:
                which = "" if found[0].partition is None else f"{len(found)}: {found[0].partition} ..."
                table.add_row(key.to_user_string(), state, which, making.summary(found))
    in_sync = sum(standing.state is State.IN_SYNC for standing in standings)
    output().print(
        table if table.row_count else "", f"{in_sync} of {len(standings)} assets and partitions are in sync."
    )
    return 0


def _not_asked(why: str) -> None:
    console.print(f"{why} What it serves was not looked at.", style="yellow", markup=False, soft_wrap=True)


def rebuild_graph() -> int:
    """Import all current bundles into a new local graph, verify it, and let it serve; the one before stays for a way back."""
    import dagster as dg

    from torchcell_assets import making

    with dg.DagsterInstance.get() as instance:
        manifests = making.rebuild_graph(instance, console.print)
    console.print(f"{len(manifests)} bundles serve from a new graph; `make graph-back` brings the one before back.")
    return 0


def roll_back_graph() -> int:
    """Let the graph before the last rebuild serve again."""
    from torchcell_assets.resources import DataRoot, GraphStore
    from torchcell_assets.steps.graph import offline

    offline.roll_back(GraphStore(root=DataRoot()).own_home())
    console.print(
        "The graph before serves again. What `graph/*` has materialized since is in the other one: see store_in_sync."
    )
    return 0


def rebuild(yes: bool) -> int:
    """Show what is outdated, why, and how long it took last time; ask; make it again, upstream first."""
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
        table = Table(
            Column("asset", no_wrap=True),
            "partitions",
            "last took",
            "why",
            box=None,
            title="To be made again, in this order",
        )
        for one in plan:
            many = "" if one.partitions == (None,) else str(len(one.partitions))
            took = "" if one.seconds is None else f"{one.seconds:.0f} s"
            why = "[dim]only if what is before it gets other data[/]" if one.may_follow else one.why
            table.add_row(one.key.to_user_string(), many, took, why)
        out.print(table)
        if not yes and not Confirm.ask("Make it again?", console=out, default=False):
            return 1
        outcome = making.rebuild(
            instance,
            defs,
            tags=tags,
            before=lambda batch: out.print(*map(str, batch), sep="\n", soft_wrap=True),
            serve=lambda: making.serve_graph(servers),
        )
    for (key, partition), why in outcome.failed.items():
        console.print(f"[bold red]{key.to_user_string()} {partition or ''}: {why}[/]", soft_wrap=True)
    for standing in outcome.left:
        console.print(f"[yellow]left, because something before it failed: {standing}[/]", soft_wrap=True)
    out.print(f"{len(outcome.made)} made, {len(outcome.failed)} failed, {len(outcome.left)} left.")
    return 1 if outcome.failed else 0
