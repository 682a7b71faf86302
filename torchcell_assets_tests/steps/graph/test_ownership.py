"""Nothing is deleted or changed that this software did not write: nodes, relationships and properties of others, under every
label of ours, are the same after every command that writes; what would harm them is refused before anything is written.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import deletion, load, ownership, statements, verification
from torchcell_assets_tests.steps.graph.made_up import (
    DATABASE,
    as_another,
    fitness_rows,
    write_another,
    write_bundle,
    write_genes,
)

LABELS = (*ownership.CLASSES, ownership.OWN, "Fitness")
NODES = """
MATCH (n) WHERE n.mine IS NOT NULL OR NOT n:TorchCell
RETURN elementId(n) AS at, labels(n) AS labels, properties(n) AS said ORDER BY at
"""
EDGES = """
MATCH (a)-[r]->(b) WHERE r.mine IS NOT NULL OR NOT a:TorchCell OR NOT b:TorchCell
RETURN elementId(r) AS at, type(r) AS type, elementId(a) AS a, elementId(b) AS b, properties(r) AS said ORDER BY at
"""
EVERYTHING = """
MATCH (n) OPTIONAL MATCH (n)-[r]->(m)
RETURN properties(n) AS n, labels(n) AS l, type(r) AS t, properties(r) AS r, properties(m) AS m
"""


def asked(driver, statement: str, **parameters) -> list[dict]:
    return [row.data() for row in driver.execute_query(statement, parameters, database_=DATABASE).records]


def everything(driver) -> list[str]:
    return sorted(map(str, asked(driver, EVERYTHING)))


def foreign(driver) -> tuple[list[dict], list[dict]]:
    return asked(driver, NODES), asked(driver, EDGES)


def write_as_others(driver) -> None:
    """What another application and a person keep beside us: nodes under each of our labels, with our own names of properties
    and ids, and every relationship of ours between them; notes on our nodes.
    """
    for label in LABELS:
        driver.execute_query(
            f"CREATE (n:{label} {{id: 'YAL001C', name: 'x', build: 'theirs', dataset: 'fitness_made_up'}}) "
            "SET n.current = 'b', n.mine = 1"
        )
        driver.execute_query(f"CREATE (:{label} {{mine: 2}})")
        if label != ownership.OWN:
            driver.execute_query(f"CREATE (:{label} {{id: 'x', uid: 'x', name: 'x'}})")
    for type_ in ownership.TYPES:
        driver.execute_query(
            f"MATCH (a:Gene {{mine: 1}}) MATCH (b:Screen {{mine: 1}}) CREATE (a)-[:{type_} {{mine: 1, build: 'theirs'}}]->(b)"
        )


def tie_notes(driver) -> None:
    """On what stays of ours: a note on a gene, a dataset, an environment, a publication; a screen of their own in a dataset."""
    for label in ("Gene", "Dataset", "Environment", "Publication"):
        ours = f"MATCH (n:TorchCell:{label}) WHERE n.uid IS NOT NULL"
        driver.execute_query(f"{ours} CREATE (n)<-[:ON {{mine: 1}}]-(:Note {{mine: 3}})")
        driver.execute_query(f"{ours} SET n.note = 'mine'")
    driver.execute_query(
        "MATCH (d:TorchCell:Dataset {id: 'fitness_made_up'}) MATCH (s:Screen {mine: 1}) CREATE (d)-[:CONTAINS {mine: 2}]->(s)"
    )
    driver.execute_query(
        "MATCH (d:TorchCell:Dataset {id: 'fitness_made_up'}) MATCH (s:Screen {mine: 1}) MATCH (p:Publication {mine: 1}) "
        "CREATE (d)-[:CONTAINS {build: 'theirs'}]->(s) CREATE (d)-[:PUBLISHED_IN {build: 'theirs'}]->(p)"
    )
    driver.execute_query(
        "MATCH (d:TorchCell:Dataset {id: 'fitness_made_up'}) MATCH (s:TorchCell:Screen {dataset: 'fitness_other'}) "
        "CREATE (d)-[:CONTAINS {mine: 3, build: 'theirs'}]->(s)"
    )


def noted(driver) -> list[dict]:
    return asked(driver, "MATCH (n) WHERE n.note IS NOT NULL RETURN n.uid AS uid, n.note AS note ORDER BY uid, note")


@pytest.fixture
def folders(tmp_path) -> SimpleNamespace:
    rows = fitness_rows()
    return SimpleNamespace(
        genes=write_genes(tmp_path / "g", {"YAL001C": "TFC3", "YBR160W": "CDC28", "YDL227C": "HO"}, start=[1, 2, 3]),
        fewer=write_genes(tmp_path / "h", {"YAL001C": "TFC3"}, "v2", start=[None]),
        old=write_bundle(tmp_path / "old", rows, Fitness),
        new=write_bundle(tmp_path / "new", rows.with_columns(value=rows["value"] + 1), Fitness, "v2"),
        other=write_another(tmp_path / "other", as_another(rows, "fitness_other", temperature=30.0), "fitness_other"),
    )


def test_every_command_that_writes_leaves_what_others_wrote(empty_graph, folders):
    write_as_others(empty_graph)
    before = foreign(empty_graph)
    assert len(before[0]) == 3 * len(LABELS) - 1 and len(before[1]) == len(ownership.TYPES)
    commands: list[Callable[[], object]] = [
        lambda: load.claim(empty_graph, DATABASE, "root", Path("/data")),
        lambda: load.load_genes(empty_graph, DATABASE, folders.genes),
        lambda: load.load(empty_graph, DATABASE, folders.old),
        lambda: load.load(empty_graph, DATABASE, folders.other),
    ]
    for command in commands:
        command()
        assert foreign(empty_graph) == before
    tie_notes(empty_graph)
    before, notes = foreign(empty_graph), noted(empty_graph)
    assert len(notes) == 4 + 2 + 2 + 1
    for command in [
        lambda: load.load(empty_graph, DATABASE, folders.new),  # flips, and deletes the build before
        lambda: load.load_genes(empty_graph, DATABASE, folders.fewer),  # drops genes that left the genome
        lambda: load.load(empty_graph, DATABASE, folders.old),
        lambda: load.load_genes(empty_graph, DATABASE, folders.genes),
    ]:
        command()
        assert foreign(empty_graph) == before
        assert noted(empty_graph) == notes
    assert verification.gene_differences(empty_graph, DATABASE, folders.genes) == []
    load.load_genes(empty_graph, DATABASE, folders.fewer)
    [gene] = asked(empty_graph, "MATCH (g:TorchCell:Gene {uid: 'YAL001C'}) RETURN properties(g) AS said")
    assert gene["said"] == {"id": "YAL001C", "uid": "YAL001C", "name": "TFC3", "note": "mine"}  # our `start` is gone


def test_no_statement_detaches_or_replaces_all_properties():
    text = "\n".join(value for value in vars(statements).values() if isinstance(value, str))
    assert "DETACH" not in text
    assert not [line for line in text.splitlines() if "SET" in line and " = row" in line.replace("+= row", "")]


TIES = {
    "1 relationships": "MATCH (e:Experiment {ordinal: 1}) CREATE (:Note)-[:ON]->(e)",
    "1 relationships, of a type of ours": "MATCH (e:Experiment {ordinal: 1}) MATCH (g:TorchCell:Gene {id: 'YLR113W'}) "
    "CREATE (e)-[:PERTURBS]->(g)",
    "1 relationships, of a screen": "MATCH (s:TorchCell:Screen) CREATE (:Person)-[:DID]->(s)",
    "1 relationships, a second MEASURED": "MATCH (e:Experiment {ordinal: 1}) "
    "MATCH (s:TorchCell:Screen) CREATE (s)-[:MEASURED]->(e)",
    "1 own nodes or relationships with other properties": "MATCH (e:Experiment {ordinal: 1}) SET e.note = 'mine'",
    "1 own nodes or relationships with other properties, of an edge": "MATCH (:Experiment {ordinal: 1})-[p:PERTURBS]->() "
    "SET p.note = 'mine'",
    "1 own nodes or relationships with other properties, of a screen": "MATCH (s:TorchCell:Screen) SET s.note = 'mine'",
    "1 own nodes or relationships with other properties, of CONTAINS": "MATCH ()-[c:CONTAINS]->(:TorchCell:Screen) "
    "SET c.note = 'mine'",
    "1 own nodes with other labels": "MATCH (e:Experiment {ordinal: 1}) SET e:Favourite",
}


@pytest.mark.parametrize("tie", TIES)
def test_a_note_on_an_experiment_that_a_load_would_delete_refuses_it_before_anything_is_written(
    empty_graph, folders, tie
):
    load.load(empty_graph, DATABASE, folders.old)
    empty_graph.execute_query(TIES[tie])
    before = everything(empty_graph)
    with pytest.raises(ownership.GraphOfOthers, match=f"would be deleted.*: {tie.split(', ')[0]}. Nothing was changed"):
        load.load(empty_graph, DATABASE, folders.new)
    with pytest.raises(ownership.GraphOfOthers, match="Nothing was changed"):
        deletion.forget_others(empty_graph, DATABASE, ["fitness_other"])
    assert everything(empty_graph) == before
    assert sum(ownership.strangers(empty_graph, DATABASE).values()) >= 1


def test_a_current_build_that_was_edited_and_holds_a_note_is_not_loaded_afresh(empty_graph, folders):
    load.load(empty_graph, DATABASE, folders.old)
    empty_graph.execute_query("MATCH (e:Experiment {ordinal: 1}) SET e.samples = 5, e.note = 'mine'")
    before = everything(empty_graph)
    with pytest.raises(ownership.GraphOfOthers, match="1 own nodes or relationships with other properties"):
        load.load(empty_graph, DATABASE, folders.old)
    assert everything(empty_graph) == before


def test_who_ties_a_note_while_a_build_is_deleted_keeps_it(empty_graph, folders):
    build = load.load(empty_graph, DATABASE, folders.old).build
    empty_graph.execute_query("MATCH (e:Experiment {ordinal: 1}) CREATE (:Note {mine: 1})-[:ON {mine: 1}]->(e)")
    before = foreign(empty_graph)
    with pytest.raises(ownership.GraphOfOthers, match="cannot be deleted, because somebody has tied"):
        deletion.delete_build(empty_graph, DATABASE, build)
    assert foreign(empty_graph) == before


def test_a_graph_that_is_all_ours_has_no_strangers_and_each_kind_is_counted(empty_graph, folders):
    load.claim(empty_graph, DATABASE, "root", Path("/data"))
    load.load_genes(empty_graph, DATABASE, folders.genes)
    load.load(empty_graph, DATABASE, folders.old)
    load.load(empty_graph, DATABASE, folders.other)
    assert ownership.strangers(empty_graph, DATABASE) == {}
    ownership.refuse_strangers(empty_graph, DATABASE)
    empty_graph.execute_query("CREATE (:Note)-[:ON]->(:Gene)")
    empty_graph.execute_query("MATCH (g:TorchCell:Gene {uid: 'YAL001C'}) SET g.note = 'mine'")
    empty_graph.execute_query("MATCH (v:TorchCell:Environment) WITH v LIMIT 1 SET v:Mine")
    assert ownership.strangers(empty_graph, DATABASE) == {"nodes": 2, "relationships": 1, "properties": 1, "labels": 1}
    with pytest.raises(
        ownership.GraphOfOthers, match="2 nodes, 1 relationships, 1 own nodes or relationships with other"
    ):
        ownership.refuse_strangers(empty_graph, DATABASE)


def test_a_constraint_of_another_application_on_a_label_of_ours_refuses_the_load_with_counts(empty_graph, folders):
    empty_graph.execute_query("UNWIND range(1, 301) AS n CREATE (:Gene {id: 'g' + n})")
    empty_graph.execute_query("DROP INDEX torchcell_gene_id IF EXISTS")
    empty_graph.execute_query("CREATE CONSTRAINT theirs FOR (g:Gene) REQUIRE g.id IS UNIQUE")
    try:
        before = everything(empty_graph)
        for command in (load.load, load.load_genes):
            with pytest.raises(ownership.GraphOfOthers, match="such as theirs on Gene, of which it holds 301 nodes"):
                command(empty_graph, DATABASE, folders.genes if command is load.load_genes else folders.old)
        assert everything(empty_graph) == before
    finally:
        empty_graph.execute_query("DROP CONSTRAINT theirs")


def test_nodes_of_others_that_carry_our_own_label_and_a_uid_refuse_the_load(empty_graph, folders):
    load.prepare(empty_graph, DATABASE)
    empty_graph.execute_query("CREATE (:TorchCell {uid: 'YAL001C', mine: 1})")
    with pytest.raises(ownership.GraphOfOthers, match="1 nodes carry our label TorchCell"):
        load.load(empty_graph, DATABASE, folders.old)
    assert len(everything(empty_graph)) == 1


def test_a_graph_of_the_version_before_is_refused_with_what_to_do(empty_graph, folders):
    empty_graph.execute_query("CREATE (:Build {id: 'b', status: 'live'})")
    with pytest.raises(ownership.GraphOfOthers, match=r"1 builds of an earlier version.*empty this database"):
        load.load(empty_graph, DATABASE, folders.old)
    with pytest.raises(ownership.GraphOfOthers, match="1 builds of an earlier version"):
        ownership.refuse_strangers(empty_graph, DATABASE)


def test_a_property_that_becomes_ours_and_is_there_from_somebody_else_refuses_the_genes(empty_graph, folders, tmp_path):
    load.load_genes(empty_graph, DATABASE, folders.genes)
    empty_graph.execute_query("MATCH (r:DataRoot) SET r.own_Gene = [k IN r.own_Gene WHERE k <> 'qualifier'] + ['mark']")
    empty_graph.execute_query("MATCH (g:TorchCell:Gene {uid: 'YDL227C'}) SET g.qualifier = 'theirs', g.mark = 'old'")
    with pytest.raises(ownership.GraphOfOthers, match=r"1 Gene nodes have properties of somebody else.*qualifier"):
        load.load_genes(empty_graph, DATABASE, folders.genes)
    empty_graph.execute_query("MATCH (g:TorchCell:Gene {uid: 'YDL227C'}) REMOVE g.qualifier")
    load.load_genes(empty_graph, DATABASE, folders.genes)  # `mark`, which a version before wrote, is gone
    assert asked(empty_graph, "MATCH (g:TorchCell:Gene) WHERE g.mark IS NOT NULL RETURN g") == []


def test_two_data_roots_on_one_graph_refuse_each_other(empty_graph, folders, tmp_path):
    one, other = (ownership.id_of(tmp_path / name) for name in ("one", "other"))
    assert one != other and ownership.id_of(tmp_path / "one") == one
    load.claim(empty_graph, DATABASE, one, tmp_path / "one")
    load.load(empty_graph, DATABASE, folders.old)
    load.claim(empty_graph, DATABASE, one, tmp_path / "one")
    before = everything(empty_graph)
    with pytest.raises(ownership.GraphOfOthers, match=f"belongs to another data root, {tmp_path}/one:"):
        load.claim(empty_graph, DATABASE, other, tmp_path / "other")
    assert everything(empty_graph) == before
    empty_graph.execute_query("MATCH (r:DataRoot) DELETE r")  # as the sentence says
    load.claim(empty_graph, DATABASE, other, tmp_path / "other")
