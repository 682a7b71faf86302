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
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import psutil

from torchcell_assets.storage import TEMPORARY_PREFIX

ROOT = Path(__file__).parent.parent
TINY = Path(__file__).with_name("tiny.toml")
TIMED = {"search.parquet"}  # holds how long a search took, so no two runs write the same
ENDING = 35  # seconds that a process may take to end: the graph server makes a checkpoint first
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def environment(root: Path) -> dict[str, str]:
    ours = {"TORCHCELL_STUDY": str(TINY), "TORCHCELL_DATA": str(root), "PYTHONPATH": str(ROOT)}
    if os.environ.get("TORCHCELL_MIRROR"):
        ours["TORCHCELL_MIRROR"] = str(Path(os.environ["TORCHCELL_MIRROR"]).absolute())
    inherited = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "NEO4J_URI")}
    return inherited | {"DAGSTER_DISABLE_TELEMETRY": "1"} | ours


def start(root: Path, command: str = "run", **options) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "torchcell_assets", command]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    return subprocess.Popen(line, cwd=ROOT, env=environment(root), text=True, **streams)


def run(root: Path) -> tuple[int, str]:
    """Exit code, and what it said."""
    process = start(root)
    said, _ = process.communicate()
    return process.returncode, said


def run_and_kill(root: Path, after: float) -> str | None:
    """Kill -9 after `after` seconds; returns the job in which that fell, None if the main job had ended by itself."""
    started = datetime.now(UTC)
    process = start(root)
    try:
        process.communicate(timeout=after)
        return None
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    if not (root / "dagster" / "dagster.yaml").exists():
        return "starting"
    with instance(root) as here:
        runs = here.get_run_records(dg.RunsFilter(created_after=started))
        cut = [record.dagster_run.job_name for record in runs if not record.dagster_run.is_finished]
        return cut[0] if cut else "between two runs" if runs else "starting"


def kill_again_and_again(root: Path, moments: Iterable[float]) -> list[str]:
    """Start the main job and kill it at each of these moments, going on over the same root; where the kills fell.

    After each, everything stored is whole: nothing half-written stands where it would be read.
    """
    fell = []
    for moment in moments:
        where = run_and_kill(root, moment)
        if where is None:
            break
        fell.append(where)
        for path in root.rglob("*.parquet"):
            if not temporary(path):
                pl.read_parquet(path)
    return fell


def moments(seed: int, duration: float, kills: int) -> list[float]:
    """Seconds after each start at which to kill; `duration` is that of an undisturbed run.

    Every kill leaves less to do, so each is drawn from the first half: three of them seldom outlast the job.
    """
    draw = random.Random(seed)
    return [draw.uniform(0.05, 0.5) * duration for _ in range(kills)]


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
    files = [path for path in root.rglob("*.parquet") if not temporary(path) and path.name not in TIMED]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def temporary(path: Path) -> bool:
    return any(part.startswith(TEMPORARY_PREFIX) for part in path.parts)


def left_behind(root: Path) -> list[str]:
    """Processes, held locks, temporary files and unfinished runs of this data root."""
    found = [f"process {line}" for line in _processes_that_stay(root)]
    found += [f"file {path}" for path in root.rglob(f"{TEMPORARY_PREFIX}*")]
    locks = [root / "neo4j" / "start.lock", *(root / "dagster" / "processes").glob("*")]
    found += [f"lock {path}" for path in locks if path.exists() and _held(path)]
    with instance(root) as here:
        unfinished = here.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
        found += [f"run of {record.dagster_run.job_name} {record.dagster_run.status}" for record in unfinished]
    return found


def _processes_that_stay(root: Path) -> list[str]:
    end = time.monotonic() + ENDING
    while (living := _processes(root)) and time.monotonic() < end:
        time.sleep(0.1)
    return living


def _processes(root: Path) -> list[str]:
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
