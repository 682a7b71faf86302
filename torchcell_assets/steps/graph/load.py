"""A bundle into Neo4j: a new build beside the old one, verified, made current, the old one deleted.

Readers never see half a load: they read the build that `(:Dataset).current` names, and one small transaction moves it.
A load that was killed goes on with the batches that were not committed.

Belongs here: everything that writes to the server. Does not: what a bundle is (bundle.py), queries (read.py), whether the server
holds what it was sent (verification.py).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.graph import bundle
from torchcell_assets.steps.graph.verification import differences

if TYPE_CHECKING:
    from neo4j import Driver

BATCH = 5_000  # rows a transaction: measured best for nodes with their edges
SESSIONS = 2  # that create experiments at a time; a deadlock over a gene is tried again by the driver
DELETE_BATCH = 10_000

CONSTRAINTS = (
    "CREATE CONSTRAINT gene_id IF NOT EXISTS FOR (n:Gene) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT dataset_id IF NOT EXISTS FOR (n:Dataset) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT build_id IF NOT EXISTS FOR (n:Build) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT publication_id IF NOT EXISTS FOR (n:Publication) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT environment_id IF NOT EXISTS FOR (n:Environment) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT screen_uid IF NOT EXISTS FOR (n:Screen) REQUIRE n.uid IS UNIQUE",
    "CREATE INDEX experiment_page IF NOT EXISTS FOR (n:Experiment) ON (n.build, n.ordinal)",
    "CREATE INDEX experiment_id IF NOT EXISTS FOR (n:Experiment) ON (n.id)",
    "CREATE INDEX gene_name IF NOT EXISTS FOR (n:Gene) ON (n.name)",
    "CREATE INDEX screen_build IF NOT EXISTS FOR (n:Screen) ON (n.build)",
)

SET_GENES = """
UNWIND $rows AS row
MERGE (g:Gene {id: row.id})
SET g = row
"""
DROP_OTHER_GENES = """
MATCH (g:Gene) WHERE NOT g.id IN $ids AND NOT EXISTS { (g)<-[:PERTURBS]-() }
DETACH DELETE g
"""
SET_SHARED = """
UNWIND $rows AS row
MERGE (n:{label} {{id: row.id}})
SET n += row
"""
BEGIN = """
MERGE (b:Build {id: $build})
ON CREATE SET b.dataset = $dataset, b.status = 'loading'
SET b.expected = $expected, b.record_class = $record_class
"""
SET_SCREENS = """
UNWIND $rows AS row
MERGE (s:Screen {uid: row.uid})
SET s += row
WITH s, row
MATCH (v:Environment {id: row.environment})
MERGE (s)-[:UNDER]->(v)
REMOVE s.environment
"""
# A retired ORF that the genome no longer lists becomes a gene with its name alone, so that its measurement is kept.
NAME_GENES = """
UNWIND $genes AS gene
MERGE (g:Gene {id: gene}) ON CREATE SET g.name = gene
"""
# Rows are lists, and properties are named once in the statement: a map a row costs the server a third more.
CREATE_EXPERIMENTS = """
UNWIND $rows AS row
MATCH (s:Screen {{uid: row[0]}})
CREATE (s)-[:MEASURED]->(e:Experiment:{label} {{{properties}}})
WITH e, row
UNWIND range(0, size(row[1]) - 1) AS i
MATCH (g:Gene {{id: row[1][i]}})
CREATE (e)-[:PERTURBS {{{attributes}}}]->(g)
"""
FLIP = """
MATCH (b:Build {id: $build})
MATCH (d:Dataset {id: $dataset})
OPTIONAL MATCH (d)-[old:CONTAINS]->(:Screen)
DELETE old
WITH DISTINCT b, d
SET d.previous = d.current, d.current = $build, b.status = 'live'
WITH d
MATCH (p:Publication {id: $publication}) MERGE (d)-[:PUBLISHED_IN]->(p)
WITH DISTINCT d
MATCH (s:Screen {build: $build}) MERGE (d)-[:CONTAINS]->(s)
"""
OLD_BUILDS = """
MATCH (d:Dataset {id: $dataset}) MATCH (b:Build {dataset: $dataset}) WHERE b.id <> d.current RETURN b.id AS id
"""


class LoadError(TorchcellError):
    """The server does not hold what the bundle says."""


def prepare(driver: "Driver", database: str, patience: int = 120) -> None:
    """Constraints and indexes, if they are not there yet; waits `patience` seconds until they are made."""
    for statement in CONSTRAINTS:
        driver.execute_query(statement, database_=database)
    driver.execute_query("CALL db.awaitIndexes($patience)", patience=patience, database_=database)


def load_genes(driver: "Driver", database: str, folder: Path) -> int:
    """Replace the genes in one transaction; genes that are perturbed by a stored experiment stay. Returns their number."""
    prepare(driver, database)
    rows = bundle.read_table(folder, "Gene").to_dicts()
    with driver.session(database=database) as session:

        def replace(transaction: Any) -> None:
            for start in range(0, len(rows), 1_000):
                transaction.run(SET_GENES, rows=rows[start : start + 1_000]).consume()
            transaction.run(DROP_OTHER_GENES, ids=[row["id"] for row in rows]).consume()

        session.execute_write(replace)
    return len(rows)


def load(
    driver: "Driver", database: str, folder: Path, tick: Callable[[int, int], None] = lambda done, total: None
) -> bundle.Manifest:
    """Load the bundle in `folder` as a new build, verify it, make it current, delete the builds before it.

    tick: called with (experiments loaded, experiments in all) after every batch.
    Raises LoadError, with the old build still current, if the server then holds other counts or sums than the manifest.
    """
    manifest = bundle.read_manifest(folder)
    prepare(driver, database)
    if current_build(driver, database, manifest.dataset) == manifest.build and not differences(
        driver, database, manifest
    ):
        return manifest
    _begin(driver, database, folder, manifest)
    _load_experiments(driver, database, folder, manifest, tick)
    if wrong := differences(driver, database, manifest):
        delete_build(driver, database, manifest.build)
        raise LoadError(
            f"The server does not hold what was sent for {manifest.build}: {'; '.join(wrong)}. The old build stays."
        )
    publication = bundle.read_table(folder, "Publication")["id"].item()
    _write(driver, database, FLIP, build=manifest.build, dataset=manifest.dataset, publication=publication)
    for row in driver.execute_query(OLD_BUILDS, dataset=manifest.dataset, database_=database).records:
        delete_build(driver, database, row["id"])
    return manifest


def current_build(driver: "Driver", database: str, dataset: str) -> str | None:
    """The build that readers of `dataset` see; None if there is none."""
    found = driver.execute_query(
        "MATCH (d:Dataset {id: $d}) RETURN d.current AS build", d=dataset, database_=database
    ).records
    return found[0]["build"] if found else None


def delete_build(driver: "Driver", database: str, build: str) -> None:
    """Delete a build in batches. The node that names it goes last, so that a killed deletion is finished next time."""
    for label in ("Experiment", "Screen"):
        _delete(driver, database, label, build)
    _write(driver, database, "MATCH (b:Build {id: $build}) DELETE b", build=build)


def _delete(driver: "Driver", database: str, label: str, build: str) -> None:
    with driver.session(database=database) as session:
        session.run(
            f"MATCH (n:{label} {{build: $build}}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF {DELETE_BATCH} ROWS",
            build=build,
        ).consume()


def _begin(driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest) -> None:
    for label in ("Dataset", "Publication", "Environment"):
        rows = bundle.read_table(folder, label).to_dicts()
        _write(driver, database, SET_SHARED.format(label=label), rows=rows)
    _write(
        driver,
        database,
        BEGIN,
        build=manifest.build,
        dataset=manifest.dataset,
        expected=manifest.nodes[manifest.record_class],
        record_class=manifest.record_class,
    )
    under = bundle.read_table(folder, "UNDER").rename({"source": "id", "target": "environment"})
    screens = bundle.read_table(folder, "Screen").join(under, on="id", how="left")
    _write(driver, database, SET_SCREENS, rows=screens.to_dicts())


def _load_experiments(
    driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest, tick: Callable[[int, int], None]
) -> None:
    """Create what is not there yet, batch by batch, each in a transaction of its own."""
    perturbs = bundle.read_table(folder, "PERTURBS").sort("source", "position")
    _write(driver, database, NAME_GENES, genes=perturbs["target"].unique().sort().to_list())
    rows = _experiments(folder, manifest, perturbs)
    edges = len(perturbs.columns)  # so many columns are of the edges
    statement = CREATE_EXPERIMENTS.format(
        label=manifest.record_class,
        attributes=", ".join(f"`{rows.columns[at].removeprefix('p_')}`: row[{at}][i]" for at in range(2, edges)),
        properties=", ".join(f"`{rows.columns[at]}`: row[{at}]" for at in range(edges, rows.width)),
    )

    def create(start: int) -> int:
        part = rows.slice(start, BATCH)
        _write(driver, database, statement, rows=part.rows())
        return part.height

    there = _loaded(driver, database, manifest)
    wanted = [start for start in range(0, rows.height, BATCH) if start not in there]
    done = rows.height - sum(min(BATCH, rows.height - start) for start in wanted)
    with ThreadPoolExecutor(SESSIONS) as pool:
        try:
            for created in pool.map(create, wanted):
                done += created
                tick(done, rows.height)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _experiments(folder: Path, manifest: bundle.Manifest, perturbs: pl.DataFrame) -> pl.DataFrame:
    """Experiments in the order of `ordinal`: the uid of the screen, the list of genes (`p_target`) and of each other column of
    the perturbations (`p_kind` ...), and the properties of the node.
    """
    nodes = bundle.read_table(folder, manifest.record_class)
    measured = bundle.read_table(folder, "MEASURED").select(
        pl.col("target").alias("id"), screen_uid=pl.concat_str(pl.lit(manifest.build + "/"), "source")
    )
    edges = perturbs.rename({name: f"p_{name}" for name in perturbs.columns if name != "source"})
    listed = edges.group_by(pl.col("source").alias("id"), maintain_order=True).agg(pl.exclude("source"))
    joined = nodes.join(measured, on="id", how="left").join(listed, on="id", how="left").sort("ordinal")
    return joined.select("screen_uid", "p_target", pl.exclude("screen_uid", "p_target", *nodes.columns), *nodes.columns)


def _loaded(driver: "Driver", database: str, manifest: bundle.Manifest) -> set[int]:
    """The first ordinals of the batches that are there. A build that was cut into other batches is begun anew."""
    statement = "MATCH (e:Experiment {build: $build}) RETURN e.ordinal / $batch * $batch AS start, count(e) AS n"
    found = driver.execute_query(statement, build=manifest.build, batch=BATCH, database_=database).records
    total = manifest.nodes[manifest.record_class]
    if all(row["n"] == min(BATCH, total - row["start"]) for row in found):
        return {row["start"] for row in found}
    _delete(driver, database, "Experiment", manifest.build)
    return set()


def _write(driver: "Driver", database: str, statement: str, **parameters: Any) -> None:
    with driver.session(database=database) as session:
        session.execute_write(lambda transaction: transaction.run(statement, **parameters).consume())
