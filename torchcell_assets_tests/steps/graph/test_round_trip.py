"""What goes into the graph comes out of it: through BioCypher's files, a real Neo4j and Cypher in pages."""

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.config.study_fields import QUERIES
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import bundle, load, read, statements, tables, verification
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets_tests.generated import LOADED, records
from torchcell_assets_tests.steps.graph.made_up import DATABASE, fitness_rows, write_bundle

few = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # no shrinking: each example is a real load
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("label", LOADED)
@few
@given(data=st.data())
def test_records_round_trip_through_the_graph_without_loss(label, data, empty_graph, tmp_path_factory):
    cls = LOADED[label]
    table = data.draw(records(cls))
    with empty_graph.session() as session:
        session.run("MATCH (n) DETACH DELETE n").consume()
    folder = write_bundle(tmp_path_factory.mktemp("bundle"), table, cls)
    manifest = load.load(empty_graph, DATABASE, folder)
    assert_frame_equal(read.records(empty_graph, DATABASE, manifest.build, cls, page=2), table)


def select(driver, build: str, folder, page: int = 2) -> int:
    return read.select(
        driver, DATABASE, FITNESS.selected_by(QUERIES / "fitness.cypher"), [(build, 5)], folder, page=page
    )


def selected(driver, build: str, folder) -> pl.DataFrame:
    select(driver, build, folder)
    return pl.concat(pl.read_parquet(rows) for rows, _ in read.pages_in(folder))


def test_pages_hold_what_was_loaded_and_the_edges_that_were_walked(empty_graph, tmp_path):
    table = fitness_rows()
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, table, Fitness))
    found = selected(empty_graph, manifest.build, tmp_path / "pages")
    texts = [pl.col(name).cast(pl.String) for name in ("reference", "medium_class", "evidence", "uncertainty_type")]
    expected = table.with_columns(*texts, samples=pl.col("samples").cast(pl.Int64)).with_row_index("ordinal")
    assert_frame_equal(found, expected.select(found.columns), check_dtypes=False)
    edges = pl.concat(pl.read_parquet(edges) for _, edges in read.pages_in(tmp_path / "pages"))
    perturbed = expected.select("ordinal", "perturbations").explode("perturbations").unnest("perturbations")
    assert_frame_equal(edges, perturbed.select(edges.columns), check_dtypes=False, check_row_order=False)


def test_a_reading_that_was_killed_goes_on_and_pages_of_another_build_go(empty_graph, tmp_path, monkeypatch):
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, fitness_rows(), Fitness))
    folder = tmp_path / "pages"
    asked, real = [], read.page_of

    def killed_at_the_second(driver, database, query, columns, shared=(), **bounds):
        asked.append(bounds["lo"])
        if bounds["lo"] == 2 and columns is FITNESS.columns and len(asked) < 6:
            raise KeyboardInterrupt
        return real(driver, database, query, columns, shared, **bounds)

    monkeypatch.setattr(read, "page_of", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        read.select(
            empty_graph,
            DATABASE,
            FITNESS.selected_by(QUERIES / "fitness.cypher"),
            [(manifest.build, 5)],
            folder,
            page=2,
            sessions=1,
        )
    there = [int(rows.name.removesuffix(read.ROWS)) for rows, _ in read.pages_in(folder)]
    assert 0 in there and 2 not in there
    asked.extend([-1] * 6)
    assert select(empty_graph, manifest.build, folder) == 5
    assert 0 not in asked[asked.index(-1) :]
    assert select(empty_graph, manifest.build, folder, page=3) == 5
    assert len(read.pages_in(folder)) == 2  # those of the other size are gone


def test_deleting_one_perturbs_edge_drops_exactly_that_record(empty_graph, tmp_path):
    table = fitness_rows()
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, table, Fitness))
    assert selected(empty_graph, manifest.build, tmp_path / "whole")["id"].to_list() == table["id"].to_list()
    empty_graph.execute_query(
        "MATCH (e:Experiment {id: 'fitness_made_up:5:26C'})-[p:PERTURBS]->(:Gene {id: 'YLR113W'}) DELETE p"
    )
    left = selected(empty_graph, manifest.build, tmp_path / "torn")
    assert left["id"].to_list() == [i for i in table["id"] if i != "fitness_made_up:5:26C"]
    assert verification.differences(empty_graph, DATABASE, manifest) == ["perturbs 7 instead of 8"]


@pytest.mark.parametrize("batch_of_the_next", [None, 3])
def test_a_build_that_is_not_current_is_invisible_and_the_next_one_replaces_it(
    empty_graph, tmp_path, monkeypatch, batch_of_the_next
):
    table = fitness_rows()
    first = load.load(empty_graph, DATABASE, write_bundle(tmp_path, table, Fitness))
    changed = table.with_columns(value=pl.col("value") + 0.1)
    folder = write_bundle(tmp_path, changed, Fitness, "v2")

    monkeypatch.setattr(load, "BATCH", 2)
    interrupted = iter([None])

    def killed(done, total):
        next(interrupted)

    with pytest.raises(StopIteration):
        load.load(empty_graph, DATABASE, folder, tick=killed)
    serves = read.current_builds(empty_graph, DATABASE, ["fitness_made_up"])
    assert serves == {"fitness_made_up": (first.build, 5)}
    assert_frame_equal(read.records(empty_graph, DATABASE, first.build, Fitness), table)
    reachable = (
        "MATCH (:Dataset)-[:CONTAINS]->()-[:MEASURED]->(e) RETURN count(e) AS n, collect(DISTINCT e.build) AS builds"
    )
    assert empty_graph.execute_query(reachable).records[0].data() == {"n": 5, "builds": [first.build]}

    if batch_of_the_next:  # another version of the platform may cut it otherwise
        monkeypatch.setattr(load, "BATCH", batch_of_the_next)
    second = load.load(empty_graph, DATABASE, folder)
    assert read.current_builds(empty_graph, DATABASE, ["fitness_made_up"]) == {"fitness_made_up": (second.build, 5)}
    assert_frame_equal(read.records(empty_graph, DATABASE, second.build, Fitness), changed)
    assert empty_graph.execute_query("MATCH (b:Build) RETURN count(b) AS n").records[0]["n"] == 1
    assert empty_graph.execute_query("MATCH (e:Experiment) RETURN count(e) AS n").records[0]["n"] == 5


