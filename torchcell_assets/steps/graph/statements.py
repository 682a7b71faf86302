"""What is written to the server, in Cypher, and the two ways to say it: one transaction, or a question that may not write.

Belongs here: every statement that creates, sets or deletes. Does not: when (load.py, deletion.py), what is read (read.py).

A statement finds what it changes by the label TorchCell and a `uid` or `build`, and deletes relationships by what makes them
ours: see ownership.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neo4j import Driver

# One constraint, on our own label: what other applications keep under Gene or Dataset is not ours to constrain.
CONSTRAINTS = (
    "CREATE CONSTRAINT torchcell_uid IF NOT EXISTS FOR (n:TorchCell) REQUIRE n.uid IS UNIQUE",
    "CREATE INDEX torchcell_experiment_page IF NOT EXISTS FOR (n:Experiment) ON (n.build, n.ordinal)",
    "CREATE INDEX torchcell_experiment_id IF NOT EXISTS FOR (n:Experiment) ON (n.id)",
    "CREATE INDEX torchcell_gene_id IF NOT EXISTS FOR (n:Gene) ON (n.id)",
    "CREATE INDEX torchcell_gene_name IF NOT EXISTS FOR (n:Gene) ON (n.name)",
    "CREATE INDEX torchcell_screen_build IF NOT EXISTS FOR (n:Screen) ON (n.build)",
)

# A row holds every own property, null where it has none: `+=` takes that one away and leaves those of others.
SET_NODES = """
UNWIND $rows AS row
MERGE (n:TorchCell:{label} {{uid: row.uid}})
SET n += row
"""
OTHER_GENES = """
MATCH (g:TorchCell:Gene)
WHERE g.uid IS NOT NULL AND NOT g.uid IN $ids AND NOT (g)--() AND size(labels(g)) = 2
  AND all(k IN keys(g) WHERE k IN $own)
