"""What the query selects, de-duplicated; nested samples, one per SIZE; the test set of all; samples as key-value stores."""

import contextlib
import shutil
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from torchcell_assets.config.partitions import SIZE
from torchcell_assets.config.resources import DataRoot, GraphStore
from torchcell_assets.config.study import current
from torchcell_assets.schema import Fitness, MergedFitness, Viability
from torchcell_assets.staleness import Policy, step
from torchcell_assets.staleness.provenance import data_versions
from torchcell_assets.staleness.step import Use
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph import read
from torchcell_assets.steps.graph.checks import materialized_build
from torchcell_assets.steps.merged import figures, fitness, key_value, pooling, subsets, viability
from torchcell_assets.steps.merged.between_publications import ENOUGH
from torchcell_assets.steps.merged.key_value_store import KeyValueStore
from torchcell_assets.steps.merged.measurements import measurements
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.content import ContentHash, content_hash
from torchcell_assets.storage.figures import picture
from torchcell_assets.storage.locks import exclusive_lock
from torchcell_assets.storage.publish import as_they_are, column_lineage, column_schema, result, table_metadata
from torchcell_assets.storage.stored import PREVIEW_ROWS, listed, preview

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDY = current()
FITNESS_DATASETS = tuple(dataset for dataset in of_the_study() if dataset.record is Fitness)
FITNESS_KEY = dg.AssetKey(["merged", "fitness"])
SUBSET_KEY = dg.AssetKey(["merged", "subset"])
VIABILITY_DATASETS = tuple(dataset for dataset in of_the_study() if dataset.record is Viability)
SAMPLED: tuple[Use, ...] = (
    *(Policy("condition", [repr(STUDY.condition), STUDY.seed]), Policy("split", subsets.SHARES)),
    *((Viability, Policy("essential_genes", viability.RULE)) if STUDY.condition.viable_only else ()),
)
"""What decides which genotypes are taken from the merged table, and into which split each falls."""
SAMPLED_FROM = [
    FITNESS_KEY,
    *(dg.AssetKey(["datasets", one.name]) for one in VIABILITY_DATASETS if STUDY.condition.viable_only),
]
"""The assets from which they are taken."""
LISTED = 20
"""Rows whose measurements agree least, on the page."""
DRAWN = ["order", "haploid", "deletions_only", "value"]


def graph_key(dataset: Dataset) -> dg.AssetKey:
    """The asset that holds a dataset in the graph."""
    return dg.AssetKey(["graph", dataset.name])


def merged_path(root: DataRoot) -> Path:
    """The DuckDB file with all merged rows."""
    return root.place("merged", "fitness.duckdb")


def calls(root: DataRoot) -> viability.Calls:
    """Which genes the viability datasets of the study call essential; what is not materialized says nothing."""
    tables = {dataset.name: root.table("datasets", dataset.name) for dataset in VIABILITY_DATASETS}
    return viability.read({name: path for name, path in tables.items() if path.is_file()})


def left_out(root: DataRoot) -> Set[str]:
    """The genes whose deletions are in no sample.

    Raises:
        SubsetError: the study leaves out what does not live, and there is no record of that.
    """
    if not STUDY.condition.viable_only:
        return frozenset()
    essential = calls(root).essential.keys()
    if not essential:
        raise subsets.SubsetError(
            f"The condition of the study {STUDY.name} is `viable_only`, and no dataset says which genes are essential: add one "
            "such as viability_deletion_project to its datasets and materialize it."
        )
    return essential