def test_a_wrong_count_on_the_server_keeps_the_old_build(empty_graph, tmp_path, monkeypatch):
    table = fitness_rows()
    first = load.load(empty_graph, DATABASE, write_bundle(tmp_path, table, Fitness))
    folder = write_bundle(tmp_path, table.with_columns(value=pl.col("value") + 0.1), Fitness, "v2")
    without_the_second = statements.CREATE_EXPERIMENTS.replace("range(0, size(row[1]) - 1)", "[0]")
    monkeypatch.setattr(statements, "CREATE_EXPERIMENTS", without_the_second)
    with pytest.raises(load.LoadError, match="perturbs 5 instead of 8"):
        load.load(empty_graph, DATABASE, folder)
    assert load.current_build(empty_graph, DATABASE, "fitness_made_up") == first.build


def test_a_store_that_serves_another_build_is_refused_and_both_are_named():
    with pytest.raises(read.QueryError, match=r"serves a@1 and Dagster materialized a@2"):
        read.refuse_other_builds({"a": ("a@1", 3)}, {"a": "a@2"})
    with pytest.raises(read.QueryError, match="serves no build of a"):
        read.refuse_other_builds({}, {"a": "a@2"})


def test_a_query_that_lacks_columns_is_refused_with_their_names(empty_graph, tmp_path):
    query = tmp_path / "mine.cypher"
    query.write_text("MATCH (e:Experiment {build: $build}) RETURN e.id AS id, e.value AS value")
    with pytest.raises(
        read.QueryError,
        match=r"does not return ordinal, dataset, publication, laboratory, query, temperature, medium_class",
    ):
        read.select(empty_graph, DATABASE, FITNESS.selected_by(query), [("x", 1)], tmp_path / "pages")
    query.write_text("MATCH (e:Experiment RETURN e")
    with pytest.raises(read.QueryError, match="is refused by the server"):
        read.select(empty_graph, DATABASE, FITNESS.selected_by(query), [("x", 1)], tmp_path / "pages")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # one row a gene of it, and one a gene of the graph
        (
            "RETURN e.ordinal",
            "MATCH (e)-[:PERTURBS]->(:Gene) RETURN e.ordinal",
            "returns fitness_made_up:4:26C 2 times",
        ),
        ("RETURN e.ordinal", "MATCH (:Gene) RETURN e.ordinal", "returns fitness_made_up:1:26C 3 times"),
        ("e.id AS id", "'one' AS id", "returns one 2 times"),
        ("e.ordinal AS ordinal", "0 AS ordinal", "returns fitness_made_up:1:26C 2 times"),
        ("e.ordinal AS ordinal", "e.ordinal + 7 AS ordinal", "fitness_made_up:1:26C, which is not in the page"),
        ("$lo <= e.ordinal AND", "", "fitness_made_up:1:26C, which is not in the page that was asked for"),
        ("e.ordinal AS ordinal", "null AS ordinal", "fitness_made_up:1:26C, which is not in the page"),
    ],
)
def test_a_query_that_returns_an_experiment_twice_or_one_of_another_page_is_refused(
    empty_graph, tmp_path, before, after, told
):
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, fitness_rows(), Fitness))
    query, right = tmp_path / "mine.cypher", (QUERIES / "fitness.cypher").read_text()
    assert before in right
    query.write_text(right.replace(before, after))
    with pytest.raises(read.QueryError, match=told):
        read.select(
            empty_graph, DATABASE, FITNESS.selected_by(query), [(manifest.build, 5)], tmp_path / "pages", page=2
        )


def test_genes_are_replaced_and_a_perturbed_gene_stays(empty_graph, tmp_path):
    load.load(empty_graph, DATABASE, write_bundle(tmp_path / "records", fitness_rows(), Fitness))

    def load_names(names: list[str]) -> None:
        nodes = pl.DataFrame({"id": names, "uid": names, "name": [n.lower() for n in names], "start": [1] * len(names)})
        manifest = bundle.gene_manifest("genome", f"v{len(names)}", len(names), tmp_path)
        load.load_genes(
            empty_graph, DATABASE, bundle.write(tmp_path / "genes", tables.GraphTables({"gene": nodes}, {}), manifest)
        )

    load_names(["YAL001C", "YDL227C", "YAL034W-A"])
    load_names(["YAL001C"])
    found = empty_graph.execute_query("MATCH (g:Gene) RETURN g.id AS id, g.name AS name ORDER BY id").records
    assert [tuple(r) for r in found] == [("YAL001C", "yal001c"), ("YBR160W", "YBR160W"), ("YLR113W", "YLR113W")]
