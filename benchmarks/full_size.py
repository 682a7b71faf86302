"""The whole path at published size: files in the published layout -> records -> bundle -> Neo4j -> pages -> merged -> samples.

    TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/full_size.py [--rows 1000000 5000000 20705612] [--folder FOLDER]
        [--interactions] [--keep]

Each step is a process of its own: seconds, CPU-seconds (of the graph server too) and the largest process of it, and what it
leaves on the disk. The files are made up (generate_published.py) and their truth is known: number of rows of the merged table,
measurements, exact sums and weighted means are held against it. 100,000 rows go the way of one object a row first.

--interactions: the epsilon of each row as a record of its own, too. --keep: the files stay, and a run that was interrupted
goes on with the step that was not finished.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
from full_size_steps import INTERACTIONS, STEPS
from rich.console import Console
from rich.table import Table

GB = 1e9
SMALL = 100_000
"""Rows that also go one object a row, for comparison."""
TODAY = {"today_parse": "records", "today_bundle": "bundles", "today_pages": "pages"}
"""Step of row_by_row.py -> the step that does the same."""


def step_in_a_process(name: str, folder: Path, rows: int) -> dict[str, Any]:
    """Seconds, CPU-seconds, largest process and disk of a step; what it says of itself. A finished one is not done again."""
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


def main(sizes: list[int], folder: Path, *, interactions: bool, keep: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    compare(folder / "row_by_row", console, keep)
    if interactions:
        os.environ[INTERACTIONS] = "1"
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
            table.add_row(name, *cells, f"{found['peak'] / GB:.2f}", f"{found['disk'] / GB:.2f}")
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
        "step", "CPU-µs a row", "one object a row", "ratio", title=f"{SMALL:,} rows, without start and import"
    )
    for today, step in TODAY.items():
        ours, theirs = (found[name]["told"]["own_cpu"] for name in (step, today))
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
        main(options.rows, options.folder, interactions=options.interactions, keep=options.keep)
