"""The local graph server: a real Neo4j Community, as a process of its own, on loopback, with a password.

Belongs here: its start and stop, and finding it running.
Does not: its jars (`jars`), its settings (`server_home`), the parent process of Java (`supervisor`), connecting to a
server that a person runs elsewhere, loading or asking anything, which store it serves (`offline`).

A *home* is one folder: conf, data, logs and `connection.json`. Its Java process is the child of a supervisor, which
runs in a session of its own (so that Ctrl-C reaches the users of the server and not the server) and holds the read end
of a pipe whose write end is in the process that called `start`. When that process ends, however it ends, the pipe
closes and the supervisor stops Neo4j with a checkpoint, once nobody else is `serving` it. A persistent server has no
such lifeline.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from torchcell_assets.neo4j_local import supervisor
from torchcell_assets.neo4j_local.jars import GraphUnavailable, fetch_jars
from torchcell_assets.neo4j_local.locks import READERS, START, STORE, exclusive_lock, shared_lock
from torchcell_assets.neo4j_local.readiness import CONSOLE, answers, until
from torchcell_assets.neo4j_local.server_home import (
    Connection,
    Memory,
    configure,
    connection_of,
    environment,
    free_port,
    listens,
    memory_for,
    new_entry,
    port_of,
    reason,
    restore,
    server_command,
    set_initial_password,
)
from torchcell_assets.neo4j_local.supervisor import STOP_SECONDS, is_of, read_entry, users, write_entry
from torchcell_assets.sources.progress import spinner

_lifelines: dict[Path, tuple[subprocess.Popen[bytes], int]] = {}  # homes started by this process


def start(home: Path, *, browser: bool = False, persistent: bool = False) -> Connection:
    """Start the server of `home`, or find it running; on return it has answered a query.

    It ends with the calling process unless `persistent`. A server that runs without the Browser page is restarted
    where `browser` asks for it. Two processes that call this at once get the same server.
    """
    return _start(home, browser=browser, persistent=persistent)[0]


def stop(home: Path) -> None:
    """Stop the server of `home` after a checkpoint; nothing happens where none runs."""
    home = home.expanduser().resolve()
    if (home / "connection.json").exists():
        with _exclusively(home):
            _stop(home)


def connection(home: Path) -> Connection | None:
    """How to log in to the server of `home`, or None where none is running."""
    home = home.expanduser().resolve()
    entry = read_entry(home)
    running = is_of(home, entry.get("pid")) and not entry.get("stopping")
    return connection_of(entry) if running and listens(port_of(entry["uri"])) else None


@contextlib.contextmanager
def serving(home: Path, *, browser: bool = False) -> Iterator[Connection]:
    """`start`, and at exit `stop` unless the server was running before, is persistent by now or has other users."""
    home = home.expanduser().resolve()
    with contextlib.ExitStack() as held:
        with _exclusively(home):
            _make(home)
            use = held.enter_context(users(home))
        fcntl.flock(use, fcntl.LOCK_SH)  # waits for a server that is just going down
        here, started = _start(home, browser=browser, persistent=False)
        try:
            yield here
        finally:
            if started and not read_entry(home).get("persistent"):
                _leave(home, use)


@contextlib.contextmanager
def using(home: Path, *, loads: bool = False, waits: Callable[[], None] = lambda: None) -> Iterator[Connection]:
    """`serving`, and while the block runs no other store takes the place of the one that is served.

    Args:
        home: folder of the server.
        loads: the block writes what has to stay, so that it waits for a rebuild, which would not have it, and a rebuild for it.
        waits: called once if the block has to wait for that.

    """
    with contextlib.ExitStack() as held:
        if loads:
            held.enter_context(shared_lock(home, STORE, waits=waits))
        held.enter_context(serving(home))
        held.enter_context(shared_lock(home, READERS))
        here = connection(home)  # a store that took the place of another since may have another port
        if here is None:
            raise GraphUnavailable(f"The local Neo4j of {home} was stopped: run it again.")
        yield here


@contextlib.contextmanager
def stopped(home: Path) -> Iterator[None]:
    """While the block runs, no server of `home` runs and nobody starts one; one that ran starts again on what is then there."""
    home = home.expanduser().resolve()
    with _exclusively(home):
        restore(home)
        running, entry = connection(home), read_entry(home)
        _stop(home)
        try:
            yield
        finally:
            if running:
                restore(home)
                _launch(home, fetch_jars(), bool(running.http), bool(entry.get("persistent")))


def _leave(home: Path, use: IO[str]) -> None:
    """Stop the server if nobody else uses it; else its supervisor stops it at the end of the last user."""
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if home in _lifelines:
            os.close(_lifelines.pop(home)[1])
    else:
        stop(home)


def _start(home: Path, *, browser: bool, persistent: bool) -> tuple[Connection, bool]:
    """The connection, and whether there was no server before."""
    home = home.expanduser().resolve()
    jars = fetch_jars()  # before the spinner: it has a progress bar of its own
    with spinner("starting the local Neo4j ..."), _exclusively(home):
        _make(home)
        entry = read_entry(home)
        if entry.get("stopping") or not answers(home, entry):
            _stop(home)
            return _launch(home, jars, browser, persistent), True
        if browser and not entry["http"]:
            _stop(home)
            return _launch(home, jars, browser, persistent or entry["persistent"]), False
        if persistent and not entry["persistent"]:
            _make_persistent(home, entry)
        return connection_of(entry), False


@contextlib.contextmanager
def _exclusively(home: Path) -> Iterator[None]:
    """One start, stop or switch of a home at a time, on the whole machine; what its disk refuses is one sentence."""
    try:
        with exclusive_lock(home, START):
            yield
    except OSError as error:
        if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(home.parent):  # Java, say
            raise GraphUnavailable(
                f"The local Neo4j of {home} cannot start: {os.fsdecode(error.filename)}: {error.strerror}."
            ) from error
        raise GraphUnavailable(
            f"The local Neo4j cannot use the folder {home} ({error.strerror or error}): make it writable, make room "
            "there, or choose another folder."
        ) from error


def _make(home: Path) -> None:
    """The folder, with the store that a switch which was killed has left elsewhere."""
    restore(home)
    (home / "logs").mkdir(parents=True, exist_ok=True)


def _launch(home: Path, jars: Path, browser: bool, persistent: bool) -> Connection:
    entry, memory = new_entry(home), memory_for(home)
    bolt, http = 7687, 7474
    while True:
        bolt = free_port(bolt)
        http = free_port(http, besides=bolt)
        entry["uri"] = f"bolt://127.0.0.1:{bolt}"
        entry["http"] = f"http://127.0.0.1:{http}" if browser else None
        write_entry(home, entry)
        configure(home, bolt, http if browser else None, memory)
        if not (home / "data" / "databases" / "system").exists():
            set_initial_password(home, jars, entry["password"])
        try:
            _spawn(home, memory, jars)
            break
        except GraphUnavailable as error:
            # another home took the port between our look and the server's; each round looks further up
            if "already in use" not in str(error):
                raise
            bolt, http = bolt + 1, http + 1
    if persistent:
        _make_persistent(home, read_entry(home))
    return connection_of(entry)


def _spawn(home: Path, memory: Memory, jars: Path) -> None:
    """Start the supervisor and wait until the server answers; on failure, nothing is left."""
    command = [sys.executable, "-I", supervisor.__file__, str(home), *server_command(home, jars, memory)]
    log = home / CONSOLE
    read, lifeline = os.pipe()
    try:
        with log.open("wb") as console:
            streams: dict[str, Any] = {"stdin": read, "stdout": console, "stderr": subprocess.STDOUT}
            parent = subprocess.Popen(command, **streams, env=environment(home), cwd=home, start_new_session=True)
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(read)
    _lifelines[home] = parent, lifeline
    try:
        if not answers(home, read_entry(home), parent):
            why = reason(log.read_text(errors="replace"))
            raise GraphUnavailable(f"The local Neo4j of {home} did not start: {why} (the whole log is {log}).")
    except BaseException:  # Ctrl-C too
        _let_go(home)
        raise


def _make_persistent(home: Path, entry: dict[str, Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(entry["supervisor"], signal.SIGUSR1)
    for _ in until(STOP_SECONDS):  # acknowledged before the lifeline may close
        if read_entry(home).get("persistent") or not is_of(home, entry["supervisor"]):
            break
    if home in _lifelines:
        os.close(_lifelines.pop(home)[1])


def _let_go(home: Path) -> None:
    if home in _lifelines:
        parent, lifeline = _lifelines.pop(home)
        os.close(lifeline)
        parent.terminate()  # by the lifeline alone it would wait for the other users
        parent.wait()  # it ends by itself: it kills Java after STOP_SECONDS


def _stop(home: Path) -> None:
    entry = read_entry(home)
    pids = [pid for pid in (entry.get("supervisor"), entry.get("pid")) if pid and is_of(home, pid)]
    if pids:
        os.kill(pids[0], signal.SIGTERM)  # to the supervisor, or to Java itself where the supervisor was killed
    _let_go(home)
    for _ in until(STOP_SECONDS + 10):
        if not any(is_of(home, pid) for pid in pids):
            break
    else:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    entry = read_entry(home)
    if entry.get("pid"):  # a supervisor that was killed could not take its entry back
        write_entry(home, {**entry, "pid": None, "supervisor": None, "stopping": False, "persistent": False})
