"""The code location: what Dagster loads. Nothing is decided here."""

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from torchcell_assets.automation import JOBS
from torchcell_assets.resources import DataRoot, GraphStore, RawFiles
from torchcell_assets.staleness.checks import schema_in_sync
from torchcell_assets.steps.datasets import assets as datasets
from torchcell_assets.steps.datasets import checks as datasets_checks
from torchcell_assets.steps.graph import assets as graph
from torchcell_assets.steps.graph import checks as graph_checks
from torchcell_assets.steps.merged import assets as merged
from torchcell_assets.steps.merged import checks as merged_checks
from torchcell_assets.steps.representations import assets as representations
from torchcell_assets.steps.trained import assets as trained


def _graph() -> BaseAssetGraph:
    return defs.resolve_asset_graph()


ASSETS = [*datasets.ASSETS, *graph.ASSETS, *merged.ASSETS, *representations.ASSETS, *trained.ASSETS]
CHECKS = [
    *datasets_checks.CHECKS,
    *graph_checks.CHECKS,
    *merged_checks.CHECKS,
    *(schema_in_sync(asset, _graph) for asset in ASSETS),
]

root = DataRoot()
defs: dg.Definitions = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=JOBS,
    resources={"root": root, "raw": RawFiles(root=root), "store": GraphStore(root=root)},
    executor=dg.in_process_executor,
)
