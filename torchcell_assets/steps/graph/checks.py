"""`store_in_sync`: what the server says of itself against the last materialization. A wiped volume must not stay green."""

import dagster as dg

from torchcell_assets.errors import TorchcellError
from torchcell_assets.resources import DataRoot, GraphStore
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph import bundle, load, verification


def materialized_build(instance: dg.DagsterInstance, dataset: str) -> str | None:
    """The build that the last materialization of `graph/<dataset>` made; None if there was none."""
    event = instance.get_latest_materialization_event(dg.AssetKey(["graph", dataset]))
    if event is None or event.asset_materialization is None:
        return None
    return str(event.asset_materialization.metadata["build"].value)


def _check(dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=["graph", dataset.name],
        name="store_in_sync",
        description="The server serves the build that was materialized, with the counts and sums of its bundle.",
    )
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot, store: GraphStore) -> dg.AssetCheckResult:
        wanted = materialized_build(context.instance, dataset.name)
        if wanted is None:
            return dg.AssetCheckResult(passed=False, description="never materialized")
        try:
            with store.driver() as driver:
                serves = load.current_build(driver, store.database_name, dataset.name)
                manifest = bundle.read_manifest(root.place("graph", "bundles", dataset.name, wanted))
                wrong = verification.differences(driver, store.database_name, manifest)
        except TorchcellError as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        if serves != wanted:
            wrong = [f"serves {serves} and {wanted} was materialized", *wrong]
        return dg.AssetCheckResult(
            passed=not wrong,
            description="; ".join(wrong) or None,
            metadata={"serves": str(serves), "materialized": wanted},
        )

    return check


CHECKS = [_check(dataset) for dataset in of_the_study()]
