"""One asset per dataset of the study, two of the genome: raw file -> Parquet of validated records, with a quarantine."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.config.study import Study
from torchcell_assets.sources import Source
from torchcell_assets.staleness import Policy, step
from torchcell_assets.staleness.raw_files import declared, seen
from torchcell_assets.steps.datasets import CHROMOSOME_SEQUENCES, DATASETS, GENOME, REFERENCE, figures
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.retired_names import Found
from torchcell_assets.storage.figures import picture
from torchcell_assets.storage.publish import publish, publish_batches

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _asset(study: Study, dataset: Dataset) -> dg.AssetsDefinition:
    @step(
        prefix=study.prefix,
        name=dataset.name,
        uses=[dataset.record, *dataset.raw_files, *(Policy(*one) for one in dataset.stored_by.items())],
        logic=dataset.logic,
        deps=[layout.raw_key(study.prefix, one.name) for one in dataset.raw_files],
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
    def build(context: dg.AssetExecutionContext, root: DataRoot, raw: RawFiles) -> dg.MaterializeResult:
        path, here = layout.dataset_table(root.folder, dataset.name), raw.sources()

        def path_of(source: Source) -> Path:
            found = here.path(source)
            seen(
                context.op_execution_context, study.prefix, source, source.sha256[0]
            )  # what was found has been verified
            return found

        parsed = dataset.read(path_of)
        names = Found()
        if isinstance(parsed, Parsed):
            order = None if dataset.is_reference else ["row", "id"]
            return publish(
                path,
                dataset.record,
                parsed.records,
                blank=parsed.blank + parsed.repeated,
                sort_by=order,
                metadata=lambda table: {**_cells(parsed), **_names(parsed.names), **_plot(dataset, table)},
            )

        def batches() -> Iterator[tuple[pl.LazyFrame, int]]:
            nonlocal names
            for batch in parsed:
                names |= batch.names
                yield batch.records, batch.blank

        return publish_batches(
            path, dataset.record, batches(), metadata=lambda table: {**_names(names), **_plot(dataset, table)}
        )

    return build


def _cells(parsed: Parsed) -> dict[str, Any]:
    """What became of the value cells that give no record, where some of them repeat another cell."""
    return {"blank": parsed.blank, "repeated": parsed.repeated} if parsed.repeated else {}


def _names(found: Found) -> dict[str, Any]:
    """Which printed names are no genes of today, and what became of each; nothing where all are."""
    told = {
        "stored as the gene that they belong to": dict(found.renamed),
        "stored as an allele of the gene that they are a part of": dict(found.merged),
        "no ORF of S288C": sorted(found.outside),
    }
    told = {what: names for what, names in told.items() if names}
    return {"retired_names": dg.MetadataValue.json(told)} if told else {}


def _plot(dataset: Dataset, path: Path) -> dict[str, Any]:
    def draw() -> "Figure":
        table = pl.scan_parquet(path)
        of_reference = {GENOME.name: figures.gene_lengths, CHROMOSOME_SEQUENCES.name: figures.chromosome_lengths}
        reference = of_reference.get(dataset.name)
        return reference(table) if reference else figures.value_histogram(table, dataset.name)

    return {"plot": picture(dataset.name, draw)}


def of_the_study(study: Study) -> tuple[Dataset, ...]:
    """The datasets of records that a study works on, in the order of `DATASETS`."""
    return tuple(dataset for dataset in DATASETS if dataset.name in study.datasets)


def raw_files(study: Study) -> dg.AssetsDefinition:
    """The raw files that the datasets of a study are read from, each once, whichever read it."""
    return declared(
        study.prefix, list(dict.fromkeys(f for one in (*REFERENCE, *of_the_study(study)) for f in one.raw_files))
    )


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """The reference genome and every dataset of a study."""
    return [_asset(study, dataset) for dataset in (*REFERENCE, *of_the_study(study))]
