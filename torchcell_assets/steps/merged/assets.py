"""What the query selects, de-duplicated; nested samples, one per SIZE; the test set of all; samples as key-value stores."""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.partitions import partitions
from torchcell_assets.config.resources import DataRoot, GraphStore
from torchcell_assets.config.study import Study, StudyError
from torchcell_assets.schema import Viability
from torchcell_assets.staleness import Policy, step
from torchcell_assets.staleness.provenance import data_versions
from torchcell_assets.staleness.step import Use
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.graph import read
from torchcell_assets.steps.graph.checks import materialized
from torchcell_assets.steps.merged import key_value, page, pooling, sample_targets, subsets, viability
from torchcell_assets.steps.merged.between_publications import ENOUGH
from torchcell_assets.steps.merged.essential_genes import left_out
from torchcell_assets.steps.merged.key_value_store import KeyValueStore
from torchcell_assets.steps.merged.measurements import measurements
from torchcell_assets.steps.merged.merge import merge
from torchcell_assets.steps.merged.page import datasets_of
from torchcell_assets.steps.merged.phenotypes import Phenotype, merged_by, query_of
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.content import ContentHash, content_hash
from torchcell_assets.storage.locks import exclusive_lock
from torchcell_assets.storage.publish import column_lineage, result, table_metadata
from torchcell_assets.storage.stored import PREVIEW_ROWS, preview

DESCRIPTION = """{row}

Selected by a Cypher query from the graph, page by page. Pooled by random effects where every measurement has a standard error,
with equal weights where one has none: the column `pooling` says which, `consistency` how well the measurements agree,
`laboratories` from how many hands they come. `shared_error` is what rows of one query or array strain have in common.
With the merge key `paper` a row is a gene set, and mixes alleles, assays, zygosities and conditions.

Open it with `duckdb data/merged/{name}.duckdb`; beside the table `{name}` it holds `replicates`, what two publications measured
of one genotype under one condition, and `between_publications`, by how much they differ beyond what they state."""
"""Of a merged asset."""


def merged_phenotypes(study: Study) -> list[Phenotype]:
    """The phenotypes that a study merges."""
    return merged_by({dataset.record for dataset in of_the_study(study)})


def sampled_phenotypes(study: Study) -> list[Phenotype]:
    """The targets of a study, in the order of the registry: the first decides which genotypes are in its samples.

    Raises:
        StudyError: none of its datasets measures one of them.
    """
    found = sample_targets.of_targets(study.targets)
    merged = merged_phenotypes(study)
    if lacking := [one.name for one in found if one not in merged]:
        raise StudyError(f"No dataset of the study {study.name} measures its target {lacking[0]}: add one.")
    return found


def sampled(study: Study) -> tuple[Use, ...]:
    """What decides which genotypes, and which rows of them, are taken from the merged tables, and into which split each falls."""
    essential = (Viability, Policy("essential_genes", viability.RULE)) if study.condition.viable_only else ()
    preferred = {
        f"{one.name}_{name}": list(one.types[name].categories)
        for one in sampled_phenotypes(study)
        for name in one.undecided
    }
    return (
        Policy("condition", [repr(study.condition), study.seed]),
        Policy("split", subsets.SHARES),
        *([Policy("preferred", preferred)] if preferred else []),
        *essential,
    )


def _uses(study: Study) -> list[Use]:
    return [*(one.merged for one in sampled_phenotypes(study)), *sampled(study)]


def sampled_from(study: Study) -> list[dg.AssetKey]:
    """The assets from which they are taken."""
    calls_of = datasets_of(study, Viability) if study.condition.viable_only else ()
    merged = [layout.key(study, "merged", one.name) for one in sampled_phenotypes(study)]
    return [*merged, *(layout.key(study, "datasets", one.name) for one in calls_of)]


def _merged_files(root: DataRoot, phenotypes: Sequence[Phenotype]) -> dict[str, Path]:
    """Target -> the file of which its values are."""
    return {one.name: layout.merged_file(root.folder, one.name) for one in phenotypes}


