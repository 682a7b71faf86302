"""Deletes or cuts one stored file after the other of a data root, asks what is said of it, and makes it again with the commands
that a person types; all in this one process: `python -m torchcell_assets_tests.stored_files` in the environment of that root.

Belongs here: what is done to which file, and what came of it, as JSON in the last line. Does not: what has to come of it
(test_stored_files.py).
"""

import contextlib
import io
import json
import os
import shutil

import dagster as dg

from torchcell_assets.__main__ import main
from torchcell_assets.config.study import data_root
from torchcell_assets.definitions import defs
from torchcell_assets.orchestration import graph_server
from torchcell_assets.staleness import State, survey
from torchcell_assets.staleness.checks import FILES_IN_SYNC
from torchcell_assets_tests.mirror import QUIET

FILES = {
    "datasets/genome": "datasets/genome.parquet",
    "datasets/fitness_sga": "datasets/fitness_sga.quarantine.parquet",
    "graph/genome": "graph/bundles/genome/*/Gene-part000.csv*",
    "graph/fitness_sga": "graph/bundles/fitness_sga/*/manifest.json",
    "merged/fitness": "merged/fitness.duckdb",
    "merged/subset 1e3": "merged/subset/1e3.parquet",
    "merged/test_set": "merged/test_set.parquet",
    "merged/key_value 1e3": "merged/key_value/1e3.lmdb",
    "representations/gene_embedding one_hot": "representations/gene_embedding/one_hot.safetensors",
    "trained/baselines 1e3": "trained/baselines/1e3/predictions.parquet",
    "trained/elastic_net one_hot|1e3": "trained/elastic_net/1e3/one_hot/pert_sum.skops",
    "trained/random_forest random_10|1e3": "trained/random_forest/1e3/random_10/predictions.parquet",
    "trained/scoreboard": "trained/scoreboard.png",
}
"""Asset and partition -> one of the files that they made: every kind that there is."""


def lost(instance: dg.DagsterInstance) -> dict[str, str]:
    """Asset and partition -> what `status` says of it, of all that was made and is not in sync."""
    graph = defs.resolve_asset_graph()
    found = survey(instance, graph, elsewhere=graph_server.graph_elsewhere(instance, graph))
    names = {standing: f"{standing.key.to_user_string()} {standing.partition or ''}".strip() for standing in found}
    return {names[s]: f"{s.state} | {s.why}" for s in found if s.state not in (State.IN_SYNC, State.NEVER_MADE)}


def check(instance: dg.DagsterInstance, asset: str) -> bool:
    """Whether `files_in_sync` of an asset passes."""
    key = dg.AssetKey.from_user_string(asset)
    job = defs.resolve_implicit_global_asset_job_def()
    only = job.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(key, FILES_IN_SYNC)})
    [found] = only.execute_in_process(instance=instance, run_config=QUIET).get_asset_check_evaluations()
    return found.passed


def command(*words: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        return main(words), said.getvalue()


def seen(instance: dg.DagsterInstance, name: str) -> dict:
    return {"lost": lost(instance), "check": check(instance, name.split(maxsplit=1)[0])}


def try_all() -> dict:
    root = data_root()
    told: dict[str, dict] = {}
    with contextlib.ExitStack() as servers, dg.DagsterInstance.get() as instance:
        # no server runs: what is seen of the graph is its folder
        shutil.rmtree(root / "neo4j")
        told["no store"] = {"lost": lost(instance), "status": command("status")[1]}
        code, said = command("run")
        told["no store"] |= {"code": code, "said": said}
        graph_server.serve_graph(servers)
        told["no store"]["after"] = lost(instance)
        for at, (name, pattern) in enumerate(FILES.items()):
            [path] = root.glob(pattern)
            kept = path.with_name(f"{path.name}.kept")
            path.rename(kept)
            gone = seen(instance, name)
            shutil.copy2(kept, path)
            back = lost(instance)
            os.truncate(path, path.stat().st_size // 2)
            shortened = seen(instance, name)
            kept.unlink()
            code, said = command(*(("rebuild", "--yes") if at % 2 else ("run",)))
            told[name] = {"path": str(path.relative_to(root)), "gone": gone, "back": back, "cut": shortened}
            told[name] |= {"code": code, "said": said, "after": seen(instance, name)}
        wipe()
        told["emptied server"] = {"lost": lost(instance)}
        code, said = command("run")
        told["emptied server"] |= {"code": code, "said": said, "after": lost(instance)}
    return told


def wipe() -> None:
    """Delete everything on the graph server."""
    from torchcell_assets.config.resources import DataRoot, GraphStore

    store = GraphStore(root=DataRoot())
    with store.driver() as driver, driver.session(database=store.database_name) as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()


if __name__ == "__main__":
    print(json.dumps(try_all()))
