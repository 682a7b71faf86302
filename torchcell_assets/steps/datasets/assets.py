"""One asset per dataset of the study, and the genome: raw file -> Parquet of validated records, with a quarantine."""

import dagster as dg

from torchcell_assets.plots import embedded
from torchcell_assets.resources import DataRoot, RawFiles
from torchcell_assets.staleness import publish, step
from torchcell_assets.steps.datasets import DATASETS, GENOME, figures
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.study import current


def _asset(dataset: Dataset) -> dg.AssetsDefinition:
    @step(
        name=dataset.name,
        uses=[dataset.record, *dataset.sources],
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
        parsed = dataset.read(raw.sources().path)
        records = parsed.records.collect()
        is_genome = dataset is GENOME
        figure = figures.gene_lengths(records) if is_genome else figures.value_histogram(records, dataset.name)
        return publish(
            root.table("datasets", dataset.name),
            dataset.record,
            records,
            blank=parsed.blank,
            sort_by=None if is_genome else ["row", "id"],
            metadata={"plot": embedded(figure, dataset.name)},
        )

    return build


def of_the_study() -> tuple[Dataset, ...]:
    """The datasets of records that this deployment works on, in the order of `DATASETS`."""
    return tuple(dataset for dataset in DATASETS if dataset.name in current().datasets)


ASSETS = [_asset(GENOME), *(_asset(dataset) for dataset in of_the_study())]