def _merged(study: Study, phenotype: Phenotype) -> dg.AssetsDefinition:
    query = query_of(phenotype, study.query)

    @step(
        prefix=study.prefix,
        name=phenotype.name,
        uses=[
            phenotype.record,
            phenotype.merged,
            query,
            read.PERTURBATIONS,
            Policy("merge_key", study.merge_key),
            Policy("pooling", [*pooling.POOLINGS, {"own variance from": ENOUGH}]),
        ],
        deps=[layout.key(study, "graph", one.name) for one in datasets_of(study, phenotype.record)],
        rebuilds=True,
        kinds={"duckdb", "neo4j"},
        code=[pooling.numbers, measurements],
        description=DESCRIPTION.format(row=phenotype.row, name=phenotype.name),
    )
    def merged(context: dg.AssetExecutionContext, root: DataRoot, store: GraphStore) -> dg.MaterializeResult:
        path, pages = layout.merged_file(root.folder, phenotype.name), root.place("merged", f"{phenotype.name}.pages")
        # the pages are shared, so that a reading which was killed goes on: one process at a time
        with exclusive_lock(
            root.place("merged"), waits=lambda: context.log.info("Another process merges: this one waits for it.")
        ):
            loaded = _read(context, study, store, phenotype, pages)
            with atomic_write(path) as temporary:
                done = merge(pages, temporary, phenotype, study.merge_key)
                told = page.of_merged(study, phenotype, done, temporary, loaded)
                made = result(path, done.data_version, metadata=told, files={path: temporary})
            shutil.rmtree(pages, ignore_errors=True)  # the next reading deletes what is left of them
        return made

    return merged


def _read(context: dg.AssetExecutionContext, study: Study, store: GraphStore, phenotype: Phenotype, pages: Path) -> int:
    """Read what the query selects of the materialized builds; returns how many experiments these hold."""
    names = [dataset.name for dataset in datasets_of(study, phenotype.record)]
    made = materialized(context.instance, [layout.key(study, "graph", name) for name in names])
    builds = dict.fromkeys(names, "") | {layout.name_of(key): built.build for key, built in made.items()}
    with store.driver() as driver:
        serves = read.current_builds(driver, store.database_name, list(builds))
        read.refuse_other_builds(serves, builds)
        wanted = [serves[name] for name in sorted(builds)]
        selection = phenotype.selected_by(query_of(phenotype, study.query))
        read.select(driver, store.database_name, selection, wanted, pages)
        # a build that was replaced while it was read came in parts
        read.refuse_other_builds(read.current_builds(driver, store.database_name, list(builds)), builds)
    return sum(experiments for _, experiments in wanted)


