"""What must hold of the merged tables."""

import dagster as dg

from torchcell_assets.steps.merged.assets import FITNESS_KEY


@dg.asset_check(
    asset=FITNESS_KEY,
    name="every_record_accounted_for",
    blocking=True,
    description="Loaded = selected + not selected by the query; selected = pooled + excluded.",
)
def every_record_accounted_for(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The counts of the last materialization add up."""
    event = context.instance.get_latest_materialization_event(FITNESS_KEY)
    if event is None or event.asset_materialization is None:
        return dg.AssetCheckResult(passed=False, description="never materialized")
    values = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    excluded = sum(values["excluded"].values())
    return dg.AssetCheckResult(
        passed=values["selected"] == values["pooled"] + excluded
        and values["loaded"] == values["selected"] + values["not_selected_by_the_query"],
        metadata={"selected": values["selected"], "pooled": values["pooled"], "excluded": excluded},
    )


CHECKS = [every_record_accounted_for]
