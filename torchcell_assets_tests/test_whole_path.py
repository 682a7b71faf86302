"""The whole path on the real files: raw -> records -> bundle -> Neo4j -> Cypher -> merged -> subset -> model -> score.

One data root, one graph server and one Dagster instance serve the module; each test asks something of what was made.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

import torchcell_assets
from torchcell_assets.config.partitions import cell
from torchcell_assets.config.resources import DataRoot, GraphStore, RawFiles
from torchcell_assets.config.study import current
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.definitions import defs
from torchcell_assets.notebook import predict, tables
from torchcell_assets.schema import Fitness, MergedFitness, MergedInteraction, Viability
from torchcell_assets.staleness import outdated
from torchcell_assets.staleness.provenance import data_versions
from torchcell_assets.steps.graph import deletion, load
from torchcell_assets.steps.graph.ownership import GraphOfOthers
from torchcell_assets.steps.graph.read import QueryError
from torchcell_assets.steps.merged import merged_table, subsets
from torchcell_assets.steps.merged.assets import datasets_of
from torchcell_assets.steps.merged.key_value_store import KeyValueStore
from torchcell_assets.steps.merged.phenotypes import FITNESS, INTERACTION
from torchcell_assets.storage.content import content_hash
from torchcell_assets_tests.conftest import delete_all
from torchcell_assets_tests.steps.graph.made_up import fitness_rows, write_bundle
from torchcell_assets_tests.steps.merged import reference

REPRESENTATIONS = ("one_hot", "random_10")
FITNESS_DATASETS = datasets_of(current(), Fitness)
VIABILITY_DATASETS = datasets_of(current(), Viability)


@dataclass
class Platform:
    instance: dg.DagsterInstance
    root: DataRoot
    store: GraphStore

    @property
    def resources(self) -> dict[str, Any]:
        raw = RawFiles(root=self.root)
        return {"root": self.root, "raw": raw, "store": self.store, "worker": WorkerProcess()}

    def make(self, *names: str, partition: str | None = None, **options) -> dg.ExecuteInProcessResult:
        selection = dg.AssetSelection.assets(*(name.split("/") for name in names))
        return dg.materialize(
            [*defs.assets, *defs.asset_checks],
            selection=selection,
            instance=self.instance,
            partition_key=partition,
            resources=self.resources,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            **options,
        )

    def metadata(self, name: str) -> dict:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}

    def version(self, name: str) -> str:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
        return event.asset_materialization.tags["dagster/data_version"]


@pytest.fixture(scope="module")
def platform(raw_files, tmp_path_factory, neo4j_connection) -> Iterator[Platform]:
    root = DataRoot(path=str(tmp_path_factory.mktemp("data")))
    store = GraphStore(
        root=root,
        uri=neo4j_connection.uri,
        username=neo4j_connection.username,
        password=neo4j_connection.password,
    )
    with store.driver() as driver, driver.session() as session:
        delete_all(session)  # a graph belongs to one data root
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(instance, root, store)
        names = ["genome", "interaction_sga", *(dataset.name for dataset in FITNESS_DATASETS)]
        made.make(*(f"datasets/{name}" for name in [*names, *(dataset.name for dataset in VIABILITY_DATASETS)]))
        made.make(*(f"graph/{name}" for name in names))
        made.make("merged/fitness")
        made.make("merged/interaction")
        made.make("merged/test_set")
        made.make("merged/subset", "merged/key_value", partition="1e3")
        for representation in REPRESENTATIONS:
            made.make("representations/gene_embedding", partition=representation)
        made.make("trained/baselines", partition="1e3")
        made.make("trained/elastic_net", partition=cell("1e3", "one_hot"))  # the other families: of the tiny study
        made.make("trained/scoreboard")
        yield made


def merged(platform: Platform) -> Path:
    return platform.root.place("merged", "fitness.duckdb")


def test_the_standard_condition_holds_as_many_genotypes_as_counted_in_the_raw_files(platform):
    every = subsets.table(merged(platform), current().condition, current().seed, deletions_only=False)
    # crosses at 26 C; singles without a conditional allele at 30 C, those that contradict themselves not among them
    assert dict(every["order"].value_counts().iter_rows()) == {1: 7056, 2: 5826, 3: 3457}
    deletions = subsets.table(merged(platform), current().condition, current().seed)
    assert dict(deletions["order"].value_counts().iter_rows()) == {1: 4685, 2: 4879, 3: 2892}
    assert dict(deletions["temperature"].value_counts().iter_rows()) == {30.0: 4685, 26.0: 4879 + 2892}


def test_every_selected_record_is_accounted_for(platform):
    told = platform.metadata("merged/fitness")
    assert told["loaded"] == 12_030 + 9_283 + 6_023 + 4_204 + 20_858
    assert told["selected"] == told["loaded"] - told["not_selected_by_the_query"] == told["pooled"] + 3
    assert told["excluded"] == {"censored (below a bound, no value)": 3}


def test_the_merged_table_is_what_the_reference_makes_of_all_records(platform):
    tables = [pl.read_parquet(platform.root.table("datasets", dataset.name)) for dataset in FITNESS_DATASETS]
    columns = ["perturbations", *(name for name in FITNESS.columns if name != "ordinal")]
    selected = pl.concat(table.select(columns) for table in tables).with_columns(
        pl.col(name).cast(pl.String) for name in ("reference", "medium_class", "assay", "evidence", "uncertainty_type")
    )
    expected = reference.merged(selected)
    stored = merged_table.read(merged(platform))
    reference.assert_is_merged(stored, expected)
    assert content_hash(stored, list(MergedFitness.primary_key())) == platform.version("merged/fitness")
    assert not platform.root.place("merged", "fitness.pages").exists()


def test_the_merged_interactions_are_all_records_of_their_scores(platform):
    records = pl.read_parquet(platform.root.table("datasets", "interaction_sga"))
    stored = torchcell_assets.open("merged/interaction", platform.root.folder)
    reference.assert_is_merged(stored, reference.merged(records, phenotype=INTERACTION))
    assert content_hash(stored, INTERACTION.merged.primary_key()) == platform.version("merged/interaction")
    counted = stored.group_by("score", "pooling").len().sort("score").rows()
    assert counted == [("epsilon", "single", 5_826), ("epsilon_query_array", "single", 3_457)]
    told = platform.metadata("merged/interaction")
    assert (told["loaded"], told["selected"], told["pooled"]) == (9_283, 9_283, 9_283)


def test_a_strain_published_as_query_and_as_array_with_one_number_counts_once(platform):
    table = tables.open_table("merged/fitness", platform.root.folder)
    at_30 = (pl.col("temperature") == 30) & (pl.col("assay") == "colony size")
    row = table.filter(pl.col("genotype") == "YAL002W:deletion:delta:haploid", at_30).row(0, named=True)
    assert {"fitness_costanzo2016:4:30C", "fitness_costanzo2016:5:30C"} < set(row["records"])
    # with that of Baryshnikova 2010, of the same laboratory
    assert (len(row["records"]), row["measurements"], row["laboratories"]) == (3, 2, 1)


def test_a_derived_fitness_never_passes_for_a_measured_one(platform):
    table = tables.open_table("merged/fitness", platform.root.folder)
    doubles = table.filter((pl.col("order") == 2) & pl.col("haploid"))
    assert doubles["evidence"].cast(pl.String).unique().to_list() == ["derived"]
    sample = pl.read_parquet(platform.root.table("merged/subset", "1e3"))
    assert sample.filter(pl.col("order") == 2)["evidence"].cast(pl.String).unique().to_list() == ["derived"]


def test_a_suppressor_is_no_deletion_genotype(platform):
    sample = subsets.table(merged(platform), current().condition, current().seed)
    records = pl.read_parquet(platform.root.table("datasets", "fitness_costanzo2016"))
    suppressors = records.filter(pl.col("genotype").str.contains(":suppressor:"))["id"]
    assert len(suppressors) > 100
    assert not set(suppressors) & set(sample["records"].explode())


def test_making_it_again_changes_no_data_version_and_leaves_one_bundle(platform):
    before = {name: platform.version(name) for name in ("datasets/fitness_sga", "graph/fitness_sga", "merged/fitness")}
    bundles = [platform.root.place("graph", "bundles", name) for name in ("genome", "fitness_sga")]
    for folder in bundles:
        (folder / "of_an_older_build").mkdir()
    platform.make("datasets/fitness_sga")
    platform.make("graph/genome", "graph/fitness_sga")
    platform.make("merged/fitness")
    assert {name: platform.version(name) for name in before} == before
    assert [len([path for path in folder.iterdir() if path.is_dir()]) for folder in bundles] == [1, 1]


def test_nothing_that_was_made_is_outdated(platform):
    found = outdated(platform.instance, defs.resolve_asset_graph(), root=platform.root.folder)
    assert [str(item) for item in found if not item.never_made] == []
    missing = {(item.key.to_user_string(), item.partition) for item in found}
    assert ("merged/subset", "1e4") in missing
    assert ("merged/subset", "1e3") not in missing


def test_a_changed_recipe_outdates_its_own_partition_alone(platform, monkeypatch):
    from torchcell_assets.staleness.provenance import RECIPES_METADATA

    graph = defs.resolve_asset_graph()
    key = dg.AssetKey(["representations", "gene_embedding"])
    deployed = graph.get(key).metadata[RECIPES_METADATA].value
    monkeypatch.setitem(deployed, "random_10", {**deployed["random_10"], "logic": "2"})
    found = outdated(platform.instance, graph, root=platform.root.folder)
    assert [(i.partition, i.why) for i in found if i.key == key and not i.never_made] == [
        ("random_10", "another recipe: logic 1 -> 2")
    ]


@pytest.mark.parametrize(
    ("name", "parents", "known"),
    [
        ("graph/fitness_sga", {"datasets/fitness_sga"}, Fitness),
        ("merged/fitness", {f"graph/{dataset.name}" for dataset in FITNESS_DATASETS}, MergedFitness),
        ("merged/interaction", {"graph/interaction_sga"}, MergedInteraction),
        ("merged/subset", {"merged/fitness"}, MergedFitness),
        ("merged/key_value", {"merged/subset"}, None),
        ("merged/test_set", {"merged/fitness"}, MergedFitness),
        ("trained/baselines", {"merged/subset", "merged/test_set", "merged/fitness"}, None),
        ("trained/elastic_net", {"merged/subset", "merged/test_set", "representations/gene_embedding"}, None),
    ],
)
def test_the_origin_of_a_column_is_a_column_of_an_input(platform, name, parents, known):
    lineage = platform.metadata(name)["dagster/column_lineage"].deps_by_column
    own = {column.name for column in platform.metadata(name)["dagster/column_schema"].columns}
    assert own >= lineage.keys() >= set(known.columns() if known else ())
    deps = [dep for column in lineage.values() for dep in column]
    assert {dep.asset_key.to_user_string() for dep in deps} == parents
    for dep in deps:
        columns = platform.metadata(dep.asset_key.to_user_string())["dagster/column_schema"].columns
        assert dep.column_name in {column.name for column in columns}


def test_verify_runs_every_check_of_what_was_made_and_makes_nothing(platform):
    before = platform.version("merged/fitness")
    done = defs.resolve_job_def("verify").execute_in_process(
        instance=platform.instance,
        resources=platform.resources,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert done.get_asset_materialization_events() == []
    assert platform.version("merged/fitness") == before
    found = done.get_asset_check_evaluations()
    made = set(platform.instance.get_asset_keys())
    assert {(one.asset_key, one.check_name) for one in found} == {
        (key.asset_key, key.name) for key in defs.resolve_asset_graph().asset_check_keys
    }
    assert [
        (one.asset_key, one.check_name, one.description)
        for one in found
        if one.asset_key in made and not one.passed and one.check_name != "what_is_measured_lives"
    ] == []
    [warned] = [one for one in found if one.check_name == "what_is_measured_lives"]
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.description.startswith("17 genotypes with a fitness lack a gene that is called essential")


def test_the_key_value_store_holds_the_sample_and_says_which(platform):
    sample = tables.open_table("merged/subset/1e3", platform.root.folder)
    store = KeyValueStore(platform.root.place("merged", "key_value", "1e3.lmdb"))
    kept = store.table().with_columns(pl.col("measurements").cast(pl.UInt32))
    text = pl.col("evidence", "pooling").cast(pl.String)
    assert_frame_equal(kept, sample.select(kept.columns).with_columns(text), check_exact=True)
    assert store.content == platform.version("merged/key_value")
    key = dg.AssetKey(["merged", "subset"])
    assert store.metadata["subset_version"] == data_versions(platform.instance, key)["1e3"]


def test_a_size_that_cannot_be_filled_fails_with_one_clear_sentence(platform):
    with pytest.raises(
        subsets.SubsetError, match=r"needs 100,000 genotypes and the merged table holds 12,446"
    ) as refusal:
        platform.make("merged/subset", partition="1e5")
    assert "full-size publications" in str(refusal.value)
    assert not platform.root.table("merged/subset", "1e5").exists()


def test_every_score_recomputes_from_the_stored_predictions(platform):
    board = pl.read_parquet(platform.root.place("trained", "scoreboard.parquet"))
    measures = {
        "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
        "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
        "rmse": lambda x, y: float(np.sqrt(np.mean((x - y) ** 2))),
    }
    checked = 0
    scored = board.filter(pl.col("value").is_not_null() & (pl.col("kind").cast(pl.String) != "repeat"))
    for row in scored.iter_rows(named=True):
        family = "baselines" if row["representation"] == "none" else row["model"]
        folder = "" if row["representation"] == "none" else row["representation"]
        path = platform.root.place("trained", family, row["size"], folder, "predictions.parquet")
        rows = pl.read_parquet(path).filter(
            (pl.col("model") == row["model"])
            & (pl.col("aggregation") == row["aggregation"])
            & (pl.col("permuted") == (row["kind"] == "permuted"))
            & (pl.col("training_sample") == 0)
            & (pl.col("split").cast(pl.String) == row["split"])
            & ((pl.col("order") == row["order"]) | (row["order"] == 0))
        )
        assert rows.height == row["genotypes"]
        found = measures[row["metric"]](rows["predicted"].to_numpy(), rows["observed"].to_numpy())
        assert found == pytest.approx(row["value"], abs=1e-9), row
        checked += 1
    assert checked > 300


def test_the_scoreboard_shows_its_figure_and_names_what_is_not_trained(platform):
    told = platform.metadata("trained/scoreboard")
    assert told["figure_1e3"].startswith("![scoreboard 1e3](data:image/png;base64,")
    assert "random_forest/1e3/one_hot" in told["not_trained"]
    assert "elastic_net/1e3/one_hot" not in told["not_trained"]
    for suffix in ("png", "svg"):
        assert platform.root.place("trained", f"scoreboard.{suffix}").stat().st_size > 10_000


def test_real_data_are_predicted_better_by_genes_than_by_a_mean(platform):
    board = pl.read_parquet(platform.root.place("trained", "scoreboard.parquet")).with_columns(
        pl.col("split", "metric").cast(pl.String)
    )
    own = pl.col("kind").cast(pl.String).is_in(["model", "baseline"])
    test = board.filter(own & (pl.col("split") == "test") & (pl.col("metric") == "spearman") & (pl.col("order") == 0))
    value = {(r["model"], r["representation"], r["aggregation"]): r["value"] for r in test.iter_rows(named=True)}
    assert value["elastic_net", "one_hot", "pert_sum"] > value["mean_per_order", "none", "none"] + 0.15


def test_a_notebook_predicts_mutants_by_any_gene_name(platform):
    found = predict.predict([["cdc28", "CLN3"], ["RAD52"]], "elastic_net/1e3/one_hot/pert_sum", platform.root.folder)
    assert found["genes"].to_list() == ["YAL040C+YBR160W", "YML032C"]
    assert (found["low"] < found["predicted"]).all() and (found["predicted"] < found["high"]).all()
    with pytest.raises(tables.NotThere, match="names no model"):
        predict.predict([["RAD52"]], "elastic_net", platform.root.folder)


def test_a_notebook_opens_tables_by_asset_key(platform):
    assert tables.open_table("merged/subset/1e3", platform.root.folder).height == 1000
    assert tables.gene("cdc28", platform.root.folder)["gene"] == "YBR160W"
    assert torchcell_assets.open is tables.open_table
    with pytest.raises(tables.NotThere, match="There is no table 'merged/nothing'"):
        tables.open_table("merged/nothing", platform.root.folder)


def store_in_sync(platform: Platform, name: str = "fitness_breslow2008") -> dg.AssetCheckEvaluation:
    check = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["graph", name]), "store_in_sync"))
    result = dg.materialize(
        [*defs.assets, *defs.asset_checks], selection=check, instance=platform.instance,
        resources=platform.resources,
    )  # fmt: skip
    return result.get_asset_check_evaluations()[0]


def test_a_store_that_was_changed_or_wiped_does_not_stay_green_and_is_mended(platform):
    assert store_in_sync(platform).passed
    edit = "MATCH (:Screen {dataset: 'fitness_breslow2008'})-[:MEASURED]->(e) WITH e LIMIT 1 SET e.value = e.value + 1"
    with platform.store.driver() as driver:
        driver.execute_query(edit)
    assert "value of experiments 0 to 4,203 not as in the bundle" in store_in_sync(platform).description
    platform.make("graph/fitness_breslow2008")
    assert store_in_sync(platform).passed
    with platform.store.driver() as driver:
        driver.execute_query("MATCH (d:Dataset {id: 'fitness_breslow2008'}) SET d.current = null")
        deletion.delete_build(driver, "neo4j", platform.metadata("graph/fitness_breslow2008")["build"])
    assert "serves None" in store_in_sync(platform).description
    with pytest.raises(QueryError, match="serves no build of fitness_breslow2008 and Dagster materialized"):
        platform.make("merged/fitness")
    platform.make("graph/fitness_breslow2008")
    assert store_in_sync(platform).passed
    platform.make("merged/fitness")


def test_an_edited_gene_and_a_dataset_that_left_the_study_are_seen_and_leave_with_the_genes(platform, tmp_path):
    assert store_in_sync(platform, "genome").passed
    with platform.store.driver() as driver:
        load.load(driver, "neo4j", write_bundle(tmp_path, fitness_rows(), Fitness))
        driver.execute_query("MATCH (g:Gene {id: 'YBR160W'}) SET g.name = 'cdc2'")
    said = store_in_sync(platform, "genome").description
    assert "holds fitness_made_up, which the study does not" in said and "Gene.name is not what the bundle says" in said
    platform.make("graph/genome")
    assert platform.metadata("graph/genome")["left_the_graph"] == "fitness_made_up"
    assert store_in_sync(platform, "genome").passed


def test_a_second_data_root_on_the_graph_is_refused_with_one_sentence(platform, tmp_path, monkeypatch):
    other = DataRoot(path=str(tmp_path))
    shutil.copytree(platform.root.folder / "datasets", tmp_path / "datasets")
    with pytest.raises(GraphOfOthers, match="The graph belongs to another data root"):
        Platform(platform.instance, other, platform.store).make("graph/genome")
    assert store_in_sync(platform, "genome").passed
