"""The whole path at published size: files in the published layout -> records -> bundle -> Neo4j -> pages -> merged -> samples.

    TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/full_size.py [--rows 1000000 5000000 20705612] [--folder FOLDER]

Each step is a process of its own: seconds, CPU-seconds and the largest process of it, and what it leaves on the disk. The files
are made up (generate_published.py) and their truth is known: number of rows of the merged table, measurements, exact sums and
weighted means are held against it. CPU of the graph server is counted where it works for a step.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

NAME = "fitness_costanzo2016_pairs"
GIB = 1 << 30


def generate(folder: Path, rows: int) -> dict[str, Any]:
    from generate_published import main

    sys.argv = ["generate_published.py", str(folder / "mirror"), "--rows", str(rows)]
    main()
    return {}


def records(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.schema import Fitness
    from torchcell_assets.staleness import publish_batches
    from torchcell_assets.steps.datasets.costanzo2016_pairs import FITNESS

    paths = [folder / "mirror" / source.name for source in FITNESS.sources]
    batches = ((part.records, part.blank) for part in FITNESS.parse(*paths))
    made = publish_batches(folder / "datasets" / f"{NAME}.parquet", Fitness, batches)
    assert made.metadata["dagster/row_count"] == rows and made.metadata["quarantined"] == 0, made.metadata
    return {"version": made.data_version.value}


def bundles(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.sources import Sources
    from torchcell_assets.steps.datasets import GENOME
    from torchcell_assets.steps.datasets.costanzo2016_pairs import FITNESS
    from torchcell_assets.steps.graph import bundle, tables

    made = tables.gene_tables(GENOME.parse(*map(Sources(cache=folder / "raw").path, GENOME.sources)).records.collect())
    key = bundle.build_key("genome", "benchmark", ["gene"])
    genes = bundle.Manifest(key, "genome", "Gene", "none", {"Gene": made.nodes["gene"].height}, {}, 0)
    genome = bundle.write(folder / "genome", made, genes)
    version = json.loads((folder / "records.json").read_text())["version"]
    written = bundle.write_records(folder / "bundles", FITNESS, version, folder / "datasets" / f"{NAME}.parquet")
    return {"bundles": [str(genome), str(written)]}


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
        before, started = sum(server.cpu_times()[:2]), time.monotonic()
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            builds = read.current_builds(driver, here.database, [NAME])
            found = read.select(driver, here.database, QUERIES / "fitness.cypher", builds.values(), folder / "pages")
        assert found == rows, found
        spent = sum(server.cpu_times()[:2]) - before
        return {
            "server_cpu": spent,
            "server_rss": server.memory_info().rss,
            "seconds_of_reading": time.monotonic() - started,
        }


def merged(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged import fitness

    made = fitness.merge(folder / "pages", folder / "fitness.duckdb")
    assert made.selected == rows == made.pooled, made
    return {"rows": made.rows, "version": made.data_version}


def samples(folder: Path, rows: int) -> dict[str, Any]:
    from torchcell_assets.steps.merged import subsets
    from torchcell_assets.study import load

    study = load("screens")
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
    step.__name__: step for step in (generate, records, bundles, graph, pages, merged, samples, key_value, truth)
}


def step_in_a_process(name: str, folder: Path, rows: int) -> dict[str, Any]:
    """Seconds, CPU-seconds, largest process and disk of one step; what the step says of itself."""
    started = time.monotonic()
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder), "--rows", str(rows)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed")
    told = json.loads((folder / f"{name}.json").read_text())
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    cpu = usage.ru_utime + usage.ru_stime  # of all its processes that ended: of the graph server too
    peak = max(usage.ru_maxrss * 1024, told.get("server_rss", 0))
    return {"seconds": time.monotonic() - started, "cpu": cpu, "peak": peak, "disk": disk, **told}


def main(sizes: list[int], folder: Path | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    curves = []
    for rows in sizes:
        table = Table(
            "step", "s", "CPU-s", "CPU-µs a row", "largest process, GB", "disk after it, GB", title=f"{rows:,} rows"
        )
        with tempfile.TemporaryDirectory(dir=folder) as place:
            for name in STEPS:
                found = step_in_a_process(name, Path(place), rows)
                cells = (f"{found['seconds']:.0f}", f"{found['cpu']:.1f}", f"{found['cpu'] / rows * 1e6:.2f}")
                table.add_row(name, *cells, f"{found['peak'] / GIB:.2f}", f"{found['disk'] / GIB:.2f}")
                curves.append({"rows": rows, "step": name, "seconds": found["seconds"], "cpu": found["cpu"]})
                console.print(name, {k: v for k, v in found.items() if k not in ("seconds", "cpu", "peak", "disk")})
                if name == "graph":  # what is not needed any more makes room
                    shutil.rmtree(Path(place) / "bundles")
        console.print(table)
    draw(pl.DataFrame(curves), (folder or Path()) / "full_size.png")


def draw(curves: pl.DataFrame, path: Path) -> None:
    """CPU-seconds of each step against the number of rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (step,), points in curves.group_by("step", maintain_order=True):
        if step not in ("generate", "truth"):
            axes.loglog(points["rows"].to_numpy(), points["cpu"].to_numpy(), marker="o", label=step)
    axes.set_xlabel("rows of the pair files")
    axes.set_ylabel("CPU-seconds")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_705_612])
    parser.add_argument("--folder", type=Path, help="where to work, and where to put the picture")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        said = STEPS[options.step](options.folder, options.rows[0])
        (options.folder / f"{options.step}.json").write_text(json.dumps(said))
    else:
        main(options.rows, options.folder)
