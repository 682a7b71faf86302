"""Records a second into and out of a real local Neo4j, in one run: BioCypher's files, the load, and reading row by row
beside reading in pages of columns.

    python benchmarks/graph_in_out.py [records]
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neo4j
import polars as pl
from rich.console import Console
from rich.table import Table

from torchcell_assets.neo4j_local import local_server
from torchcell_assets.schema import Fitness, with_genotype
from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, deletion, load, read, tables
from torchcell_assets.steps.merged.phenotypes import FITNESS

DATABASE = "neo4j"
NAME = "fitness_benchmark"


def double_mutants(records: int) -> pl.DataFrame:
    """Deletion pairs with a value each, as `Fitness` records."""
    at = pl.int_range(records, eager=True)
    gene = lambda column: pl.format("YAL{}W", (column % 900).cast(pl.String).str.zfill(3))  # noqa: E731
    raw = pl.DataFrame({"row": at + 1, "a": at, "b": at // 900 + 1 + at})
    rows = raw.select(
        id=pl.format(NAME + ":{}:v", "row"), dataset=pl.lit(NAME), row="row", column=pl.lit("v"),
        screen=pl.format(NAME + ":{}", pl.col("row") // 4000), strain=pl.format("s{}", "row"), medium=pl.lit("SGA"),
        query=pl.lit(None, dtype=pl.String), assay=pl.lit("colony size"), laboratory=pl.lit("nobody"),
        query_error=pl.lit(None), array_error=pl.lit(None),
        medium_class=pl.lit("SGA plate"), temperature=26.0, temperature_source=pl.lit("stated"),
        reference=pl.lit("wild type"), evidence=pl.lit("measured"), publication=pl.lit("10.1/benchmark"),
        value=(pl.col("row") % 1000) / 1000, upper_bound=pl.lit(None), uncertainty=0.05,
        uncertainty_type=pl.lit("sample_sd"), samples=4, sample_unit=pl.lit("colony"), replicates=pl.lit(None),
        perturbations=pl.concat_list(perturbation(gene(pl.col("a")), "deletion"), perturbation(gene(pl.col("b")), "deletion")),
    )  # fmt: skip
    schema = polars_schema(Fitness)
    return with_genotype(rows).select(pl.col(name).cast(dtype) for name, dtype in schema.items()).collect()


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    result = work()
    return result, time.perf_counter() - wall, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu


def row_by_row(driver: neo4j.Driver, build: str) -> pl.DataFrame:
    """What one writes first: one Bolt record per experiment, with its perturbations."""
    query = (
        (FITNESS.selected_by(FITNESS.query))
        .read_text()
        .replace(
            "RETURN e.ordinal",
            "RETURN [(e)-[p:PERTURBS]->(g) | [g.id, p.kind, p.allele, p.zygosity]] AS perturbations, e.ordinal",
        )
    )
    with driver.session(database=DATABASE) as session:
        rows = [row.data() for row in session.run(query, build=build, lo=0, hi=2**40)]  # type: ignore[arg-type]
    return pl.DataFrame(rows, infer_schema_length=None).sort("ordinal")


def main(records: int) -> None:
    dataset = Dataset(
        NAME, Fitness, (), lambda: Parsed(pl.LazyFrame()), "benchmark", "none", "10.1/benchmark", "CC0-1.0", records
    )
    rows = double_mutants(records)
    table = Table(
        "what", "wall s", "records/s", "client CPU-s per 1 M", title=f"{records:,} double mutants, real Neo4j"
    )

    def add(name: str, wall: float, cpu: float) -> None:
        table.add_row(name, f"{wall:.1f}", f"{records / wall:,.0f}", f"{cpu / records * 1e6:.1f}")

    with tempfile.TemporaryDirectory() as folder, local_server.serving(Path(folder) / "neo4j") as server:
        made = tables.record_tables(dataset, rows, bundle.build_of(dataset, "1"))
        manifest = bundle.manifest_of(dataset, made, "1", Path("benchmark"))
        files, *cost = measured(lambda: bundle.write(Path(folder) / "bundles", made, manifest))
        add("bundle by BioCypher", *cost)
        auth = (server.username, server.password)
        with neo4j.GraphDatabase.driver(server.uri, auth=auth, notifications_min_severity="OFF") as driver:
            _, *cost = measured(lambda: load.load(driver, DATABASE, files))
            add("load, verify, make current", *cost)
            slow, *slow_cost = measured(lambda: row_by_row(driver, manifest.build))
            add("out, row by row", *slow_cost)
            pages = Path(folder) / "pages"
            for page in (1_000, 20_000, read.PAGE):
                _, *cost = measured(
                    lambda page=page: read.select(
                        driver,
                        DATABASE,
                        FITNESS.selected_by(FITNESS.query),
                        [(manifest.build, records)],
                        pages,
                        page=page,
                    )
                )
                fast = pl.concat(pl.read_parquet(rows) for rows, _ in read.pages_in(pages))
                assert fast["id"].equals(slow["id"]) and fast["value"].equals(slow["value"])
                add(f"out, pages of {page:,} ({slow_cost[0] / cost[0]:.1f}x)", *cost)
            _, *cost = measured(lambda: deletion.delete_build(driver, DATABASE, manifest.build))
            add("delete the build", *cost)
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