"""
DROP_OTHER_GENES = OTHER_GENES + "DELETE g"
# Who writes what datasets share holds this node until the end of its transaction: one at a time.
LOCK = "MERGE (r:TorchCell:DataRoot {uid: 'data root'}) SET r.lock = timestamp()"
CLAIM = f"""
{LOCK}
SET r.id = coalesce(r.id, $root), r.folder = CASE coalesce(r.id, $root) WHEN $root THEN $folder ELSE r.folder END
"""
SHARED_NODES = """
MATCH (n:TorchCell:{label}) WHERE n.uid IN $ids
OPTIONAL MATCH (n)<-[:{edge}]-(m:TorchCell) WHERE coalesce(m.dataset, m.uid) <> $dataset
RETURN n.uid AS uid, properties(n) AS said, collect(DISTINCT coalesce(m.dataset, m.uid)) AS others
"""
BEGIN = """
MERGE (b:TorchCell:Build {uid: $build})
ON CREATE SET b.id = $build, b.dataset = $dataset, b.status = 'loading'
SET b.expected = $expected, b.record_class = $record_class, b += $own
"""
SET_SCREENS = """
UNWIND $rows AS row
MATCH (v:TorchCell:Environment {uid: row.environment})
MERGE (s:TorchCell:Screen {uid: row.screen.uid})
SET s += row.screen
MERGE (s)-[:UNDER {build: s.build}]->(v)
"""
# A retired ORF that the genome no longer lists becomes a gene with its name alone, so that its measurement is kept.
NAME_GENES = """
UNWIND $genes AS gene
MERGE (g:TorchCell:Gene {uid: gene}) ON CREATE SET g.id = gene, g.name = gene
"""
# Rows are lists, and properties are named once in the statement: a map a row costs the server a third more.
CREATE_EXPERIMENTS = """
UNWIND $rows AS row
MATCH (s:TorchCell:Screen {{uid: row[0]}})
CREATE (s)-[:MEASURED]->(e:TorchCell:Experiment:{label} {{{properties}}})
WITH e, row
UNWIND range(0, size(row[1]) - 1) AS i
MATCH (g:TorchCell:Gene {{uid: row[1][i]}})
CREATE (e)-[:PERTURBS {{{attributes}}}]->(g)
"""
# Only edges that are ours, and on which nobody has written.
RETIRE = """
MATCH (d:TorchCell:Dataset {uid: $dataset})
OPTIONAL MATCH (d)-[old:CONTAINS|PUBLISHED_IN]->(n:TorchCell)
WHERE old.build IS NOT NULL AND size(keys(old)) = 1 AND (n:Publication OR n.build = old.build)
DELETE old
WITH DISTINCT d
SET d.previous = coalesce(d.current, d.previous), d.current = null
"""
FLIP = """
MATCH (b:TorchCell:Build {uid: $build})
MATCH (d:TorchCell:Dataset {uid: $dataset})
MATCH (p:TorchCell:Publication {uid: $publication})
SET d.current = $build, b.status = 'live'
WITH d, p, [(d)-[r:PUBLISHED_IN]->(p) WHERE r.build IS NOT NULL | r] AS kept
FOREACH (r IN kept | SET r.build = $build)
FOREACH (_ IN CASE size(kept) WHEN 0 THEN [0] ELSE [] END | CREATE (d)-[:PUBLISHED_IN {build: $build}]->(p))
WITH d
MATCH (s:TorchCell:Screen {build: $build})
CREATE (d)-[:CONTAINS {build: $build}]->(s)
"""
DROP_ORPHANS = """
MATCH (n:TorchCell:{label})
WHERE n.uid IS NOT NULL AND NOT (n)--() AND size(labels(n)) = 2 AND all(k IN keys(n) WHERE k IN $own)
DELETE n
"""
# Own relationships by what makes them ours, and no DETACH: where somebody ties a node in between, the server refuses.
DELETE_EXPERIMENTS = """
MATCH (e:TorchCell:Experiment {{build: $build}})
CALL (e) {{
  OPTIONAL MATCH (e)-[p:PERTURBS]->(:TorchCell) WHERE p.position IS NOT NULL
  DELETE p
  WITH DISTINCT e
  OPTIONAL MATCH (e)<-[m:MEASURED]-(:TorchCell:Screen {{build: $build}})
  DELETE m
  WITH DISTINCT e
  DELETE e
}} IN TRANSACTIONS OF {batch} ROWS
"""
DELETE_SCREENS = """
MATCH (s:TorchCell:Screen {{build: $build}})
CALL (s) {{
  OPTIONAL MATCH (s)-[r:UNDER|CONTAINS {{build: $build}}]-(:TorchCell)
  DELETE r
  WITH DISTINCT s
  DELETE s
}} IN TRANSACTIONS OF {batch} ROWS
"""
OLD_BUILDS = """
MATCH (b:TorchCell:Build {dataset: $dataset}) WHERE b.uid <> $build RETURN b.uid AS id
"""

Statement = tuple[str, dict[str, Any]]


def creation(record_class: str, columns: Sequence[str]) -> str:
    """The statement that creates experiments from rows of these columns: those of the edges, then those of the node from `id`."""
    first = list(columns).index("id")
    attributes = {at: columns[at].removeprefix("p_") for at in range(2, first)}
    properties = {at: columns[at] for at in range(first, len(columns))}
    return CREATE_EXPERIMENTS.format(
        label=record_class,
        attributes=", ".join(f"`{name}`: row[{at}][i]" for at, name in attributes.items()),
        properties=", ".join(f"`{name}`: row[{at}]" for at, name in properties.items()),
    )


def write(driver: "Driver", database: str, *statements: Statement) -> None:
    """Run all statements in one transaction."""

    def run(transaction: Any) -> None:
        for statement, parameters in statements:
            transaction.run(statement, parameters).consume()

    with driver.session(database=database) as session:
        session.execute_write(run)


def read(driver: "Driver", database: str, statement: str, **parameters: Any) -> list[Any]:
    """The rows that a statement gives, in read access mode."""
    return driver.execute_query(statement, parameters, database_=database, routing_="r").records  # type: ignore[arg-type]


def parts(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
