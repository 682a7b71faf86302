"""The parent of a Java process of the local Neo4j, server or importer: it outlives nobody and leaves nothing behind.

Belongs here: what runs in the supervising process, and what it shares with `local_server`: the entry of a home
(`connection.json`) and the question whether a process is the server of that home.
Does not: configuration, ports, passwords. Nothing but the standard library is imported, because this file is run by
its path (`python -I supervisor.py HOME JAVA ...`) in a process that should be small and start at once.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

STOP_SECONDS = 30  # a clean stop takes about 1 s, the checkpoint after a large load some more
_PR_SET_PDEATHSIG = 1


def read_entry(home: Path) -> dict[str, Any]:
    """What `connection.json` of a home says; empty where there is none."""
    try:
        return json.loads((home / "connection.json").read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}


def write_entry(home: Path, entry: dict[str, Any]) -> None:
    """Replace `connection.json` in one step; only its owner may read it."""
    part = home / f"connection.json.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(json.dumps(entry, indent=2) + "\n")
    part.replace(home / "connection.json")


def users(home: Path) -> IO[str]:
    """The file that each user of the server holds shared; who holds it alone knows that nobody needs the server."""
    return (home / "users.lock").open("a")


def is_of(home: Path, pid: int | None) -> bool:
    """Whether `pid` is the Java process of this home or its supervisor, and not one that got the number later."""
    if not pid:
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]  # macOS
        command = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    except OSError:  # another user's process, or it ended while we read
        return False
    return f" --home-dir={home} " in command


def supervise(home: Path, command: list[str]) -> int:
    """Run `command` until it ends, a signal asks for its end, or standard input (the lifeline) closes and nobody uses it.

    SIGUSR1 makes the server persistent: from then on the lifeline means nothing.
    Returns the exit status of `command`; 1, after a line that says why, where it cannot be started.
    """
    try:
        # preexec_fn is unsafe beside threads: there are none yet
        java = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_as_a_child)  # noqa: PLW1509
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", flush=True)
        return 1
    # Plain values: a lock that a signal's handler holds would stop a second signal's handler, and with it the process, for ever.
    state = {"persistent": False, "stopping": False}

    def note(**changes: Any) -> None:
        with contextlib.suppress(OSError):  # a full disk or a removed home must not keep Java alive
            entry = read_entry(home)
            if entry.get("supervisor") in (None, os.getpid()):
                write_entry(home, {**entry, **changes})

    def end(*_: object) -> None:
        if not state["stopping"]:
            state["stopping"] = True
            note(stopping=True)  # nobody may join a server that is going down
            java.terminate()
            killer = threading.Timer(STOP_SECONDS, java.kill)
            killer.daemon = True
            killer.start()

    def persist(*_: object) -> None:
        state["persistent"] = True
        note(persistent=True)

    def watch() -> None:
        while os.read(0, 1):
            pass
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):  # a home that was removed has no users
                # who started the server may leave before those who found it running
                fcntl.flock(held.enter_context(users(home)), fcntl.LOCK_EX)
            if not state["persistent"]:
                end()
                java.wait()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGUSR1, persist)
    note(pid=java.pid, supervisor=os.getpid())
    threading.Thread(target=watch, daemon=True).start()
    status = java.wait()
    note(pid=None, supervisor=None, stopping=False, persistent=False)
    return status if status >= 0 else 128 - status  # as a shell says it: 128 and the number of the signal


def _as_a_child() -> None:
    # A process that was started where SIGTERM is ignored hands that down, and Java then never ends cleanly.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # For the case that this process is killed with -9; Linux alone has it. At once, not by a clean stop that may take
    # its time while nobody is left to insist: the transaction log brings the store back as after a power cut.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1]), sys.argv[2:]))
