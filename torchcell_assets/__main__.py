"""The command line behind `make run` and `make ui`. It has no logic of its own: it chooses the study, starts what is
needed, and executes the jobs of the code location in this process, so that the UI shows the same runs.

    python -m torchcell_assets run      make what is missing or outdated, then print the scoreboard
    python -m torchcell_assets status   what is missing, outdated or failed, and why
    python -m torchcell_assets rebuild  the plan of what is outdated, and its execution
    python -m torchcell_assets graph-rebuild  all bundles into a new local graph; graph-back: the one before serves again
    python -m torchcell_assets ui       the Dagster UI and the local Neo4j over the same data root
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from torchcell_assets import choosing, main_job, study, upkeep
from torchcell_assets.errors import TorchcellError
from torchcell_assets.storage import alone, refusal, replacing
from torchcell_assets.terminal import say

PROJECT = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is printed as the one sentence that it is."""
    parser = argparse.ArgumentParser(
        prog="torchcell_assets", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["run", "ui", "status", "rebuild", "graph-rebuild", "graph-back"])
    parser.add_argument("--yes", action="store_true", help="do not ask (rebuild)")
    parser.add_argument("--port", type=int, default=3000, help="port of the UI (ui)")
    options = parser.parse_args(arguments)
    try:
        choosing.choose_study()
        _dagster_home()
        commands = {
            "run": main_job.run,
            "ui": lambda: _ui(options.port),
            "status": upkeep.status,
            "rebuild": lambda: upkeep.rebuild(options.yes),
            "graph-rebuild": upkeep.rebuild_graph,
            "graph-back": upkeep.roll_back_graph,
        }
        return commands[options.command]()
    except TorchcellError as error:
        say(str(error), "bold red")
        return 1
    except KeyboardInterrupt:
        say("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except Exception as error:
        if why := refusal(error):  # where it is not our own file that cannot be written: Dagster's, Neo4j's
            say(f"{study.data_root()} cannot be written: {why}.", "bold red")
            return 1
        raise


def _dagster_home() -> None:
    """DAGSTER_HOME in the data root, unless it is set; its dagster.yaml is the project's, and comes after its databases:
    two first commands at once would each number the tables of a new one, and no command could open it again.
    """
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(study.data_root() / "dagster")
    home = Path(os.environ["DAGSTER_HOME"])
    if not (home / "dagster.yaml").exists():
        import dagster as dg

        with alone(home), replacing(home / "dagster.yaml") as temporary:
            shutil.copy(PROJECT / "dagster.yaml", temporary)
            with dg.DagsterInstance.from_config(str(home), str(temporary.relative_to(home))):
                pass


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Children of a shell's background job inherit an ignored SIGINT; Dagster would then stop on SIGKILL only."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ui(port: int) -> int:
    import dagster as dg

    from torchcell_assets import killed_runs
    from torchcell_assets.steps.graph import local_server

    with contextlib.ExitStack() as servers, _default_signals():
        lock, alone = servers.enter_context(killed_runs.ui_alive())
        # a home that a person named may have other launchers than us
        own = Path(os.environ["DAGSTER_HOME"]) == study.data_root() / "dagster"
        with dg.DagsterInstance.get() as instance:
            killed_runs.close(instance, of_the_ui=alone and own)
        if not os.environ.get("NEO4J_URI"):
            graph = servers.enter_context(local_server.serving(study.data_root() / "neo4j", browser=True))
            print(f"Neo4j Browser  {graph.http}  user {graph.username}  password {graph.password}", flush=True)
        print(f"Dagster        http://127.0.0.1:{port}   (Ctrl-C stops both)", flush=True)
        command = [
            sys.executable,
            "-m",
            "dagster",
            "dev",
            "-w",
            str(PROJECT / "workspace.yaml"),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        dagster = subprocess.Popen(command, cwd=PROJECT, pass_fds=() if lock is None else (lock,))
        stop = lambda *_: dagster.send_signal(signal.SIGINT)  # noqa: E731
        signal.signal(signal.SIGTERM, stop)
        try:
            return dagster.wait()
        except KeyboardInterrupt:
            dagster.send_signal(signal.SIGINT)
            dagster.wait(timeout=30)
            return 0


if __name__ == "__main__":
    sys.exit(main())
