"""The graph server beside a wave of runs: what it serves against what was materialized, keeping it up, making it anew.

Belongs here: what the survey cannot see in files. Does not: the server itself (neo4j_local), loading a dataset (steps/graph).
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.staleness import Elsewhere, State
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.steps.graph.checks import materialized

if TYPE_CHECKING:
    from torchcell_assets.steps.graph.bundle import Manifest


def rebuild_graph(instance: dg.DagsterInstance, study: Study, tell: Callable[[str], None]) -> "list[Manifest]":
    """Import all current bundles into a new local graph and let it serve; `tell` gets a line for each stage."""
    from torchcell_assets.config.resources import DataRoot, GraphStore
    from torchcell_assets.steps.graph import offline
    from torchcell_assets.steps.graph.assets import current_bundles

    root = DataRoot()
    store = GraphStore(root=root)
    bundles = partial(
        current_bundles, instance, study, root
    )  # asked once nobody else loads: a load replaces its bundle
    return offline.rebuild(store.own_home(), bundles, keep=store.previous_stores, tell=tell)


def graph_elsewhere(
    instance: dg.DagsterInstance, graph: BaseAssetGraph, tell: Callable[[str], None] = lambda why: None
) -> Elsewhere:
    """What `graph/*` has materialized and the graph server does not serve.

    Of a local server that does not run nothing is known but its folder, which the survey looks at.

    Args:
        instance: what was made.
        graph: what is deployed.
        tell: gets the reason why a server that NEO4J_URI names could not be asked; nothing is then said of the graph.

    """
    from torchcell_assets.config.resources import DataRoot, GraphStore, GraphUnreachable
    from torchcell_assets.neo4j_local import local_server
    from torchcell_assets.steps.graph import read

    made = materialized(instance, [key for key in graph.materializable_asset_keys if layout.step_of(key) == "graph"])
    store = GraphStore(root=DataRoot())
    if not made or (store.local_home and local_server.connection(store.local_home) is None):
        return {}
    try:
        with store.driver() as driver:
            serves = read.current_builds(driver, store.database_name, [layout.name_of(key) for key in made])
            genes = read.count_genes(driver, store.database_name)
    except GraphUnreachable as error:
        tell(str(error))
        return {}
    found = {key: _not_served(layout.name_of(key), *said, serves, genes) for key, said in made.items()}
    return {key: why for key, why in found.items() if why}


def _not_served(
    name: str, build: str, rows: int, serves: Mapping[str, tuple[str, int]], genes: int
) -> tuple[State, str] | None:
    if name == "genome":  # it has no build: its genes are there, or are not
        return None if genes >= rows else (State.MISSING, f"missing: the graph serves {genes:,} of {rows:,} genes")
    if name not in serves:
        return State.MISSING, f"missing: the graph serves no build of {name}"
    served, _ = serves[name]
    return (
        None if served == build else (State.CHANGED, f"the graph serves build {served}, and {build} was materialized")
    )


def needs_graph(keys: Iterable[dg.AssetKey]) -> bool:
    """Whether making these assets needs the graph server."""
    from torchcell_assets.steps.merged.phenotypes import PHENOTYPES

    reading = {("merged", name) for name in PHENOTYPES}
    return any(layout.step_of(key) == "graph" or (layout.step_of(key), layout.name_of(key)) in reading for key in keys)


def serve_graph(servers: contextlib.ExitStack) -> None:
    """The local Neo4j for as long as `servers` lasts, over all runs, unless NEO4J_URI names a server or one is already up."""
    from torchcell_assets.config.resources import DataRoot, GraphStore

    servers.enter_context(GraphStore(root=DataRoot()).serving())
