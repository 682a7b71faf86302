"""Runs whose process was killed. Dagster cannot see that: to it they run for ever, and each keeps one of the few slots,
so that after two of them nothing that is launched in the UI would ever start.

Belongs here: how a process says that it lives, and closing the runs of those that do not. Does not: executing runs.

A process of ours holds a lock on a file in `DAGSTER_HOME/processes` as long as it lives, and its runs carry the file's
name as a tag; the kernel gives the lock back however the process ends. Runs of the UI carry no tag: the UI's lock is
held by `dagster dev`, under which they run.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import dagster as dg

TAG = "torchcell/process"
UI = "ui"
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_WHY = (
    "The process of this run was killed, or the machine went down. What it had finished is kept; launch it again, or "
    "`make run` for all that is missing."
)


def _folder() -> Path:
    folder = Path(os.environ["DAGSTER_HOME"]) / "processes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _lock(handle: IO) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def alive() -> Iterator[dict[str, str]]:
    """While the block runs, the runs that carry these tags are known to be executed by this process."""
    while True:
        number, name = tempfile.mkstemp(prefix="run-", dir=_folder())
        handle = os.fdopen(number)
        if _lock(handle) and Path(name).exists():
            break
        handle.close()  # another process took it for one that was left, in the moment before it was locked
    with handle:
        try:
            yield {TAG: Path(name).name}
        finally:
            Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def ui_alive() -> Iterator[tuple[int | None, bool]]:
    """The descriptor that a `dagster dev` has to inherit, and whether no other one of this home lives."""
    with (_folder() / UI).open("a") as handle:
        alone = _lock(handle)
        yield (handle.fileno() if alone else None), alone


def close(instance: dg.DagsterInstance, *, of_the_ui: bool = False) -> int:
    """Report the runs of killed processes as failed; returns how many.

    of_the_ui: those launched in the UI too; only for the one that holds the UI's lock.
    """
    closed = 0
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        process = record.dagster_run.tags.get(TAG)
        if of_the_ui if process is None else _dead(process):
            instance.report_run_failed(record.dagster_run, _WHY)
            closed += 1
    for file in _folder().glob("run-*"):
        if _dead(file.name):
            file.unlink(missing_ok=True)
    return closed


def _dead(process: str) -> bool:
    """Whether the lock of this process is free. A file that is not here belongs to another machine, which may live."""
    try:
        with (_folder() / process).open() as handle:
            return _lock(handle)
    except OSError:
        return False
