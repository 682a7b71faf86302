"""What must hold of the merged tables."""

import dagster as dg

from torchcell_assets.resources import DataRoot
from torchcell_assets.steps.merged import fitness
from torchcell_assets.steps.merged.assets import FITNESS_KEY, merged_path
from torchcell_assets.steps.merged.identities import MergeError


@dg.asset_check(
    asset=FITNESS_KEY,
    name="every_record_accounted_for",
    blocking=True,
    description="Loaded = selected + not selected by the query; selected = pooled + excluded; what was pooled stands once behind "
    "one row, counted by its id.",
)
def every_record_accounted_for(context: dg.AssetCheckExecutionContext, root: DataRoot) -> dg.AssetCheckResult:
    """The counts of the last materialization add up, and those of the stored table are the same."""
    event = context.instance.get_latest_materialization_event(FITNESS_KEY)
    if event is None or event.asset_materialization is None:
        return dg.AssetCheckResult(passed=False, description="never materialized")
    values = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    loaded, selected, pooled = (int(values[name]) for name in ("loaded", "selected", "pooled"))
    excluded = sum(values["excluded"].values())
    try:
        records, distinct = fitness.records_in(merged_path(root))
    except MergeError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    wrong = [
        *([f"{selected:,} records are selected of {loaded:,} that were loaded"] if selected > loaded else []),
        *(
            [f"{selected:,} records are selected, {pooled:,} pooled and {excluded:,} excluded"]
            if selected != pooled + excluded
            else []
        ),
        *([f"{pooled:,} records were pooled and {records:,} are stored"] if records != pooled else []),
        *([f"{records - distinct:,} of {records:,} records stand behind two rows"] if distinct != records else []),
    ]
    return dg.AssetCheckResult(
        passed=not wrong,
        description="; ".join(wrong) or None,
        metadata={
            "selected": selected,
            "pooled": pooled,
            "excluded": excluded,
            "stored": records,
            "distinct": distinct,
        },
    )


CHECKS = [every_record_accounted_for]
