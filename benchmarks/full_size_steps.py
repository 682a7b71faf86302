"""The steps of `full_size.py`: each takes the folder of a run and the number of rows, and says what it found."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchcell_assets.steps.datasets.dataset import Dataset

NAME = "fitness_costanzo2016_pairs"
INTERACTIONS = "TORCHCELL_BENCHMARK_INTERACTIONS"  # how a step's own process hears of --interactions


def generate(folder: Path, rows: int) -> dict[str, Any]:
    from generate_published import main

    sys.argv = ["generate_published.py", str(folder / "mirror"), "--rows", str(rows)]
    main()
    return {}


def datasets() -> "list[Dataset]":
    from torchcell_assets.steps.datasets.publications.costanzo2016_pairs import FITNESS, INTERACTION

    return [FITNESS, INTERACTION] if os.environ.get(INTERACTIONS) else [FITNESS]


def records(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.storage.publish import publish_batches

    versions, started = {}, time.process_time()
    for dataset in datasets():
        paths = [folder / "mirror" / source.name for source in dataset.sources]
        batches = ((part.records, part.blank) for part in dataset.parse(*paths))
        made = publish_batches(folder / "datasets" / f"{dataset.name}.parquet", dataset.record, batches)
        assert made.metadata["dagster/row_count"] == rows and made.metadata["quarantined"] == 0, made.metadata
        versions[dataset.name] = made.data_version.value
    return {"versions": versions, "own_cpu": time.process_time() - started}


def bundles(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.sources import Sources
    from torchcell_assets.steps.datasets import GENOME
    from torchcell_assets.steps.graph import bundle, tables

    made = tables.gene_tables(GENOME.parse(*map(Sources(cache=folder / "raw").path, GENOME.sources)).records.collect())
    genes = bundle.gene_manifest("genome", "benchmark", made.nodes["gene"].height, Path("none"))
    genome = bundle.write(folder / "genome", made, genes)
    versions = json.loads((folder / "records.json").read_text())["versions"]
    started = time.process_time()
    written = [
        bundle.write_records(
            folder / "bundles" / one.name, one, versions[one.name], folder / "datasets" / f"{one.name}.parquet"
        )
        for one in datasets()
    ]
    return {"bundles": [str(genome), *map(str, written)], "own_cpu": time.process_time() - started}


def graph(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.graph import offline

    started = time.monotonic()
    stages = []

    def tell(line: str) -> None:
        stages.append((round(time.monotonic() - started), line))
        print(stages[-1], file=sys.stderr)

    written = json.loads((folder / "bundles.json").read_text())["bundles"]
    offline.rebuild(folder / "neo4j", [Path(one) for one in written], keep=0, tell=tell)
    return {"stages": stages}


def pages(folder: Path, rows: int) -> dict[str, Any]:
    import neo4j
    import psutil

    from torchcell_assets.neo4j_local import local_server
    from torchcell_assets.neo4j_local.supervisor import read_entry
    from torchcell_assets.steps.graph import read
    from torchcell_assets.steps.merged.phenotypes import FITNESS

    with local_server.serving(folder / "neo4j") as here:
        server = psutil.Process(read_entry(folder / "neo4j")["pid"])
        before, started, mine = sum(server.cpu_times()[:2]), time.monotonic(), time.process_time()
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            builds = read.current_builds(driver, here.database, [NAME])
            found = read.select(
                driver, here.database, FITNESS.selected_by(FITNESS.query), builds.values(), folder / "pages"
            )
        assert found == rows, found
        spent = sum(server.cpu_times()[:2]) - before
        own = time.process_time() - mine
        return {
            "server_cpu": spent,
            "server_rss": server.memory_info().rss,
            "own_cpu": spent + own,
            "own_seconds": time.monotonic() - started,
        }


NEIGHBOURHOOD = """
MATCH (g:Gene {name: $name}) MATCH (g)<-[p:PERTURBS]-(e:Experiment)-[q:PERTURBS]->(other:Gene)
RETURN g, p, e, q, other LIMIT 50
"""
EXPERIMENT = """
MATCH (e:Experiment {id: $id})-[p:PERTURBS]->(g:Gene) MATCH (s:Screen)-[m:MEASURED]->(e) MATCH (s)-[u:UNDER]->(v:Environment)
RETURN e, p, g, s, m, u, v
"""


def browse(folder: Path, rows: int) -> dict[str, Any]:
    """What a person asks in the Neo4j Browser of a server that has just been started, in seconds."""
    import neo4j

    from torchcell_assets.neo4j_local import local_server

    def asked(statement: str, **parameters: Any) -> float:
        started = time.monotonic()
        assert driver.execute_query(statement, parameters, database_=here.database).records
        return round(time.monotonic() - started, 2)

    with local_server.serving(folder / "neo4j") as here:
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            name = "MATCH (:Experiment {id: $id})-[:PERTURBS]->(g:Gene) RETURN g.name AS name"
            identity = f"{NAME}:1:SGA_NxN"
            [*_, gene] = driver.execute_query(name, id=identity, database_=here.database).records
            return {
                "neighbourhood of a gene": asked(NEIGHBOURHOOD, name=gene["name"]),
                "an experiment by its id": asked(EXPERIMENT, id=identity),
            }


def merged(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged.merge import merge
    from torchcell_assets.steps.merged.phenotypes import FITNESS

    made = merge(folder / "pages", folder / "fitness.duckdb", FITNESS)
    assert made.selected == rows == made.pooled, made
    return {"rows": made.rows, "version": made.data_version}


def samples(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.config.study import load
    from torchcell_assets.steps.merged import subsets
    from torchcell_assets.steps.merged.phenotypes import FITNESS

    study = load("published")
    found = {}
    for size in ("1e3", "1e4", "1e5", "all"):
        limit = None if size == "all" else int(float(size))
        path = folder / f"subset_{size}.parquet"
        taken = subsets.batches(folder / "fitness.duckdb", study.condition, study.seed, limit=limit, scratch=folder)
        found[size] = sum(batch.height for batch in subsets.written(path, FITNESS, taken))
    return found


def key_value(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged import key_value as store
    from torchcell_assets.steps.merged.phenotypes import FITNESS

    targets = {FITNESS.name: FITNESS.label}
    store.write(folder / "all.lmdb", store.batches_of(folder / "subset_all.parquet", targets), "benchmark", targets)
    return {}


def truth(folder: Path, rows: int) -> dict[str, Any]:
    """Hold the merged table against what was generated: who was merged with whom, how often, with which mean."""
    import duckdb

    place = folder / "mirror" / "costanzo2016"
    query = f"""
        WITH expected AS (
            SELECT a.identity || ' + ' || b.identity AS genotype, t.temperature, t.relative_to_query, t.measurements,
                   t.total, t.weighted_mean
            FROM '{place}/truth.parquet' t
            JOIN '{place}/alleles.parquet' a ON a.allele = t.first
            JOIN '{place}/alleles.parquet' b ON b.allele = t.second)
        SELECT count(*) AS expected, count(m.genotype) AS found,
               count(*) FILTER (m.measurements = e.measurements) AS measurements,
               count(*) FILTER (abs(m.value - coalesce(e.weighted_mean, e.total / 1e4 / e.measurements)) < 2e-6) AS means,
               count(*) FILTER (e.weighted_mean IS NULL) AS without_weights
        FROM expected e LEFT JOIN merged.fitness m
          ON m.genotype = e.genotype AND m.temperature = e.temperature
         AND (m.reference = 'query strain') = e.relative_to_query"""
    with duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(folder)}) as connection:
        connection.execute(f"ATTACH '{folder}/fitness.duckdb' AS merged (READ_ONLY)")
        [found] = connection.sql(query).pl().to_dicts()
        there = connection.sql("SELECT count(*) FROM merged.fitness").fetchall()[0][0]
    return {**found, "rows": there}


STEPS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    step.__name__: step
    for step in (generate, records, bundles, graph, browse, pages, merged, samples, key_value, truth)
}
