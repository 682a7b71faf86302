"""What the query selects, de-duplicated; and nested samples of it, one per SIZE."""

import shutil
from pathlib import Path

import dagster as dg
import polars as pl

from torchcell_assets.partitions import SIZE
from torchcell_assets.plots import embedded
from torchcell_assets.resources import DataRoot, GraphStore
from torchcell_assets.schema import Fitness, MergedFitness
from torchcell_assets.staleness import Policy, content_hash, result, step
from torchcell_assets.staleness.publish import as_they_are, column_lineage, table_metadata
from torchcell_assets.staleness.stored import PREVIEW_ROWS
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph import read
from torchcell_assets.steps.graph.checks import materialized_build
from torchcell_assets.steps.merged import figures, fitness, pooled, subsets
from torchcell_assets.storage import replacing
from torchcell_assets.study import current

STUDY = current()
FITNESS_DATASETS = tuple(dataset for dataset in of_the_study() if dataset.record is Fitness)
FITNESS_KEY = dg.AssetKey(["merged", "fitness"])


def graph_key(dataset: Dataset) -> dg.AssetKey:
    """The asset that holds a dataset in the graph."""
    return dg.AssetKey(["graph", dataset.name])


def merged_path(root: DataRoot) -> Path:
    """The DuckDB file with all merged rows."""
    return root.place("merged", "fitness.duckdb")


@step(
    name="fitness",
    uses=[
        Fitness,
        MergedFitness,
        STUDY.query,
        read.PERTURBATIONS,
        pooled.POOLING,
        pooled.REPLICATES,
        Policy("merge_key", STUDY.merge_key),
    ],
    deps=[graph_key(dataset) for dataset in FITNESS_DATASETS],
    rebuilds=True,
    kinds={"duckdb", "neo4j"},
)
def merged_fitness(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> dg.MaterializeResult:
    """One row is one genotype at one temperature, in one class of media, pooled over independent measurements.

    Selected by the study's Cypher query from the graph, page by page; de-duplicated in DuckDB. Open it with
    `duckdb data/merged/fitness.duckdb`; beside the table `fitness` it holds `replicates`, the pairs of publications
    that measured one genotype. Used by `merged/subset`.
    """
    builds = {d.name: materialized_build(context.instance, d.name) or "" for d in FITNESS_DATASETS}
    pages = root.place("merged", "pages")
    with store.driver() as driver:
        serves = read.current_builds(driver, store.database_name, list(builds))
        read.refuse_other_builds(serves, builds)
        wanted = [serves[name] for name in sorted(builds)]
        read.select(driver, store.database_name, STUDY.query, wanted, pages)
        # a build that was replaced while it was read came in parts
        read.refuse_other_builds(read.current_builds(driver, store.database_name, list(builds)), builds)
    path = merged_path(root)
    with replacing(path) as temporary:
        merged = fitness.merge(pages, temporary, STUDY.merge_key)
    shutil.rmtree(pages)
    names = {dataset.publication: dataset.name.split("_", 1)[1] for dataset in FITNESS_DATASETS}
    scatter, r = figures.replicate_scatter(fitness.replicates(path), names)
    loaded = sum(experiments for _, experiments in wanted)
    shown = fitness.read(path, "haploid AND deletions_only", columns=["order", "value", "haploid", "deletions_only"])
    return result(
        path,
        fitness.content(path),
        metadata={
            **table_metadata(MergedFitness, fitness.spread(path, PREVIEW_ROWS), merged.rows),
            **column_lineage(*((graph_key(d), fitness.COLUMNS_FROM) for d in FITNESS_DATASETS)),
            "loaded": loaded,
            "selected": merged.selected,
            "not_selected_by_the_query": loaded - merged.selected,
            "pooled": merged.pooled,
            "excluded": dg.MetadataValue.json(merged.excluded),
            "by_order": embedded(figures.fitness_by_order(shown), "fitness by order"),
            "replicates": embedded(scatter, "replicates"),
            **({"replicate_pearson": r} if r is not None else {}),
        },
    )


@step(
    name="subset",
    uses=[MergedFitness, Policy("condition", [repr(STUDY.condition), STUDY.seed])],
    deps=[FITNESS_KEY],
    partitions_def=SIZE,
    rebuilds=True,
    kinds={"parquet"},
)
def merged_subset(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
    """One row is one haploid deletion genotype at the standard condition of the study, with its rank and its split.

    Nested: `1e3` is the beginning of `1e4`. Order and split follow a hash of the gene set, the same on every machine.
    """
    rows = subsets.with_split(subsets.standard(merged_path(root), STUDY.condition), STUDY.seed)
    table = subsets.subset(rows, context.partition_key, STUDY.larger)
    path = root.table("merged/subset", context.partition_key)
    with replacing(path) as temporary:
        table.write_parquet(temporary, compression="zstd")
    return result(
        path,
        content_hash(table, ["genotype"]),
        metadata={
            **table_metadata(MergedFitness, table),
            **column_lineage((FITNESS_KEY, as_they_are(MergedFitness.columns()))),
            "available": rows.height,
            **{f"order_{order}": count for order, count in table["order"].value_counts().sort("order").iter_rows()},
            **{split: table.filter(pl.col("split") == split).height for split in subsets.SPLITS},
            "by_order": embedded(figures.fitness_by_order(table), "fitness by order"),
        },
    )


ASSETS = [merged_fitness, merged_subset]
