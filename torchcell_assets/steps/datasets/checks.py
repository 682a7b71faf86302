"""What must hold of stored datasets: as many records as published, no more in quarantine than known; scores that follow
from the fitness beside them.
"""

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import Study
from torchcell_assets.schema.records import Quantity
from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets.steps.datasets import REFERENCE, independence, quarantine
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.crosses import tau
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.storage.stored import quarantine_of


def _check(study: Study, dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=layout.key(study, "datasets", dataset.name),
        name="as_published",
        blocking=True,
        description="As many records as the published file holds, and no more in quarantine than the dataset declares. "
        "Nothing is made of a dataset that fails it.",
    )
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(layout.key(study, "datasets", dataset.name))
        if event is None or event.asset_materialization is None:
            # a warning: where nothing is stored, nothing is wrong that could stop anything
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="never materialized"
            )
        metadata = event.asset_materialization.metadata
        records, quarantined = metadata["dagster/row_count"].value, metadata["quarantined"].value
        passed = records == dataset.published_records and quarantined <= dataset.quarantine_limit
        return dg.AssetCheckResult(
            passed=passed,
            description=None if passed else _told(dataset, records, quarantined, root),
            metadata={
                "records": records,
                "published_records": dataset.published_records,
                "quarantined": quarantined,
                "quarantine_limit": dataset.quarantine_limit,
            },
        )

    return check


def _told(dataset: Dataset, records: int, quarantined: int, root: DataRoot) -> str:
    counts = (
        f"{dataset.published_records:,} records expected, {records:,} kept, {quarantined:,} quarantined, of which "
        f"{dataset.quarantine_limit:,} are known."
    )
    place = quarantine_of(layout.dataset_table(root.folder, dataset.name))
    return f"{counts} {quarantine.summary(place, dataset.record)}" if quarantined and place.is_file() else counts


def screens_are_independent(study: Study, dataset: Dataset) -> dg.AssetChecksDefinition:
    """An error where a screen is a linear combination of others: its numbers are theirs, and no measurement."""

    @dg.asset_check(
        asset=layout.key(study, "datasets", dataset.name),
        name="screens_are_independent",
        description="No screen is a linear combination of others on the strains that they share (see independence.py).",
    )
    def check(root: DataRoot) -> dg.AssetCheckResult:
        path = layout.dataset_table(root.folder, dataset.name)
        if not path.is_file():
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="never materialized"
            )
        found, compared = independence.combinations(path)
        return dg.AssetCheckResult(
            passed=not found,
            description=f"{found[0]}. If it is a mean of the others, the parser has to give it a `dependent`."
            if found
            else None,
            metadata={"compared": compared, "combinations": dg.MetadataValue.json([str(one) for one in found])},
        )

    return check


def tau_as_published(study: Study, interaction: Dataset, queries: Dataset) -> dg.AssetChecksDefinition:
    """A warning where the published tau does not follow from the stored digenic scores and query strains."""

    @dg.asset_check(
        asset=layout.key(study, "datasets", interaction.name),
        additional_deps=[layout.key(study, "datasets", queries.name)],
        name="tau_as_published",
        description=(
            "tau = f_ijk - f_ij f_k - epsilon_ik f_j - epsilon_jk f_i, from stored records, correlates with the published score "
            f"by {MIN_PEARSON} or more; `identical` is the share within {tau.CLOSE}."
        ),
    )
    def check(root: DataRoot) -> dg.AssetCheckResult:
        tables = [layout.dataset_table(root.folder, dataset.name) for dataset in (interaction, queries)]
        if lacking := [path.stem for path in tables if not path.is_file()]:
            return dg.AssetCheckResult(passed=False, description=f"never materialized: {', '.join(lacking)}")
        found = tau.agreement(tau.recompute(*(pl.read_parquet(path) for path in tables)))
        return dg.AssetCheckResult(
            passed=found.pearson is not None and found.pearson >= MIN_PEARSON,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={name: value for name, value in vars(found).items() if value is not None},
        )

    return check


MIN_PEARSON = 0.95


def checks(study: Study) -> list[dg.AssetChecksDefinition]:
    """The checks of the datasets of a study."""
    stored = (*REFERENCE, *of_the_study(study))
    return [
        *(_check(study, dataset) for dataset in stored),
        *(raw_files_as_pinned(layout.key(study, "datasets", one.name), one.sources, in_lineage=True) for one in stored),
        *(screens_are_independent(study, dataset) for dataset in stored if issubclass(dataset.record, Quantity)),
        *(tau_as_published(study, one, one.queries) for one in stored if one.queries and one.queries in stored),
    ]
