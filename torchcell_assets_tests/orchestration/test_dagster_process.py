"""The Dagster that a command starts or opens: it is stopped whatever it does, and a database that is down is one sentence."""

import signal
import socket
import subprocess
import sys

import psutil

from torchcell_assets.cli import ui
from torchcell_assets_tests import main_job

IGNORES = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
OBEYS = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background of a shell hands down an ignored one
try:
    print(0, flush=True)  # whoever reads it may stop this at once
    time.sleep(600)
except KeyboardInterrupt:
    pass
"""


def start(script: str) -> tuple[subprocess.Popen[bytes], int]:
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:  # closed here: a pipe that the garbage collector finds fails whatever test runs then
        return process, int(told.readline())


def test_a_dagster_that_does_not_stop_is_killed_with_what_it_started_and_that_is_said(capsys):
    process, child = start(IGNORES)
    try:
        ui._end(process, seconds=0.5)
        assert process.returncode == -signal.SIGKILL
        psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=20)
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        assert "Dagster did not stop by itself and was killed." in capsys.readouterr().err
    finally:
        for pid in filter(psutil.pid_exists, (process.pid, child)):
            psutil.Process(pid).kill()


def test_a_dagster_that_stops_is_left_to_do_so(capsys):
    process, _ = start(OBEYS)
    ui._end(process)
    assert (process.returncode, capsys.readouterr().err) == (0, "")


def test_a_postgres_that_is_down_is_one_sentence_without_its_password(tmp_path):
    home = tmp_path / "of a person"
    home.mkdir()
    with socket.socket() as closed:  # bound and never listening
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        (home / "dagster.yaml").write_text(
            "storage: {postgres: {postgres_db: {username: me, password: s3cret, hostname: 127.0.0.1, db_name: events, "
            f"port: {port}}}}}}}\ntelemetry: {{enabled: false}}\n"
        )
        started = []
        for command in ("status", "ui"):  # at once: for twelve seconds, Dagster tries again
            root = tmp_path / command
            environment = main_job.environment(root) | {"DAGSTER_HOME": str(home)}
            started.append(main_job.start(root, "torchcell_assets", command, env=environment))
        ended = [(process.communicate()[0], process.returncode) for process in started]
    for said, code in ended:
        assert code == 1, said
        [sentence] = said.strip().splitlines()
        assert "Dagster's database cannot be used: connection to server at" in sentence
        assert f"port {port} failed" in sentence and "mend `storage` in" in sentence
        assert "s3cret" not in said
