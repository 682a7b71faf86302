"""The real importer, held in mid import for as long as a test likes: one file of its bundle is a named pipe."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from torchcell_assets.schema import Fitness
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
