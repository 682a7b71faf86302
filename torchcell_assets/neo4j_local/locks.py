"""Who does what to the store of a local graph at one time: locks beside its folder, across all processes of a machine.

    STORE     exclusive: makes a new store, or lets another one take its place    shared: loads into the one that serves
    READERS   exclusive: the moment in which two stores change places             shared: has a driver
    START     exclusive: starts or stops the server, finishes what a killed switch has begun

Always taken in this order. The folder itself changes places, so what is locked lies beside it; the kernel gives a lock back
when its process dies, however it dies.

Belongs here: those locks. Does not: who takes them.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.storage.locks import locked

STORE, READERS, START = "store", "readers", "start"


@contextlib.contextmanager
def exclusive_lock(home: Path, what: str, *, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, nobody else holds `what` of this home.

    Args:
        home: folder of the local graph server; need not exist.
        what: STORE, READERS or START.
        waits: called once if somebody holds it, before the waiting begins.

    Raises:
        GraphUnavailable: if the folder beside `home` cannot be written.

    """
    with locked(_file(home, what), waits=waits):
        yield


@contextlib.contextmanager
def shared_lock(home: Path, what: str, *, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, nobody holds `what` of this home exclusively; arguments and errors as of `exclusive_lock`."""
    with locked(_file(home, what), shared=True, waits=waits):
        yield


def _file(home: Path, what: str) -> Path:
    home = home.expanduser().resolve()
    file = home.parent / ".locks" / f"{home.name}.{what}.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a").close()
    except OSError as error:
        raise GraphUnavailable(
            f"The local Neo4j cannot use the folder {home} ({error.strerror or error}): make it writable, make room "
            "there, or choose another folder."
        ) from error
    return file
