"""All bundles into a new store by the importer, strict; the old store serves until the new one is verified."""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import neo4j
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from torchcell_assets.neo4j_local import importer, local_server
from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.schema import Fitness, Viability
from torchcell_assets.steps.graph import bundle, load, offline, ownership, read, tables, verification
from torchcell_assets_tests.generated import LOADED
from torchcell_assets_tests.steps.graph.made_up import DATABASE, dataset, fitness_rows, write_bundle


def genes(folder: Path) -> Path:
    names = ["YAL001C", "YBR160W"]
    nodes = pl.DataFrame({"id": names, "uid": names, "name": ["TFC3", "CDC28"], "aliases": [["TSV115"], []]})
    manifest = bundle.gene_manifest("genome", "v1", 2, Path("genome.parquet"))
    return bundle.write(folder, tables.GraphTables({"gene": nodes}, {}), manifest)


def connect(here: local_server.Connection) -> neo4j.Driver:
    return neo4j.GraphDatabase.driver(here.uri, auth=(here.username, here.password), notifications_min_severity="OFF")


# --- one home, in this order: an import costs half a minute of CPU, its server another quarter ---


@dataclass
class Story:
    """A home, what its first import was made of, and what that import told."""

    home: Path
    old: Path
    other: Path
    told: list[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[Story]:
    """Two datasets imported where there was nothing; the genome is not among them. The server runs from the first test on."""
    folder = tmp_path_factory.mktemp("offline")
    old = write_bundle(folder / "old", fitness_rows(), Fitness)
    other = _bundle_of(folder / "other", lives(), Viability, "viability_made_up")
    told: list[str] = []
    home = folder / "neo4j"
    try:
        offline.rebuild(home, [old, other], tell=told.append)
        yield Story(home, old, other, told)
    finally:
        local_server.stop(home)


def lives() -> pl.DataFrame:
    """Viability of three of the mutants, on the same medium and in the same publication as their fitness."""
    rows = fitness_rows().head(3)
    shared = [name for name in Viability.columns() if name in Fitness.columns()]
    table = rows.select(*shared, viable=pl.Series([True, False, True])).with_columns(
        dataset=pl.lit("viability_made_up"),
        id=pl.col("id").str.replace("fitness", "viability"),
        screen=pl.lit("viability_made_up:1"),
    )
    return Viability.validate(table.select(list(Viability.columns())), cast=True)


def _bundle_of(folder: Path, table: pl.DataFrame, cls, name: str) -> Path:
    from dataclasses import replace

    made_up = replace(dataset(cls), name=name)
    made = tables.record_tables(made_up, table, bundle.build_of(made_up, "v1"))
    return bundle.write(folder, made, bundle.manifest_of(made_up, made, "v1", folder / "t.parquet"))


def test_a_store_that_was_imported_serves_what_a_live_load_would(story):
    assert story.told[-1] == "switch"
    assert local_server.connection(story.home) is None  # nobody had started it
    with connect(local_server.start(story.home)) as driver:
        for folder, cls, table in ((story.old, Fitness, fitness_rows()), (story.other, Viability, lives())):
            manifest = bundle.read_manifest(folder)
            assert load.current_build(driver, DATABASE, manifest.dataset) == manifest.build
            assert verification.differences(driver, DATABASE, manifest) == []
            assert_frame_equal(read.records(driver, DATABASE, manifest.build, cls), table)


def test_datasets_that_share_a_medium_and_a_publication_become_one_graph(story):
    with connect(local_server.start(story.home)) as driver:
        shared = (
            "MATCH (p:Publication)<-[:PUBLISHED_IN]-(d) RETURN count(DISTINCT p) AS publications, count(d) AS datasets"
        )
        assert driver.execute_query(shared, database_=DATABASE).records[0].values() == [1, 2]


def test_genes_are_there_by_name_before_the_genome_is(story, tmp_path):
    with connect(local_server.start(story.home)) as driver:
        names = "MATCH (g:Gene) RETURN g.id AS id, g.name AS name ORDER BY id LIMIT 1"
        assert driver.execute_query(names, database_=DATABASE).records[0].values() == ["YAL001C", "YAL001C"]
        load.load_genes(driver, DATABASE, genes(tmp_path / "genes"))
        assert driver.execute_query(names, database_=DATABASE).records[0].values() == ["YAL001C", "TFC3"]


def test_a_bad_row_fails_the_import_and_the_old_store_stays(story, tmp_path):
    broken = write_bundle(tmp_path / "broken", fitness_rows(), Fitness, "v2")
    part = next(broken.glob("Fitness-part*"))
    lines = gzip.decompress(part.read_bytes()).decode().splitlines()
    lines[-1] = lines[-1].replace('"measured"\t', '"measured"\tnot a number')
    part.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    with pytest.raises(importer.ImportFailed, match=r"failed: .*not a number"):
        offline.rebuild(story.home, [genes(tmp_path / "genes"), broken], tell=lambda line: None)
    assert not story.home.with_name("neo4j.next").exists()
    with connect(local_server.start(story.home)) as driver:
        assert verification.differences(driver, DATABASE, bundle.read_manifest(story.old)) == []


@pytest.mark.slow
def test_a_rebuild_takes_the_place_of_a_graph_that_serves_and_goes_on_live_and_the_old_one_comes_back(story, tmp_path):
    rows = fitness_rows()
    newer = rows.with_columns(value=rows["value"] + 1)
    new = write_bundle(tmp_path / "new", newer, Fitness, "v2")
    password = local_server.start(story.home).password
    offline.rebuild(story.home, [genes(tmp_path / "genes"), new], tell=lambda line: None)
    here = local_server.connection(story.home)  # it ran, so it runs again
    assert here.password == password
    with connect(here) as driver:
        assert_frame_equal(read.records(driver, DATABASE, bundle.read_manifest(new).build, Fitness), newer)
        names = "MATCH (g:Gene) RETURN g.id AS id, g.name AS name, g.aliases AS aliases ORDER BY id"
        assert [row.values() for row in driver.execute_query(names, database_=DATABASE).records] == [
            ["YAL001C", "TFC3", ["TSV115"]],
            ["YBR160W", "CDC28", None],
            ["YLR113W", "YLR113W", None],  # not in the genome: kept with its name alone
        ]
        third = load.load(driver, DATABASE, write_bundle(tmp_path / "third", rows, Fitness, "v3"))
        assert_frame_equal(read.records(driver, DATABASE, third.build, Fitness), rows)
        count = "MATCH (e:Experiment) RETURN count(e) AS n"
        assert driver.execute_query(count, database_=DATABASE).records[0]["n"] == rows.height
        assert ownership.strangers(driver, DATABASE) == {}  # what was imported and what was loaded is ours
        for note in (
            "CREATE (:Note)-[:ON]->(:Gene)",
            "MATCH (e:Experiment) WITH e LIMIT 1 CREATE (:Note)-[:ON]->(e)",
            "MATCH (g:Gene {id: 'YAL001C'}) SET g.note = 'mine'",
        ):
            driver.execute_query(note, database_=DATABASE)
        refused = (
            "somebody else has written: 3 nodes, 2 relationships, 1 own nodes or relationships with other properties"
        )
        with pytest.raises(ownership.GraphOfOthers, match=refused):
            offline.rebuild(story.home, [genes(tmp_path / "genes"), new], tell=lambda line: None)
        assert load.current_build(driver, DATABASE, "fitness_made_up") == third.build
        assert driver.execute_query("MATCH (n:Note) RETURN count(n) AS n", database_=DATABASE).records[0]["n"] == 2
    offline.roll_back(story.home)
    with connect(local_server.connection(story.home)) as driver:
        assert load.current_build(driver, DATABASE, "fitness_made_up") == bundle.read_manifest(story.old).build
    assert not story.home.with_name("neo4j.next").exists()


# --- homes without a server ---


def test_so_many_stores_stay_as_are_wanted_and_the_latest_comes_back_first(tmp_path):
    home = tmp_path / "neo4j"

    def switch(name: str, keep: int) -> None:
        following = tmp_path / "neo4j.next"
        (following / "data").mkdir(parents=True)
        (following / "name").write_text(name)
        offline._switch(home, following, keep)

    def stores() -> dict[str, str]:
        return {path.parent.name: path.read_text() for path in tmp_path.glob("*/name")}

    for name in "abcd":
        switch(name, keep=2)
    assert stores() == {"neo4j": "d", "neo4j.previous": "c", "neo4j.previous.2": "b"}
    offline.roll_back(home)
    assert stores() == {"neo4j": "c", "neo4j.previous": "d", "neo4j.previous.2": "b"}
    switch("e", keep=1)
    assert stores() == {"neo4j": "e", "neo4j.previous": "c"}
    switch("f", keep=0)
    assert stores() == {"neo4j": "f"}


def test_there_is_nothing_to_go_back_to_before_the_first_rebuild(tmp_path):
    with pytest.raises(GraphUnavailable, match="no previous store"):
        offline.roll_back(tmp_path / "neo4j")


def test_every_record_class_has_its_label_added():
    assert {cls.__name__ for cls in LOADED.values()} == set(bundle.RECORD_LABELS)


@pytest.mark.slow
def test_a_large_dataset_goes_into_a_new_graph_with_all_others_and_says_why(tmp_path, monkeypatch, raw_files):
    import dagster as dg

    from torchcell_assets.config.resources import DataRoot, GraphStore, RawFiles
    from torchcell_assets.config.study import current
    from torchcell_assets.config.worker_process import WorkerProcess
    from torchcell_assets.definitions import defs
    from torchcell_assets.steps.graph.assets import current_bundles

    root = DataRoot(path=str(tmp_path))
    resources = {"root": root, "raw": RawFiles(root=root), "store": GraphStore(root=root), "worker": WorkerProcess()}
    with dg.DagsterInstance.ephemeral() as instance, local_server.serving(tmp_path / "neo4j"):

        def make(*keys: str) -> dg.ExecuteInProcessResult:
            selection = dg.AssetSelection.assets(*(key.split("/") for key in keys))
            return dg.materialize(
                [*defs.assets, *defs.asset_checks], selection=selection, instance=instance, resources=resources
            )

        def loaded(result: dg.ExecuteInProcessResult, key: str) -> str:
            [event] = result.asset_materializations_for_node(key.replace("/", "__"))
            return event.metadata["loaded"].value

        names = ("fitness_breslow2008", "fitness_baryshnikova2010")
        make("datasets/genome", "graph/genome", *(f"datasets/{name}" for name in names))
        assert (
            loaded(make("graph/fitness_breslow2008"), "graph/fitness_breslow2008")
            == "into the live graph: 4,204 records"
        )
        monkeypatch.setattr(offline, "ONLINE_RECORDS", 5_000)
        made = make("graph/fitness_baryshnikova2010")
        assert loaded(made, "graph/fitness_baryshnikova2010") == "into a new graph: 6,023 records are more than 5,000"
        assert all(check.passed for check in made.get_asset_check_evaluations() if check.check_name == "store_in_sync")
        with GraphStore(root=root).driver() as driver:
            for name in names:
                assert load.current_build(driver, DATABASE, name) is not None
            counted = driver.execute_query("MATCH (e:Experiment) RETURN count(e) AS n", database_=DATABASE).records[0][
                "n"
            ]
        assert counted == 4_204 + 6_023
        assert [folder.parent.name for folder in current_bundles(instance, current(), root)] == [
            "genome",
            *reversed(names),
        ]
        shutil.rmtree(tmp_path / "graph" / "bundles" / names[0])
        with pytest.raises(tables.BundleError, match=f"bundle of graph/{names[0]} is not at .*materialize"):
            current_bundles(instance, current(), root)
