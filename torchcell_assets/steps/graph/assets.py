"""One asset per dataset: its bundle, and a build of it in Neo4j. Made by one factory from the list of datasets."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot, GraphStore
from torchcell_assets.config.step_resources import NEO4J_WRITE
from torchcell_assets.config.study import Study
from torchcell_assets.schema import Gene
from torchcell_assets.staleness import Members, Policy, step
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph import bundle, deletion, load, offline, ownership, tables, writer
from torchcell_assets.steps.graph.checks import materialized
from torchcell_assets.storage.locks import exclusive_lock
from torchcell_assets.storage.publish import as_they_are, column_lineage, column_schema, result

if TYPE_CHECKING:
    from neo4j import Driver

WRITER = Policy("bundle_writer", bundle.WRITER_VERSION)
"""Another way of writing bundles gives builds other names: what was loaded by the old one is outdated."""


def _schema(*labels: str) -> Policy:
    return Policy("schema_config", writer.schema_entries(*labels))


def _genome(study: Study) -> dg.AssetsDefinition:
    # what the graph holds beside the genes: a dataset that left the study outdates the genes, and leaves when they are made;
    # one that comes has a graph of its own, and changes nothing of them
    datasets = Members("datasets of the study", [dataset.name for dataset in of_the_study(study)])

    @step(
        prefix=study.prefix,
        name=GENOME.name,
        uses=[Gene, _schema("gene"), WRITER, datasets],
        deps=[layout.key(study, "datasets", GENOME.name)],
        rebuilds=True,
        kinds={"neo4j"},
        pool=NEO4J_WRITE,
        description="The genes of the reference genome as (:Gene) nodes, replaced in one transaction.\n\nDatasets that left "
        "the study leave the graph with it.",
    )
    def build(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> dg.MaterializeResult:
        path = layout.dataset_table(root.folder, GENOME.name)
        made = tables.gene_tables(pl.read_parquet(path))
        genes = made.nodes["gene"].height
        version = _upstream_version(context)
        manifest = bundle.gene_manifest(GENOME.name, version, genes, path)
        bundles = layout.bundles(root.folder, GENOME.name)
        with _alone(context, bundles):
            folder = bundle.write(bundles, made, manifest)
            with _writable(context, root, store) as driver:
                left = deletion.forget_others(driver, store.database_name, datasets.content)
                load.load_genes(driver, store.database_name, folder)
            bundle.delete_others(folder)
        told = {"build": manifest.build, "dagster/row_count": genes, "left_the_graph": ", ".join(left) or "none"}
        return result(folder, version, metadata={**told, **_columns(study, GENOME)}, present=_local_store(store))

    return build


def _records(study: Study, dataset: Dataset) -> dg.AssetsDefinition:
    @step(
        prefix=study.prefix,
        name=dataset.name,
        uses=[dataset.record, _schema(*bundle.labels_of(dataset)), WRITER],
        deps=[layout.key(study, "datasets", dataset.name)],
        rebuilds=True,
        kinds={"neo4j"},
        pool=NEO4J_WRITE,
        tags={"record": dataset.record.__name__.lower()},
        description=f"The records of `datasets/{dataset.name}` as experiments in Neo4j: one build, verified and made "
        "current.\n\nEach is a node with the labels Experiment and "
        f"{dataset.record.__name__}, one PERTURBS edge per perturbed gene, under the screen that measured it.",
    )
    def build(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> dg.MaterializeResult:
        path = layout.dataset_table(root.folder, dataset.name)
        version = _upstream_version(context)
        bundles = layout.bundles(root.folder, dataset.name)

        with _alone(context, bundles):
            folder = bundle.write_records(bundles, dataset, version, path)
            loaded = _into_the_graph(context, study, root, store, folder)
            bundle.delete_others(folder)
            manifest = bundle.read_manifest(folder)
        return result(
            folder,
            version,
            metadata={
                "build": manifest.build,
                "loaded": loaded,
                "dagster/row_count": manifest.nodes[dataset.record.__name__],
                **_columns(study, dataset),
                "nodes": dg.MetadataValue.json(manifest.nodes),
                "edges": dg.MetadataValue.json(manifest.edges),
                "query": dg.MetadataValue.md(_example(dataset)),
            },
            present=_local_store(store),
        )

    return build


def _local_store(store: GraphStore) -> list[Path]:
    """The store of the local server, which goes on writing to it; one that a person runs elsewhere has to be asked."""
    return [store.local_home / "data"] if store.local_home else []


def _into_the_graph(
    context: dg.AssetExecutionContext, study: Study, root: DataRoot, store: GraphStore, folder: Path
) -> str:
    """Load a bundle into the live graph, or all bundles into a new one; returns which, and why."""
    manifest = bundle.read_manifest(folder)
    records = manifest.nodes[manifest.record_class]
    if store.local_home is None or records <= offline.ONLINE_RECORDS:
        with _writable(context, root, store) as driver:
            load.load(
                driver, store.database_name, folder, tick=lambda done, total: context.log.info(f"{done:,} of {total:,}")
            )
        return f"into the live graph: {records:,} records"
    why = f"into a new graph: {records:,} records are more than {offline.ONLINE_RECORDS:,}"
    context.log.info(why)

    def bundles() -> list[Path]:  # asked once nobody else loads: a load replaces its bundle
        return [*current_bundles(context.instance, study, root, besides=manifest.dataset), folder]

    offline.rebuild(store.local_home, bundles, keep=store.previous_stores, tell=context.log.info)
    with _writable(context, root, store):  # the new store is claimed as the one before was
        return why


@contextlib.contextmanager
def _writable(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> Iterator["Driver"]:
    """A driver of the graph, once no rebuild is under way and it is known that the graph belongs to this data root."""

    def waits() -> None:
        context.log.info("Another process makes a new graph of all bundles: this one waits for it.")

    with store.driver(loads=True, waits=waits) as driver:
        load.claim(driver, store.database_name, ownership.id_of(root.folder), root.folder)
        yield driver


def current_bundles(instance: dg.DagsterInstance, study: Study, root: DataRoot, besides: str = "") -> list[Path]:
    """The bundles of what the last materializations made, the genes' first; raises BundleError where one is gone.

    besides: a dataset that is left out.
    """
    names = [name for name in (GENOME.name, *(dataset.name for dataset in of_the_study(study))) if name != besides]
    made = materialized(instance, [layout.key(study, "graph", name) for name in names])
    builds = {layout.name_of(key): built.build for key, built in made.items()}
    folders = {name: layout.bundles(root.folder, name) / builds[name] for name in names if name in builds}
    for name, folder in folders.items():
        if not (folder / "manifest.json").is_file():
            raise tables.BundleError(
                f"The bundle of graph/{name} is not at {folder}: materialize graph/{name} again, so that the new graph has it."
            )
    return list(folders.values())


def _columns(study: Study, dataset: Dataset) -> dict[str, Any]:
    """A node or an edge carries the fields of its record: the columns are those of the dataset."""
    origin = (layout.key(study, "datasets", dataset.name), as_they_are(dataset.record.columns()))
    return {"dagster/column_schema": column_schema(dataset.record), **column_lineage(origin)}


def _alone(context: dg.AssetExecutionContext, bundles: Path) -> AbstractContextManager[None]:
    """The pool keeps two runs of the UI apart; a command line beside it has no pool. Who waits then finds all made."""
    return exclusive_lock(
        bundles, waits=lambda: context.log.info("Another process writes this dataset: this one waits for it.")
    )


def _upstream_version(context: dg.AssetExecutionContext) -> str:
    """The graph holds the same logical rows as the dataset, so it has the same data version."""
    (parent,) = context.assets_def.keys_by_input_name.values()
    event = context.instance.get_latest_materialization_event(parent)
    assert event is not None and event.asset_materialization is not None
    return (event.asset_materialization.tags or {})["dagster/data_version"]


def _example(dataset: Dataset) -> str:
    return (
        "```cypher\n"
        f"MATCH (:Dataset {{id: '{dataset.name}'}})-[:CONTAINS]->(s)-[:MEASURED]->(e)-[p:PERTURBS]->(g:Gene)\n"
        "RETURN s, e, p, g LIMIT 25\n```"
    )


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """The genes and every dataset of a study, in the graph."""
    return [_genome(study), *(_records(study, dataset) for dataset in of_the_study(study))]
