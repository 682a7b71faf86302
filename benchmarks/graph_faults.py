"""kill -9 at random moments of what changes a graph: whether a whole graph serves after each, and the next run ends right.

    PYTHONPATH=. python benchmarks/graph_faults.py [--kills 20] [--records 20000] [--seed 1]

Of each kind so many: the process of a rebuild while it imports (with its importer) and while it switches stores, and the graph
server itself while a dataset is loaded online. Two builds of one dataset take turns, so that
what must serve is the one or the other.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import neo4j
import polars as pl
from graph_in_out import NAME, double_mutants
from rich.console import Console
from rich.table import Table

from torchcell_assets.errors import TorchcellError
from torchcell_assets.neo4j_local import local_server
from torchcell_assets.neo4j_local.supervisor import read_entry
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, load, offline
from torchcell_assets_tests import graph_faults

LONGEST = {"import": 4.0, "switch": 8.0}
"""Seconds into a stage at which a kill falls at the latest: about as long as the stage takes."""


def bundles_of(folder: Path, records: int) -> list[Path]:
    """Two builds of one dataset with other values."""
    dataset = Dataset(
        NAME, Fitness, (), lambda: Parsed(pl.LazyFrame()), "faults", "none", "10.1/faults", "CC0-1.0", records
    )
    folder.mkdir()
    made = []
    for version in ("1", "2"):
        rows = double_mutants(records).with_columns(pl.col("value") + int(version) / 10)
        rows.write_parquet(table := folder / f"{version}.parquet")
        made.append(bundle.write_records(folder / "bundles", dataset, version, table))
    return made


def kill_a_load(home: Path, folder: Path, after: float) -> str:
    """Kill the server `after` seconds of a load. Returns where it fell; "" if the load had ended."""

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(read_entry(home)["pid"], signal.SIGKILL)

    lost = (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError)
    with contextlib.suppress(*lost), graph_faults.connected(home) as driver:
        timer = threading.Timer(after, kill)
        timer.start()
        try:
            load.load(driver, "neo4j", folder)
            return ""
        finally:
            timer.cancel()
    return "load"


def load_undisturbed(home: Path, folder: Path) -> float:
    with graph_faults.connected(home) as driver:
        started = time.monotonic()
        load.load(driver, "neo4j", folder)
        return time.monotonic() - started


def main(kills: int, records: int, seed: int) -> int:
    draw = random.Random(seed)
    fell: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        one, other = bundles_of(Path(place) / "made", records)
        home = Path(place) / "neo4j"
        offline.rebuild(home, [one], tell=lambda line: None)
        local_server.start(home, persistent=True)
        seconds = load_undisturbed(home, other)
        try:
            for kind in ("import", "switch", "load"):
                for _ in range(kills):
                    one, other = other, one  # `one` serves, `other` is to
                    if kind == "load":
                        where = kill_a_load(home, other, seconds * draw.random())
                    else:
                        where = graph_faults.kill_rebuild(home, [other], kind, draw.random() * LONGEST[kind])
                    fell[f"{kind}: {where or 'had ended'}"] += 1
                    with contextlib.suppress(TorchcellError):
                        local_server.start(home, persistent=True)
                    if not graph_faults.serves_whole(home, [one, other]):
                        wrong.append(f"{kind}, killed in {where}: no whole graph serves")
                    if kind == "load":
                        load_undisturbed(home, other)
                    elif graph_faults.rebuild(home, [other]):
                        wrong.append(f"{kind}, killed in {where}: the next rebuild failed")
                    if not graph_faults.serves_whole(home, [other]):
                        wrong.append(f"{kind}, killed in {where}: the next run did not end right")
                    wrong += graph_faults.left_behind(home)
                    print(dict(fell), len(wrong), "wrong", file=sys.stderr, flush=True)
        finally:
            local_server.stop(home)
    table = Table("what was killed: in which stage", "kills", title=f"kill -9, {records:,} experiments")
    for where, count in fell.items():
        table.add_row(where, str(count))
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    print("\n".join(wrong) or "A whole graph served after each, and the next run ended right.")
    return len(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(min(1, main(**vars(parser.parse_args()))))
