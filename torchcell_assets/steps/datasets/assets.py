"""One asset per dataset of the study, and the genome: raw file -> Parquet of validated records, with a quarantine."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from torchcell_assets.plots import embedded
from torchcell_assets.resources import DataRoot, RawFiles
from torchcell_assets.staleness import Policy, publish, publish_batches, step
from torchcell_assets.steps.datasets import DATASETS, GENOME, figures
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.study import current


def _asset(dataset: Dataset) -> dg.AssetsDefinition:
    @step(
        name=dataset.name,
        uses=[dataset.record, *dataset.sources, *(Policy(*one) for one in dataset.policies.items())],
        logic=dataset.logic,
        code=[dataset.parse],
        description=dataset.description,
        rebuilds=True,
        kinds={"parquet"},
        tags={"record": dataset.record.__name__.lower(), **dataset.tags},
        metadata={
            "citation": dataset.citation,
            "licence": dataset.licence,
            "publication": dg.MetadataValue.url(f"https://doi.org/{dataset.publication}"),
        },
    )
    def build(root: DataRoot, raw: RawFiles) -> dg.MaterializeResult:
        path = root.table("datasets", dataset.name)
        parsed = dataset.read(raw.sources().path)
        if isinstance(parsed, Parsed):
            order = None if dataset is GENOME else ["row", "id"]
            return publish(
                path,
                dataset.record,
                parsed.records,
                blank=parsed.blank,
                sort_by=order,
                metadata=lambda: _plot(dataset, path),
            )
        batches = ((batch.records, batch.blank) for batch in parsed)
        return publish_batches(path, dataset.record, batches, metadata=lambda: _plot(dataset, path))

    return build


def _plot(dataset: Dataset, path: Path) -> dict[str, Any]:
    table = pl.scan_parquet(path)
    figure = figures.gene_lengths(table) if dataset is GENOME else figures.value_histogram(table, dataset.name)
    return {"plot": embedded(figure, dataset.name)}


def of_the_study() -> tuple[Dataset, ...]:
    """The datasets of records that this deployment works on, in the order of `DATASETS`."""
    return tuple(dataset for dataset in DATASETS if dataset.name in current().datasets)


ASSETS = [_asset(GENOME), *(_asset(dataset) for dataset in of_the_study())]
