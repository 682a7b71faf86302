"""What datasets share in the graph: no load changes what another stands on, and what nothing stands on any more leaves."""

import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.config.study_fields import QUERIES
from torchcell_assets.neo4j_local import importer
from torchcell_assets.neo4j_local.importer import parts_of
from torchcell_assets.schema import Fitness
from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets import DATASETS
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, deletion, load, read, verification
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets_tests.steps.datasets.test_documented_example import blocks
from torchcell_assets_tests.steps.graph.made_up import (
    DATABASE,
    as_another,
    dataset,
    fitness_rows,
    write_another,
    write_bundle,
)


def counted(driver, label: str) -> int:
    return driver.execute_query(f"MATCH (n:{label}) RETURN count(n) AS n", database_=DATABASE).records[0]["n"]


@pytest.mark.slow
def test_the_documented_example_beside_deutschbauer_changes_nothing_of_it(empty_graph, tmp_path, raw_files):
    mirror = os.environ.get("TORCHCELL_MIRROR")
    files = Sources(cache=tmp_path / "raw", mirror=Path(mirror) if mirror else None)
    deutschbauer = next(dataset for dataset in DATASETS if dataset.name == "fitness_deutschbauer2005")

    def loaded(declared: Dataset, parsed: Parsed) -> bundle.Manifest:
        stored = tmp_path / f"{declared.name}.parquet"
        Fitness.filter(parsed.records.collect(), cast=True)[0].write_parquet(stored)
        return load.load(empty_graph, DATABASE, bundle.write_records(tmp_path / declared.name, declared, "v1", stored))

    def selected() -> pl.DataFrame:
        shutil.rmtree(tmp_path / "pages", ignore_errors=True)
        builds = [(manifest.build, manifest.nodes["Fitness"])]
        read.select(empty_graph, DATABASE, FITNESS.selected_by(QUERIES / "fitness.cypher"), builds, tmp_path / "pages")
        return pl.concat(pl.read_parquet(rows) for rows, _ in read.pages_in(tmp_path / "pages"))

    manifest = loaded(deutschbauer, deutschbauer.read(files.path))
    before = selected()
    assert before.filter(pl.col("medium_class") == "YPD liquid").height == 10_512
    # the page of docs/add_a_dataset.md, with the agar plates of another word
    page: dict = {}
    table, text, module = *blocks("csv"), *blocks("python")[:2]
    exec(text, page)
    module = module.replace("YPD liquid", "YPD plate")
    exec(module, page)
    raw = tmp_path / "table.csv"
    raw.write_text(table)
    loaded(page["DATASET"], page["DATASET"].parse(raw))
    assert selected().equals(before)
    assert verification.differences(empty_graph, DATABASE, manifest) == []
    names = "MATCH (v:Environment) RETURN v.name AS name, v.medium_class AS class ORDER BY toLower(name), class"
    said = [tuple(row.values()) for row in empty_graph.execute_query(names, database_=DATABASE).records]
    assert said == [
        ("minimal medium, 30.0 C", "minimal liquid"),
        ("YPD, 30.0 C", "YPD liquid"),
        ("YPD, 30.0 C", "YPD plate"),
    ]


@pytest.mark.parametrize(
    "other",
    [{"medium_class": "YPD liquid"}, {"temperature": 26.05}, {"temperature_source": "inferred"}, {"medium": "SGA "}],
)
def test_two_conditions_that_differ_in_anything_are_two_environments(empty_graph, tmp_path, other):
    first = load.load(empty_graph, DATABASE, write_bundle(tmp_path / "a", fitness_rows(), Fitness))
    load.load(
        empty_graph, DATABASE, write_another(tmp_path / "b", as_another(fitness_rows(), "other", **other), "other")
    )
    assert counted(empty_graph, "Environment") == 2 and counted(empty_graph, "Publication") == 1
    assert verification.differences(empty_graph, DATABASE, first) == []


def test_two_citations_of_one_doi_are_two_publications_and_equal_conditions_are_one_environment(empty_graph, tmp_path):
    first = load.load(empty_graph, DATABASE, write_bundle(tmp_path / "a", fitness_rows(), Fitness))
    rows = as_another(fitness_rows(), "other")
    load.load(empty_graph, DATABASE, write_another(tmp_path / "b", rows, "other", citation="Nobody et al., 2026"))
    assert counted(empty_graph, "Publication") == 2 and counted(empty_graph, "Environment") == 1
    assert verification.differences(empty_graph, DATABASE, first) == []


