"""`torchcell-assets ui`: the Dagster UI and the local Neo4j with its Browser, on loopback, until somebody stops them.

Belongs here: which port, the two processes, and their end. Does not: the code location that the UI serves (definitions.py).
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from torchcell_assets.cli.command import StudyCommand
from torchcell_assets.errors import TorchcellError
from torchcell_assets.orchestration import dagster_home

PORT = 3000
_TRIED = 50
"""Ports after PORT among which a free one is looked for."""
_HOST = "127.0.0.1"
_PATIENCE = 30
"""Seconds that Dagster may take to end."""


class WorkspaceNotThere(TorchcellError):
    """The file that should list the code locations does not exist."""


class PortTaken(TorchcellError):
    """Nothing can be served at the port."""


@click.command(cls=StudyCommand, help="Serve the Dagster UI and the local Neo4j over the same data root.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="Code locations to serve instead (docs/several_studies.md).",
)
@click.option("--port", type=int, help="Port of the UI (default: 3000, or the next free one).")
def serve(port: int | None, workspace: Path | None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: of the UI; None for 3000, or the next free one.
        workspace: a workspace.yaml of several studies; None for the study of this process, with its local Neo4j.

    Returns:
        The exit code of Dagster; 0 after Ctrl-C.

    Raises:
        PortTaken, WorkspaceNotThere: before anything is started.
    """
    import dagster as dg

    from torchcell_assets.config.resources import DataRoot, GraphStore
    from torchcell_assets.orchestration import run_liveness

    if workspace is not None and not workspace.is_file():
        raise WorkspaceNotThere(f"There is no workspace {workspace}: see docs/several_studies.md for what is in one.")
    port = free_port(port)
    home = Path(os.environ["DAGSTER_HOME"])
    with contextlib.ExitStack() as servers, _default_signals():
        lock, alone = servers.enter_context(run_liveness.ui_alive())
        with dg.DagsterInstance.get() as instance:
            run_liveness.close(instance, of_the_ui=alone and dagster_home.is_ours(home))
        if workspace is None and (graph := servers.enter_context(GraphStore(root=DataRoot()).serving(browser=True))):
            print(f"Neo4j Browser  {graph.http}  user {graph.username}  password {graph.password}", flush=True)
        print(f"Dagster        http://{_HOST}:{port}   (Ctrl-C stops both)", flush=True)
        # Dagster warns where the folder that it is started in holds another dagster.yaml than its home
        dagster = subprocess.Popen(
            _command(port, workspace),
            cwd=home.resolve(),
            env=_environment(home),
            pass_fds=() if lock is None else (lock,),
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a service is a Ctrl-C
        try:
            return dagster.wait()
        except KeyboardInterrupt:
            _end(dagster)
            return 0


def free_port(wanted: int | None) -> int:
    """The wanted port, or the first free one from 3000 on; raises PortTaken."""
    if wanted is not None:
        if why := _refusal(wanted):
            raise PortTaken(f"Port {wanted} cannot be used: {why}. Name another with --port, or leave --port out.")
        return wanted
    for port in range(PORT, PORT + _TRIED):
        if not _refusal(port):
            return port
    raise PortTaken(f"The ports {PORT} to {PORT + _TRIED - 1} are all taken: name a free one with --port.")


def _refusal(port: int) -> str:
    """Why nothing can be served at a port; empty where it is free."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the UI does: one that has just ended is no other
        try:
            probe.bind((_HOST, port))
        except OverflowError:
            return "there are 65,535 of them"
        except OSError as error:
            return "another program listens there" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
    return ""


def _command(port: int, workspace: Path | None) -> list[str]:
    served = workspace.absolute() if workspace else dagster_home.shipped("workspace.yaml")
    where = ["-w", str(served), "-h", _HOST, "-p", str(port)]
    return [sys.executable, "-m", "dagster", "dev", *where]


def _environment(home: Path) -> dict[str, str]:
    """Of a process that starts in another folder: a checkout that was not installed is found from there too."""
    project = Path(__file__).parents[2]
    found = {**os.environ, "DAGSTER_HOME": str(home.resolve())}
    if (project / "pyproject.toml").is_file():
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")]))
    return found


def _end(dagster: subprocess.Popen[bytes], seconds: float = _PATIENCE) -> None:
    """Stop Dagster as Ctrl-C does; kill it, with all that it has started, if it still runs after `seconds` or a second Ctrl-C."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(dagster.pid).children(recursive=True)  # once it is gone, nobody knows whose they were
        dagster.send_signal(signal.SIGINT)
        try:
            dagster.wait(timeout=seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            print(
                "Dagster did not stop by itself and was killed. What was finished is kept; runs that were going on are closed at "
                "the next start.",
                file=sys.stderr,
            )
            for one in (psutil.Process(dagster.pid), *started):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            dagster.wait()


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Children of a shell's background job inherit an ignored SIGINT; Dagster would then stop on SIGKILL only."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
