"""The main job on the tiny study, as a person starts it: a process of its own over a data root of its own.

Belongs here: starting it, killing it, asking what it made and what it left behind; `benchmarks/faults.py` uses it too.
Does not: what has to hold (the tests).
"""

import fcntl
import hashlib
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import psutil
from safetensors import safe_open

from torchcell_assets.steps.graph import bundle
from torchcell_assets.storage.atomic import TEMPORARY_PREFIX

PROJECT = Path(__file__).parent.parent
TINY = Path(__file__).with_name("tiny.toml")
TIMED = {"search.parquet"}  # holds how long a search took, so no two runs write the same
ENDING = 35  # seconds that a process may take to end: the graph server makes a checkpoint first
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Kill:
    """Where a kill fell. job: in which; graph: while the graph server ran; writing: while a file was being written."""

    job: str
    graph: bool
    writing: bool


def environment(root: Path) -> dict[str, str]:
    ours = {
        "TORCHCELL_STUDY": str(TINY),
        "TORCHCELL_DATA": str(root),
        "DAGSTER_HOME": str(root / "dagster"),
        "PYTHONPATH": str(PROJECT),
    }
    if os.environ.get("TORCHCELL_MIRROR"):
        ours["TORCHCELL_MIRROR"] = str(Path(os.environ["TORCHCELL_MIRROR"]).absolute())
    return {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1", **ours}


def start(root: Path, *command: str, **options) -> subprocess.Popen[str]:
    """`python -m torchcell_assets`, or another module with its arguments."""
    line = [sys.executable, "-m", *(command or ("torchcell_assets", "run"))]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(line, cwd=PROJECT, text=True, **{"env": environment(root), **streams, **options})


def run(root: Path, *command: str, **options) -> tuple[int, str]:
    """Exit code, and what it said."""
    process = start(root, *command, **options)
    said, _ = process.communicate()
    return process.returncode, said


def moments(seed: int, duration: float, kills: int) -> list[float]:
    """Seconds after each start at which to kill; `duration` is that of an undisturbed run.

    Every kill leaves less to do, so each is drawn from the first third: three of them seldom outlast the job.
    """
    draw = random.Random(seed)
    return [draw.uniform(0.03, 0.35) * duration for _ in range(kills)]


def kill_again_and_again(root: Path, moments: Iterable[float]) -> list[Kill]:
    """Start the main job and kill it at each of these moments, going on over the same root; where the kills fell.

    After each, everything stored is whole: nothing half-written stands where it would be read.
    """
    fell = []
    for moment in moments:
        where = run_and_kill(root, moment)
        if where is None:
            break
        fell.append(where)
        open_everything(root)
    return fell


def run_and_kill(root: Path, after: float) -> Kill | None:
    """Kill -9 after `after` seconds; None if the main job had ended by itself."""
    started = datetime.now(UTC)
    process = start(root)
    try:
        said, _ = process.communicate(timeout=after)
        assert process.returncode == 0, said
        return None
    except subprocess.TimeoutExpired:
        graph = any("--home-dir=" in line for line in processes(root))
        process.kill()
        process.communicate()
    writing = any(root.rglob(f"{TEMPORARY_PREFIX}*"))
    return Kill(_job_since(root, started), graph, writing)


def _job_since(root: Path, started: datetime) -> str:
    if not (root / "dagster" / "dagster.yaml").exists():
        return "starting"
    with instance(root) as here:
        runs = here.get_run_records(dg.RunsFilter(created_after=started))
        cut = [record.dagster_run.job_name for record in runs if not record.dagster_run.is_finished]
        return cut[0] if cut else "between two runs" if runs else "starting"


def open_everything(root: Path) -> None:
    """Read every stored file to its end, and compare every bundle with its manifest."""
    for path in root.rglob("*"):
        if any(part.startswith(TEMPORARY_PREFIX) for part in path.parts):
            continue
        if path.suffix == ".parquet":
            pl.read_parquet(path)
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as opened:
                opened.sql("SELECT * FROM fitness").pl()
        elif path.suffix == ".safetensors":
            with safe_open(path, "numpy") as opened:
                assert all(opened.get_tensor(name).size for name in opened.keys())  # noqa: SIM118
        elif path.suffix == ".skops":
            assert zipfile.ZipFile(path).testzip() is None, path
        elif path.name == "manifest.json" and "bundles" in path.parts:
            manifest = bundle.read_manifest(path.parent)
            for name, expected in {**manifest.nodes, **manifest.edges}.items():
                assert bundle.read_table(path.parent, name).height == expected, path


def instance(root: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(root / "dagster"))


def versions(root: Path) -> dict[str, str]:
    """Asset and partition -> data version of the latest materialization."""
    found: dict[str, str] = {}
    with instance(root) as here:
        for key in here.all_asset_keys():
            for record in here.fetch_materializations(key, limit=1000).records:  # newest first
                made = record.asset_materialization
                name = f"{key.to_user_string()} {made.partition or ''}".strip()
                found.setdefault(name, made.tags["dagster/data_version"])
    return dict(sorted(found.items()))


def tables(root: Path) -> dict[str, str]:
    """Stored Parquet file -> sha256 of its bytes."""
    files = [path for path in root.rglob("*.parquet") if path.name not in TIMED]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def left_behind(root: Path) -> list[str]:
    """Processes, held locks, temporary files and unfinished runs of this data root."""
    found = [f"process {line}" for line in _processes_that_stay(root)]
    found += [f"file {path}" for path in root.rglob(f"{TEMPORARY_PREFIX}*")]
    found += [f"file {path}" for path in (root / "dagster" / "processes").glob("run-*")]
    found += [f"lock {path}" for path in root.rglob("*.lock") if _held(path)]
    with instance(root) as here:
        unfinished = here.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
        found += [f"run of {record.dagster_run.job_name} {record.dagster_run.status}" for record in unfinished]
    return found


def _processes_that_stay(root: Path) -> list[str]:
    end = time.monotonic() + ENDING
    while (living := processes(root)) and time.monotonic() < end:
        time.sleep(0.1)
    return living


def processes(root: Path) -> list[str]:
    """The command lines of the processes that work on this data root."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("TORCHCELL_DATA") == str(root)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:  # it has just ended, or is another user's
            continue
    return found


def _held(path: Path) -> bool:
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