def test_a_load_that_would_change_a_node_that_is_there_is_refused_and_who_stands_on_it_puts_it_right(
    empty_graph, tmp_path
):
    one = write_bundle(tmp_path / "a", fitness_rows(), Fitness)
    other = write_another(tmp_path / "b", as_another(fitness_rows(), "other"), "other")
    first = load.load(empty_graph, DATABASE, one)
    for label, name in (("Environment", "medium_class"), ("Publication", "citation")):
        empty_graph.execute_query(f"MATCH (n:{label}) SET n.{name} = 'YPD plate'")
        with pytest.raises(load.LoadError, match=f"its {name} is 'YPD plate'.*materialize graph/fitness_made_up again"):
            load.load(empty_graph, DATABASE, other)
        assert load.current_build(empty_graph, DATABASE, "other") is None
        load.load(empty_graph, DATABASE, one)
        assert verification.differences(empty_graph, DATABASE, first) == []
    load.load(empty_graph, DATABASE, other)


def test_bundles_that_disagree_on_a_shared_node_are_not_imported(tmp_path):
    one = write_bundle(tmp_path / "a", fitness_rows(), Fitness)
    other = write_another(tmp_path / "b", as_another(fitness_rows(), "other"), "other")
    (part,) = parts_of(other, "Environment")
    part.write_text(part.read_text().replace("SGA plate", "YPD plate"))
    with pytest.raises(importer.ImportFailed, match="say different things of the environment 'environment:"):
        importer._stage(tmp_path / "staged", [one, other])


def test_what_nothing_points_to_leaves_after_the_flip(empty_graph, tmp_path):
    load.load(empty_graph, DATABASE, write_bundle(tmp_path, fitness_rows(), Fitness))
    warmer = fitness_rows().with_columns(temperature=pl.lit(30.0))
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, warmer, Fitness, "v2"))
    assert counted(empty_graph, "Environment") == 1
    assert verification.differences(empty_graph, DATABASE, manifest) == []
    cited = write_another(tmp_path, warmer, "fitness_made_up", "v3", citation="Nobody et al., 2026")
    manifest = load.load(empty_graph, DATABASE, cited)
    assert counted(empty_graph, "Publication") == 1
    assert verification.differences(empty_graph, DATABASE, manifest) == []


def test_a_dataset_that_left_leaves_the_graph_and_what_others_share_with_it_stays(empty_graph, tmp_path):
    first = load.load(empty_graph, DATABASE, write_bundle(tmp_path / "a", fitness_rows(), Fitness))
    rows = as_another(fitness_rows(), "other", temperature=30.0)
    load.load(empty_graph, DATABASE, write_another(tmp_path / "b", rows, "other", citation="Nobody et al., 2026"))
    assert verification.strange_datasets(empty_graph, DATABASE, ["fitness_made_up"]) == ["other"]
    assert deletion.forget_others(empty_graph, DATABASE, ["fitness_made_up", "never_loaded"]) == ["other"]
    for label in ("Dataset", "Build", "Screen", "Environment", "Publication"):
        assert counted(empty_graph, label) == 1, label
    assert counted(empty_graph, "Experiment") == 5
    assert verification.differences(empty_graph, DATABASE, first) == []
    assert deletion.forget_others(empty_graph, DATABASE, ["fitness_made_up"]) == []


def test_a_study_query_that_writes_is_refused_and_writes_nothing(empty_graph, tmp_path):
    query = tmp_path / "mine.cypher"
    text = (QUERIES / "fitness.cypher").read_text()
    query.write_text(
        text.replace("WITH s, collect(e) AS experiments\n", "MERGE (:Spy)\nWITH s, collect(e) AS experiments\n", 1)
    )
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, fitness_rows(), Fitness))
    with pytest.raises(read.QueryError, match=r"is refused by the server: .*read access mode"):
        read.select(empty_graph, DATABASE, FITNESS.selected_by(query), [(manifest.build, 5)], tmp_path / "pages")
    assert counted(empty_graph, "Spy") == 0


def test_a_load_holds_one_batch_of_the_bundle_at_a_time(empty_graph, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "BATCH", 2)
    monkeypatch.setattr(load, "BATCH", 3)
    fitness_rows().write_parquet(tmp_path / "t.parquet")
    folder = bundle.write_records(tmp_path / "bundle", dataset(Fitness), "v1", tmp_path / "t.parquet")
    manifest = bundle.read_manifest(folder)
    assert [part["ordinal"].to_list() for part in bundle.experiments(folder, manifest)] == [[0, 1], [2, 3], [4]]
    told = []
    load.load(empty_graph, DATABASE, folder, tick=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
    assert read.records(empty_graph, DATABASE, manifest.build, Fitness).equals(fitness_rows())
    first, second, _ = parts_of(folder, "PERTURBS")
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    with pytest.raises(bundle.BundleError, match=r"files of batch 0 .* do not belong together"):
        list(bundle.experiments(folder, manifest))
