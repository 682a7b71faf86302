"""A rebuild of the graph in a process of its own, killed at a stage of it; `benchmarks/faults.py` uses it too.

Belongs here: starting and killing it, asking whether a whole graph serves. Does not: what has to hold (the tests).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import neo4j
import psutil

from torchcell_assets.neo4j_local import local_server
from torchcell_assets.steps.graph import bundle, load, offline, verification
from torchcell_assets_tests.main_job import PROJECT

STAGES = {"import": "import", "constraints, indexes and verification": "verification", "switch": "switch"}
"""What a rebuild says when a stage begins -> the stage."""


def rebuild(home: Path, bundles: Sequence[Path]) -> int:
    """Undisturbed; returns the exit status."""
    return _start(home, bundles).wait()


def kill_rebuild(home: Path, bundles: Sequence[Path], stage: str, after: float) -> str:
    """Kill -9 a rebuild with its importer, `after` seconds into a stage. Returns where it fell; "" if it had ended."""
    process = _start(home, bundles)
    assert process.stdout is not None
    for line in process.stdout:
        if STAGES.get(line.strip()) == stage:
            break
    time.sleep(after)
    ended = process.poll() is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    said = [line.strip() for line in process.stdout]
    process.wait()
    return "" if ended else next((STAGES[line] for line in reversed(said) if line in STAGES), stage)


def _start(home: Path, bundles: Sequence[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torchcell_assets_tests.graph_faults", str(home), *map(str, bundles)]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextlib.contextmanager
def connected(home: Path) -> Iterator[neo4j.Driver]:
    """A driver of the server of `home`, which is started if it does not run; it gives up at once where the server dies."""
    with (
        local_server.serving(home) as here,
        neo4j.GraphDatabase.driver(
            here.uri,
            auth=(here.username, here.password),
            max_transaction_retry_time=0.5,
            notifications_min_severity="OFF",
        ) as driver,
    ):
        yield driver


def serves_whole(home: Path, bundles: Sequence[Path]) -> bool:
    """Whether the graph of `home` serves one of these bundles as its current build, and all of it."""
    with connected(home) as driver:
        for folder in bundles:
            manifest = bundle.read_manifest(folder)
            if load.current_build(driver, "neo4j", manifest.dataset) == manifest.build:
                return not verification.differences(driver, "neo4j", manifest)
    return False


def left_behind(home: Path) -> list[str]:
    """What a rebuild that ended must not leave: the store that is being made, and processes on it."""
    following = home.with_name(f"{home.name}.next")
    lines = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [str(following)] * following.exists() + [line for line in lines if str(following) in line]


if __name__ == "__main__":
    offline.rebuild(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]], tell=lambda line: print(line, flush=True))
