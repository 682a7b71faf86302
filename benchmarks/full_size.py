"""The whole path at published size: files in the published layout -> records -> bundle -> Neo4j -> pages -> merged -> samples.

    TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/full_size.py [--rows 1000000 5000000 20705612] [--folder FOLDER]
        [--interactions] [--keep]

Each step is a process of its own: seconds, CPU-seconds (of the graph server too) and the largest process of it, and what it leaves
on the disk. The files are made up (generate_published.py) and their truth is known: number of rows of the merged table,
measurements, exact sums and weighted means are held against it. 100,000 rows go the way of one object a row first.

--interactions: the epsilon of each row as a record of its own, too. --keep: the files stay, and a run that was interrupted goes on
with the step that was not finished.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from torchcell_assets.steps.datasets.dataset import Dataset

NAME = "fitness_costanzo2016_pairs"
GIB = 1 << 30
SMALL = 100_000
"""Rows that also go one object a row, for comparison."""
INTERACTIONS = "TORCHCELL_BENCHMARK_INTERACTIONS"  # how a step's own process hears of --interactions


def generate(folder: Path, rows: int) -> dict[str, Any]:
    from generate_published import main

    sys.argv = ["generate_published.py", str(folder / "mirror"), "--rows", str(rows)]
    main()
    return {}


def datasets() -> "list[Dataset]":
    from torchcell_assets.steps.datasets.costanzo2016_pairs import FITNESS, INTERACTION

    return [FITNESS, INTERACTION] if os.environ.get(INTERACTIONS) else [FITNESS]


def records(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.staleness import publish_batches

    versions = {}
    for dataset in datasets():
        paths = [folder / "mirror" / source.name for source in dataset.sources]
        batches = ((part.records, part.blank) for part in dataset.parse(*paths))
        made = publish_batches(folder / "datasets" / f"{dataset.name}.parquet", dataset.record, batches)
        assert made.metadata["dagster/row_count"] == rows and made.metadata["quarantined"] == 0, made.metadata
        versions[dataset.name] = made.data_version.value
    return {"versions": versions}


def bundles(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.sources import Sources
    from torchcell_assets.steps.datasets import GENOME
    from torchcell_assets.steps.graph import bundle, tables

    made = tables.gene_tables(GENOME.parse(*map(Sources(cache=folder / "raw").path, GENOME.sources)).records.collect())
    key = bundle.build_key("genome", "benchmark", ["gene"])
    genes = bundle.Manifest(key, "genome", "Gene", "none", {"Gene": made.nodes["gene"].height}, {}, 0)
    genome = bundle.write(folder / "genome", made, genes)
    versions = json.loads((folder / "records.json").read_text())["versions"]
    written = [
        bundle.write_records(
            folder / "bundles" / one.name, one, versions[one.name], folder / "datasets" / f"{one.name}.parquet"
        )
        for one in datasets()
    ]
    return {"bundles": [str(genome), *map(str, written)]}


def graph(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.graph import offline

    started = time.monotonic()
    stages = []

    def tell(line: str) -> None:
        stages.append((round(time.monotonic() - started), line))
        print(stages[-1], file=sys.stderr)

    written = json.loads((folder / "bundles.json").read_text())["bundles"]
    offline.rebuild(folder / "neo4j", [Path(one) for one in written], keep_previous=False, tell=tell)
    return {"stages": stages}


def pages(folder: Path, rows: int) -> dict[str, Any]:
    import neo4j
    import psutil

    from torchcell_assets.steps.graph import local_server, read
    from torchcell_assets.steps.graph.supervisor import read_entry
    from torchcell_assets.study import QUERIES

    with local_server.serving(folder / "neo4j") as here:
        server = psutil.Process(read_entry(folder / "neo4j")["pid"])
        before, started, mine = sum(server.cpu_times()[:2]), time.monotonic(), time.process_time()
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            builds = read.current_builds(driver, here.database, [NAME])
            found = read.select(driver, here.database, QUERIES / "fitness.cypher", builds.values(), folder / "pages")
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

    from torchcell_assets.steps.graph import local_server

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
    from torchcell_assets.steps.merged import fitness

    made = fitness.merge(folder / "pages", folder / "fitness.duckdb")
    assert made.selected == rows == made.pooled, made
    return {"rows": made.rows, "version": made.data_version}


def samples(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged import subsets
    from torchcell_assets.study import load

    study = load("published")
    found = {}
    for size in ("1e3", "1e4", "1e5", "all"):
        limit = None if size == "all" else int(float(size))
        path = folder / f"subset_{size}.parquet"
        taken = subsets.batches(folder / "fitness.duckdb", study.condition, study.seed, limit=limit, scratch=folder)
        found[size] = sum(batch.height for batch in subsets.written(path, taken))
    return found


def key_value(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged import key_value as store

    store.write(folder / "all.lmdb", store.batches_of(folder / "subset_all.parquet"), "benchmark")
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
TODAY = {"today_parse": "records", "today_bundle": "bundles", "today_pages": "pages"}
"""Step of row_by_row.py -> the step that does the same."""


def step_in_a_process(name: str, folder: Path, rows: int) -> dict[str, Any]:
    """Seconds, CPU-seconds, largest process and disk of one step; what the step says of itself. A finished one is not done again."""
    kept = folder / f"{name}.measured.json"
    if kept.exists():
        return json.loads(kept.read_text())
    started = time.monotonic()
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder), "--rows", str(rows)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed")
    told = json.loads((folder / f"{name}.json").read_text())
    found = {
        "seconds": time.monotonic() - started,
        "cpu": usage.ru_utime + usage.ru_stime,  # of all its processes that ended: of the graph server too
        "peak": max(usage.ru_maxrss * 1024, told.get("server_rss", 0)),
        "disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "told": told,
    }
    kept.write_text(json.dumps(found))
    return found


def main(sizes: list[int], folder: Path, keep: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    compare(folder / "row_by_row", console, keep)
    curves = []
    for rows in sizes:
        table = Table(
            "step", "s", "CPU-s", "CPU-µs a row", "largest process, GB", "disk after it, GB", title=f"{rows:,} rows"
        )
        place = folder / str(rows)
        place.mkdir(parents=True, exist_ok=True)
        for name in STEPS:
            found = step_in_a_process(name, place, rows)
            cells = (f"{found['seconds']:.0f}", f"{found['cpu']:.1f}", f"{found['cpu'] / rows * 1e6:.2f}")
            table.add_row(name, *cells, f"{found['peak'] / GIB:.2f}", f"{found['disk'] / GIB:.2f}")
            curves.append({"rows": rows, "step": name, "seconds": found["seconds"], "cpu": found["cpu"]})
            console.print(name, found["told"])
            if name == "graph" and not keep:  # what is not needed any more makes room
                shutil.rmtree(place / "bundles", ignore_errors=True)
        console.print(table)
        draw(pl.DataFrame(curves), folder / "full_size.png")
        if not keep:
            shutil.rmtree(place)


def compare(place: Path, console: Console, keep: bool) -> None:
    """One object a row beside the platform's way, on the same files."""
    place.mkdir(parents=True, exist_ok=True)
    found = {
        name: step_in_a_process(name, place, SMALL)
        for name in ("generate", "records", "bundles", "graph", "pages", *TODAY)
    }
    table = Table(
        "step", "CPU-µs a row", "one object a row", "ratio", title=f"{SMALL:,} rows, start of Python included"
    )
    for today, step in TODAY.items():
        # of the pages, the start of the graph server would hide what is compared
        ours, theirs = (found[name]["told"].get("own_cpu", found[name]["cpu"]) for name in (step, today))
        table.add_row(step, f"{ours / SMALL * 1e6:.1f}", f"{theirs / SMALL * 1e6:.1f}", f"{theirs / ours:.1f}")
    console.print(table)
    if not keep:
        shutil.rmtree(place)


def draw(curves: pl.DataFrame, path: Path) -> None:
    """Seconds and CPU-seconds of each step against the number of rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    for measure, label, axis in (("seconds", "seconds", axes[0]), ("cpu", "CPU-seconds", axes[1])):
        for (step,), points in curves.group_by("step", maintain_order=True):
            if step not in ("generate", "truth", "browse"):
                axis.loglog(points["rows"].to_numpy(), points[measure].to_numpy(), marker="o", label=step)
        axis.set_xlabel("rows of the pair files")
        axis.set_ylabel(label)
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_705_612])
    parser.add_argument(
        "--folder", type=Path, default=Path("full_size"), help="where to work, and where to put the picture"
    )
    parser.add_argument("--interactions", action="store_true", help="their records too: twice as many")
    parser.add_argument("--keep", action="store_true", help="leave all files; an interrupted run goes on")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import row_by_row

        step = STEPS.get(options.step) or getattr(row_by_row, options.step)
        said = step(options.folder, options.rows[0])
        (options.folder / f"{options.step}.json").write_text(json.dumps(said))
    else:
        if options.interactions:
            os.environ[INTERACTIONS] = "1"
        main(options.rows, options.folder, options.keep)
