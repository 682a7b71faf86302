"""`make graph-up`, `graph-down`, `graph-rebuild` and `graph-back`: the local graph server, by hand.

Belongs here: what a person reads of it. Does not: the server (neo4j_local), the import of bundles (steps/graph/offline.py).
"""

import click

from torchcell_assets.cli.command import Command, StudyCommand
from torchcell_assets.cli.console import say
from torchcell_assets.config import study


@click.command(cls=StudyCommand, help="All bundles into a new local graph, which then takes over.")
def rebuild() -> int:
    """Import all current bundles into a new local graph, verify it, and let it serve; the one before stays for a way back."""
    import dagster as dg

    from torchcell_assets.orchestration import graph_server

    with dg.DagsterInstance.get() as instance:
        manifests = graph_server.rebuild_graph(instance, study.current(), say)
    say(f"{len(manifests)} bundles serve from a new graph; `make graph-back` brings the one before back.")
    return 0


@click.command(cls=StudyCommand, help="Let the graph before the last rebuild serve again.")
def roll_back() -> int:
    """Let the graph before the last rebuild serve again."""
    from torchcell_assets.config.resources import DataRoot, GraphStore
    from torchcell_assets.steps.graph import offline

    offline.roll_back(GraphStore(root=DataRoot()).own_home(), tell=say)
    say("The graph before serves again. What `graph/*` has materialized since is in the other one: see store_in_sync.")
    return 0


@click.command(cls=Command, help="Start the local Neo4j and leave it running.")
def start() -> int:
    """Start it, with its Browser."""
    return _local_server("up", "--browser")


@click.command(cls=Command, help="Stop the local Neo4j.")
def stop() -> int:
    """Stop it; nothing happens where none runs."""
    return _local_server("down")


def _local_server(*arguments: str) -> int:
    from torchcell_assets.neo4j_local.__main__ import main

    return main([*arguments, "--home", str(study.data_root() / "neo4j")])
