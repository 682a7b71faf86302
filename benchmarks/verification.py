"""What it costs to see every change of a store: verification of all columns, and the search for what others wrote, beside plain
counts, in one run over one imported store. CPU is that of the server and of this process.

    python benchmarks/verification.py [experiments] [folder]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import neo4j
import polars as pl
import psutil
from graph_in_out import DATABASE, NAME, double_mutants
from rich.console import Console
from rich.table import Table

from torchcell_assets.neo4j_local import local_server
from torchcell_assets.neo4j_local.supervisor import read_entry
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, offline, ownership, read, verification
from torchcell_assets.steps.merged.phenotypes import FITNESS

FULL = 20_705_612


def main(experiments: int, folder: Path) -> None:
    made_up = Dataset(
        NAME, Fitness, (), lambda: Parsed(pl.LazyFrame()), "benchmark", "none", "10.1/benchmark", "CC0-1.0", experiments
    )
    table = Table("what", "wall s", "server CPU-s", "client CPU-s", "of plain counts", "CPU-s at 20.7 M")
    if not (folder / "t.parquet").exists():
        double_mutants(experiments).write_parquet(folder / "t.parquet")
    before, started = time.process_time(), time.perf_counter()
    built = bundle.write_records(folder / "bundles", made_up, "1", folder / "t.parquet")
    print(f"bundle: {time.perf_counter() - started:.1f} s, {time.process_time() - before:.1f} CPU-s")
    manifest, home = bundle.read_manifest(built), folder / "neo4j"
    if not home.exists():
        started = time.perf_counter()
        offline.rebuild(home, [built], tell=lambda line: print(f"{time.perf_counter() - started:.0f} s: {line}"))
    with local_server.serving(home) as here:
        server = psutil.Process(read_entry(home)["pid"])
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            plain: list[float] = []

            def measure(name: str, work: Callable[[], object]) -> None:
                work()  # once, so that the server has compiled its queries and holds the pages
                cpu, own, wall = sum(server.cpu_times()[:2]), time.process_time(), time.perf_counter()
                work()
                wall = time.perf_counter() - wall
                cpu, own = sum(server.cpu_times()[:2]) - cpu, time.process_time() - own
                plain.append(cpu + own)
                table.add_row(
                    name, f"{wall:.1f}", f"{cpu:.1f}", f"{own:.1f}", f"{plain[-1] / plain[0]:.1f} x",
                    f"{plain[-1] / experiments * FULL:.0f}",
                )  # fmt: skip

            def whole(found: object) -> None:
                assert not found, found

            counts = lambda: whole(verification._miscounted(driver, DATABASE, manifest, True))  # noqa: E731
            measure("plain counts", counts)
            measure("counts and every column", lambda: whole(verification.differences(driver, DATABASE, manifest)))
            measure("what others wrote", lambda: whole(ownership.strangers(driver, DATABASE)))
            with tempfile.TemporaryDirectory() as pages:
                select = lambda: read.select(  # noqa: E731
                    driver,
                    DATABASE,
                    FITNESS.selected_by(FITNESS.query),
                    [(manifest.build, experiments)],
                    Path(pages) / str(time.time()),
                )
                measure("pages for the merge", select)
    Console().print(table)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        main(number, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(number, Path(temporary))
