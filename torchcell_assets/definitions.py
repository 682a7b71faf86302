"""The code location: what Dagster loads. Nothing is decided here."""

from importlib import import_module

import dagster as dg

from torchcell_assets import environment
from torchcell_assets.config import study
from torchcell_assets.config.resources import DataRoot, GraphStore, RawFiles, of_the_environment
from torchcell_assets.orchestration import jobs
from torchcell_assets.staleness.checks import files_in_sync, schema_in_sync
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.steps.vocabulary import KNOWN

# before the steps are imported, which look up what the study names
environment.check()
study.load(study.chosen() or study.DEFAULT, KNOWN)

STEPS = ("datasets", "graph", "merged", "representations", "trained")
ASSETS = [asset for step in STEPS for asset in import_module(f"torchcell_assets.steps.{step}.assets").ASSETS]
CHECKS = [check for step in STEPS[:4] for check in import_module(f"torchcell_assets.steps.{step}.checks").CHECKS]
ON = environment.automation()
REBUILD = jobs.rebuild_outdated(lambda: defs)


def asset_graph() -> BaseAssetGraph:
    """All assets and their edges."""
    return defs.resolve_asset_graph()


root = DataRoot()
defs: dg.Definitions = dg.Definitions(
    assets=ASSETS,
    asset_checks=[
        *CHECKS,
        *(check(asset, asset_graph) for asset in ASSETS for check in (schema_in_sync, files_in_sync)),
    ],
    jobs=[*jobs.JOBS, REBUILD],
    schedules=jobs.schedules(REBUILD, ON),
    sensors=[jobs.sensor(ON)],
    resources={
        "root": of_the_environment(root),
        "raw": of_the_environment(RawFiles(root=root)),
        "store": of_the_environment(GraphStore(root=root)),
    },
    executor=dg.in_process_executor,
)
