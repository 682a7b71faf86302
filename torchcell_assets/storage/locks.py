"""One writer at a time: locks on files, which the kernel gives back when their process dies, however it dies.

Belongs here: waiting for a lock, and saying so once. Does not: which lock guards what (the rooms that take it). By flock and
not by a package: a lock of many readers is needed beside that of one writer, and a child process inherits some of them.
"""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from torchcell_assets.storage.atomic import one_sentence


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock on `path`, alone or with all that share it; the kernel gives it back when the process dies, however it dies.

    waits: called once if it has to be waited for.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(handle, kind)
        yield


@contextlib.contextmanager
def exclusive_lock(folder: Path, *, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, no other process is in one of the same folder; the kernel gives the lock back to the next.

    For what is more than one file: a folder that is replaced, and a server that has to agree with it.
    waits: called once if another process is in there.
    """
    lock = folder / "write.lock"
    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock.open("a").close()
    with locked(lock, waits=waits):
        yield