def _subset(study: Study) -> dg.AssetsDefinition:
    phenotype, *further = phenotypes = sampled_phenotypes(study)

    @step(
        prefix=study.prefix,
        name="subset",
        uses=_uses(study),
        deps=sampled_from(study),
        partitions_def=partitions(study).size,
        rebuilds=True,
        kinds={"parquet"},
    )
    def merged_subset(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is one haploid deletion genotype at the standard condition of the study, with its rank and its split.

        Where the condition of the study is `viable_only`, deletions of genes that its viability datasets call essential are left
        out. A genotype without a row at the standard temperature may be taken from another one, from which the study assumes it;
        its row says at which it was measured. Nested: `1e3` is the beginning of `1e4`. Order and split follow a hash of the
        gene set, the same on every machine. Further targets of the study stand in columns `<target>_<column>`, null where a
        genotype has none.
        """
        merged = layout.merged_file(root.folder, phenotype.name)
        size, condition = context.partition_key, study.condition
        path, without = layout.subset_table(root.folder, size), left_out(study, root)
        counts, content = [], ContentHash()
        with atomic_write(path) as temporary:
            scratch = temporary.parent
            there = subsets.available(merged, condition, without=without, scratch=scratch) if size != "all" else None
            limit = None if there is None else subsets.wanted(size, there, study.larger)
            beside = _merged_files(root, further)
            how: dict[str, Any] = {"limit": limit, "without": without, "scratch": scratch, "further": beside}
            batches = subsets.batches(merged, condition, study.seed, **how)
            for batch in subsets.written(temporary, phenotype, batches, further):
                content.update(batch)
                counts.append(batch.group_by("order", "split").len())
            told = page.of_sample(study, phenotypes, temporary, pl.concat(counts), there)
            made = result(path, content.digest(), metadata=told, files={path: temporary})
        return made

    return merged_subset


def _test_set(study: Study) -> dg.AssetsDefinition:
    phenotype, *further = phenotypes = sampled_phenotypes(study)

    @step(
        prefix=study.prefix,
        name="test_set",
        uses=[*_uses(study), Policy("test_genotypes", subsets.TEST_GENOTYPES)],
        deps=sampled_from(study),
        rebuilds=True,
        kinds={"parquet"},
    )
    def merged_test_set(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is one genotype that no model of any size is trained on: what all of them are scored on.

        The test split of all genotypes at the standard condition. It is more than the test split of a small size holds, and the
        same for every size, so that scores of sizes compare.
        """
        merged = layout.merged_file(root.folder, phenotype.name)
        without, beside = left_out(study, root), _merged_files(root, further)
        rows = subsets.test_set(merged, study.condition, study.seed, without=without, further=beside)
        path = layout.test_set_table(root.folder)
        count = rows.group_by("order").len().sort("order")
        told = {
            **table_metadata(phenotype.merged, rows),
            **page.as_merged(study, phenotypes),
            **page.of_further(rows.lazy(), further),
            **{f"order_{order}": number for order, number in count.iter_rows()},
        }
        with atomic_write(path) as temporary:
            rows.write_parquet(temporary, compression="zstd", metadata={sample_targets.FIRST: phenotype.name})
            made = result(path, content_hash(rows, ["rank"]), metadata=told, files={path: temporary})
        return made

    return merged_test_set


def _key_value(study: Study) -> dg.AssetsDefinition:
    phenotypes = sampled_phenotypes(study)
    targets = {one.name: one.label for one in phenotypes}

    @step(
        prefix=study.prefix,
        name="key_value",
        uses=[
            *(p.merged for p in phenotypes),
            Policy("key_value_format", key_value.FORMAT),
            Policy("targets", targets),
        ],
        deps=[layout.key(study, "merged", "subset")],
        partitions_def=partitions(study).size,
        rebuilds=True,
        kinds={"lmdb"},
        code=[key_value.write, KeyValueStore.read],
    )
    def merged_key_value(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One record is one genotype of the sample, by its rank: what a training loop reads in random order.

        An LMDB file; open it with `torchcell_assets.dataset("merged/key_value/1e3")` in torch, or with
        `torchcell_assets.open` as a table. The records hold codes and numbers, a value and a standard error of every target;
        what codes stand for, and which targets there are, is in the file too.
        """
        size = context.partition_key
        subset, path = layout.subset_table(root.folder, size), layout.key_value_file(root.folder, size)
        version = data_versions(context.instance, layout.key(study, "merged", "subset")).get(size, "")
        with atomic_write(path) as temporary:
            stored = key_value.write(temporary, key_value.batches_of(subset, targets), version, targets)
            told = {
                **_of_store(temporary),
                **column_lineage((layout.key(study, "merged", "subset"), key_value.columns_from(targets))),
                "genes": stored.genes,
                "alleles": stored.alleles,
            }
            made = result(path, stored.version, metadata=told, files={path: temporary})
        return made

    return merged_key_value


def _of_store(path: Path) -> dict[str, Any]:
    """Row count, column schema and preview of a key-value store."""
    fields = [*key_value.ABOUT_FIELDS, *key_value.TARGET_FIELDS, *key_value.PERTURBATION_FIELDS]
    with contextlib.closing(KeyValueStore(path)) as store:
        rows, shown = len(store), store.table(range(min(PREVIEW_ROWS, len(store))))
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(n, t, description=d) for n, t, d in fields]),
        "preview": preview(shown),
    }


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """The merged tables of a study, one a phenotype, and what is sampled from those of its targets."""
    return [
        *(_merged(study, one) for one in merged_phenotypes(study)),
        _subset(study),
        _test_set(study),
        _key_value(study),
    ]
