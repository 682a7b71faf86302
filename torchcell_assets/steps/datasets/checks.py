"""What must hold of every stored dataset: as many records as published, no more in quarantine than known."""

import dagster as dg

from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset


def _check(dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=["datasets", dataset.name],
        name="as_published",
        description="As many records as the published file holds, and no more in quarantine than the dataset declares.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(dg.AssetKey(["datasets", dataset.name]))
        if event is None or event.asset_materialization is None:
            return dg.AssetCheckResult(passed=False, description="never materialized")
        metadata = event.asset_materialization.metadata
        records, quarantined = metadata["dagster/row_count"].value, metadata["quarantined"].value
        return dg.AssetCheckResult(
            passed=records == dataset.published_records and quarantined <= dataset.quarantine_limit,
            metadata={
                "records": records,
                "published_records": dataset.published_records,
                "quarantined": quarantined,
                "quarantine_limit": dataset.quarantine_limit,
            },
        )

    return check


STORED = (GENOME, *of_the_study())
CHECKS = [
    *(_check(dataset) for dataset in STORED),
    *(raw_files_as_pinned(dg.AssetKey(["datasets", dataset.name]), dataset.sources) for dataset in STORED),
]
