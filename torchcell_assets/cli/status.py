"""`make status`: what is missing, outdated or failed, and why.

Belongs here: the table. Does not: the judgement (staleness).
"""

from typing import TYPE_CHECKING

import click
from rich.table import Column, Table

from torchcell_assets.cli.command import StudyCommand
from torchcell_assets.cli.console import few, output, say
from torchcell_assets.config import study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torchcell_assets.staleness import Standing
    from torchcell_assets.staleness.verdicts import Verdict


@click.command(cls=StudyCommand, help="Say what is missing, outdated or failed, and why.")
def status() -> int:
    """What is missing, outdated or failed, asset by asset, and why; then the checks that fail.

    Returns: 0, whatever it is.
    """
    import dagster as dg

    from torchcell_assets.definitions import defs
    from torchcell_assets.orchestration import graph_server
    from torchcell_assets.staleness import State, survey
    from torchcell_assets.staleness.verdicts import verdicts

    with dg.DagsterInstance.get() as instance:
        graph = defs.resolve_asset_graph()
        standings = survey(instance, graph, elsewhere=graph_server.graph_elsewhere(instance, graph, tell=_not_asked))
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
    from torchcell_assets.orchestration.plan import summary
    from torchcell_assets.staleness import State

    table = Table(Column("asset", no_wrap=True), "state", "partitions", "why", box=None)
    for key in dict.fromkeys(standing.key for standing in standings):
        for state in State:
            found = [s for s in standings if s.key == key and s.state is state]
            if found and state is not State.IN_SYNC:
                which = "" if found[0].partition is None else f"{len(found)}: {few([str(s.partition) for s in found])}"
                table.add_row(key.to_user_string(), state, which, summary(found))
    return table


def _not_asked(why: str) -> None:
    say(f"{why} What it serves was not looked at.", "yellow")