@step(
    name="fitness",
    uses=[
        Fitness,
        MergedFitness,
        STUDY.query,
        read.PERTURBATIONS,
        Policy("merge_key", STUDY.merge_key),
        Policy("pooling", [*pooling.POOLINGS, {"own variance from": ENOUGH}]),
    ],
    deps=[graph_key(dataset) for dataset in FITNESS_DATASETS],
    rebuilds=True,
    kinds={"duckdb", "neo4j"},
    code=[pooling.numbers, measurements],
)
def merged_fitness(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> dg.MaterializeResult:
    """One row is one genotype at one temperature, in one class of media and one kind of assay, pooled over its measurements.

    Selected by the study's Cypher query from the graph, page by page. Pooled by random effects where every measurement has
    a standard error, with equal weights where one has none: the column `pooling` says which, `consistency` how well the
    measurements agree, `laboratories` from how many hands they come. `shared_error` is what rows of one query or array
    strain have in common.
    With the merge key `paper` a row is a gene set, and mixes alleles, assays, zygosities and conditions.

    Open it with `duckdb data/merged/fitness.duckdb`; beside the table `fitness` it holds `replicates`, what two publications
    measured of one genotype under one condition, and `between_publications`, by how much they differ beyond what they state. Used
    by `merged/subset`.
    """
    path, pages = merged_path(root), root.place("merged", "pages")
    # the pages are shared, so that a reading which was killed goes on: one process at a time
    with exclusive_lock(
        root.place("merged"), waits=lambda: context.log.info("Another process merges: this one waits for it.")
    ):
        loaded = _read(context, store, pages)
        with atomic_write(path) as temporary:
            merged = fitness.merge(pages, temporary, STUDY.merge_key)
            made = result(path, merged.data_version, metadata=_told(merged, temporary, loaded), files={path: temporary})
        shutil.rmtree(pages, ignore_errors=True)  # the next reading deletes what is left of them
    return made


def _told(merged: fitness.Merged, path: Path, loaded: int) -> dict[str, Any]:
    """What the page of `merged/fitness` shows. path: of the written file; loaded: experiments in the graph."""
    pairs = fitness.replicates(path)
    names = {dataset.publication: dataset.name.split("_", 1)[1] for dataset in FITNESS_DATASETS}
    rules = fitness.rules(path)
    several = {rule: counts for rule, counts in rules.items() if rule != "single"}
    tested = sum(rows for rows, _ in several.values())

    def by_order() -> "Figure":
        return figures.fitness_by_order(fitness.read(path, "haploid AND deletions_only", columns=DRAWN))

    return {
        **table_metadata(MergedFitness, fitness.spread(path, PREVIEW_ROWS), merged.rows),
        **column_lineage(*((graph_key(d), fitness.COLUMNS_FROM) for d in FITNESS_DATASETS)),
        "loaded": loaded,
        "selected": merged.selected,
        "not_selected_by_the_query": loaded - merged.selected,
        "pooled": merged.pooled,
        "excluded": dg.MetadataValue.json(merged.excluded),
        "by_order": picture("fitness by order", by_order),
        "replicates": picture("replicates", lambda: figures.replicate_scatter(pairs, names)),
        "agreement_of_publications": listed(figures.agreement(pairs)),
        "between_publications": listed(fitness.between_publications(path)),
        **{f"rows_{rule}": rows for rule, (rows, _) in rules.items()},
        "share_of_pooled_with_p_below_0.05": sum(apart for _, apart in several.values()) / tested if tested else 0.0,
        "least_consistent": listed(fitness.least_consistent(path, LISTED)),
    }


def _read(context: dg.AssetExecutionContext, store: GraphStore, pages: Path) -> int:
    """Read what the query selects of the materialized builds; returns how many experiments these hold."""
    builds = {d.name: materialized_build(context.instance, d.name) or "" for d in FITNESS_DATASETS}
    with store.driver() as driver:
        serves = read.current_builds(driver, store.database_name, list(builds))
        read.refuse_other_builds(serves, builds)
        wanted = [serves[name] for name in sorted(builds)]
        read.select(driver, store.database_name, STUDY.query, wanted, pages)
        # a build that was replaced while it was read came in parts
        read.refuse_other_builds(read.current_builds(driver, store.database_name, list(builds)), builds)
    return sum(experiments for _, experiments in wanted)


@step(
    name="subset",
    uses=[MergedFitness, *SAMPLED],
    deps=SAMPLED_FROM,
    partitions_def=SIZE,
    rebuilds=True,
    kinds={"parquet"},
)
def merged_subset(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
    """One row is one haploid deletion genotype at the standard condition of the study, with its rank and its split.

    Where the condition of the study is `viable_only`, deletions of genes that its viability datasets call essential are left
    out. A genotype without a row at the standard temperature may be taken from another one, from which the study assumes it;
    its row says at which it was measured. Nested: `1e3` is the beginning of `1e4`. Order and split follow a hash of the
    gene set, the same on every machine.
    """
    merged, size, condition = merged_path(root), context.partition_key, STUDY.condition
    path, without = root.table("merged/subset", size), left_out(root)
    counts, content = [], ContentHash()
    with atomic_write(path) as temporary:
        scratch = temporary.parent
        there = subsets.available(merged, condition, without=without, scratch=scratch) if size != "all" else None
        limit = None if there is None else subsets.wanted(size, there, STUDY.larger)
        batches = subsets.batches(merged, condition, STUDY.seed, limit=limit, without=without, scratch=scratch)
        for batch in subsets.written(temporary, batches):
            content.update(batch)
            counts.append(batch.group_by("order", "split").len())
        told = _told_of_sample(temporary, pl.concat(counts), there)
        made = result(path, content.digest(), metadata=told, files={path: temporary})
    return made


def _told_of_sample(path: Path, count: pl.DataFrame, available: int | None) -> dict[str, Any]:
    """What the page of a sample shows. path: of the written file; count: rows by order and split; available: None for all."""
    rows = int(count["len"].sum())
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": column_schema(MergedFitness),
        "preview": preview(_spread(path, rows)),
        **column_lineage((FITNESS_KEY, as_they_are(MergedFitness.columns()))),
        "available": rows if available is None else available,
        **{f"order_{order}": number for order, number in _sums(count, "order").items()},
        **{split: _sums(count, "split").get(split, 0) for split in subsets.SPLITS},
        "by_order": picture("fitness by order", lambda: figures.fitness_by_order(pl.read_parquet(path, columns=DRAWN))),
    }


def _sums(count: pl.DataFrame, name: str) -> dict[Any, int]:
    return dict(count.group_by(name).agg(pl.col("len").sum()).sort(name).iter_rows())


def _spread(path: Path, rows: int) -> pl.DataFrame:
    """A few rows from all over a file, of which only their row groups are read."""
    every = max(1, rows // PREVIEW_ROWS)
    return pl.concat(pl.scan_parquet(path).slice(at, 1).collect() for at in range(0, max(1, rows), every))


@step(
    name="test_set",
    uses=[MergedFitness, *SAMPLED, Policy("test_genotypes", subsets.TEST_GENOTYPES)],
    deps=SAMPLED_FROM,
    rebuilds=True,
    kinds={"parquet"},
)
def merged_test_set(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
    """One row is one genotype that no model of any size is trained on: what all of them are scored on.

    The test split of all genotypes at the standard condition. It is more than the test split of a small size holds, and the
    same for every size, so that scores of sizes compare.
    """
    rows = subsets.test_set(merged_path(root), STUDY.condition, STUDY.seed, without=left_out(root))
    path = root.place("merged", "test_set.parquet")
    count = rows.group_by("order").len().sort("order")
    told = {
        **table_metadata(MergedFitness, rows),
        **column_lineage((FITNESS_KEY, as_they_are(MergedFitness.columns()))),
        **{f"order_{order}": number for order, number in count.iter_rows()},
    }
    with atomic_write(path) as temporary:
        rows.write_parquet(temporary, compression="zstd")
        made = result(path, content_hash(rows, ["rank"]), metadata=told, files={path: temporary})
    return made


@step(
    name="key_value",
    uses=[MergedFitness, Policy("key_value_format", key_value.FORMAT)],
    deps=[SUBSET_KEY],
    partitions_def=SIZE,
    rebuilds=True,
    kinds={"lmdb"},
    code=[key_value.write, KeyValueStore.read],
)
def merged_key_value(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
    """One record is one genotype of the sample, by its rank: what a training loop reads in random order.

    An LMDB file; open it with `torchcell_assets.dataset("merged/key_value/1e3")` in torch, or with
    `torchcell_assets.open` as a table. The records hold codes and numbers; what codes stand for is in the file too.
    """
    size = context.partition_key
    subset, path = root.table("merged/subset", size), root.place("merged", "key_value", f"{size}.lmdb")
    version = data_versions(context.instance, SUBSET_KEY).get(size, "")
    fields = [*key_value.HEADER_FIELDS, *key_value.PERTURBATION_FIELDS]
    with atomic_write(path) as temporary:
        stored = key_value.write(temporary, key_value.batches_of(subset), version)
        with contextlib.closing(KeyValueStore(temporary)) as store:
            rows, shown = len(store), store.table(range(min(PREVIEW_ROWS, len(store))))
        told = {
            "dagster/row_count": rows,
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(n, t, description=d) for n, t, d in fields]),
            "preview": preview(shown),
            **column_lineage((SUBSET_KEY, key_value.COLUMNS_FROM)),
            "genes": stored.genes,
            "alleles": stored.alleles,
        }
        made = result(path, stored.version, metadata=told, files={path: temporary})
    return made


ASSETS = [merged_fitness, merged_subset, merged_test_set, merged_key_value]
