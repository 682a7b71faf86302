"""What an edit of `Fitness` costs: the rebuild of what is outdated, beside making everything, on the study `screens`.

    TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/rebuild.py

The edit is the one of docs/staleness.md, made in a copy of the package; both commands are those that a person gives.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

CHECKOUT = Path(__file__).parent.parent
EDITS = {
    "schema/records.py": (
        '    """Growth of a mutant relative to its reference."""\n',
        '\n    plates = dy.UInt32(nullable=True, description="number of plates")\n',
    ),
    "steps/graph/schema_config.yaml": ("  input_label: fitness\n  properties:\n", "    plates: long\n"),
}


def edited_copy(folder: Path) -> Path:
    """A copy of the package in which `Fitness` and its node have one more field."""
    shutil.copytree(CHECKOUT / "torchcell_assets", folder / "torchcell_assets")
    for name, (after, added) in EDITS.items():
        path = folder / "torchcell_assets" / name
        text = path.read_text()
        assert text.count(after) == 1, f"{name} does not hold {after!r} once: adapt the edit"
        path.write_text(text.replace(after, after + added))
    return folder


def command(code: Path, *arguments: str) -> tuple[float, float]:
    """Seconds and CPU-seconds (without the graph server) of one command over the code in this folder."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    line = [sys.executable, "-m", "torchcell_assets", *arguments]
    subprocess.run(line, check=True, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def materializations() -> int:
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        return sum(len(instance.fetch_materializations(key, limit=1000).records) for key in instance.get_asset_keys())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        os.environ |= {"TORCHCELL_STUDY": "screens", "TORCHCELL_DATA": str(root), "DAGSTER_HOME": str(root / "dagster")}
        os.environ.pop("NEO4J_URI", None)
        table = Table("", "made", "seconds", "CPU-s", "share", title="After an edit of Fitness")
        everything = command(CHECKOUT, "run")
        made = materializations()
        table.add_row("everything (main job)", str(made), *(f"{value:.0f}" for value in everything), "1")
        rebuilt = command(edited_copy(Path(folder) / "edited"), "rebuild", "--yes")
        again = materializations() - made
        share = f"{rebuilt[0] / everything[0]:.2f}"
        table.add_row("rebuild of what is outdated", str(again), *(f"{value:.0f}" for value in rebuilt), share)
        Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    main()
