"""The resources: servers that cannot be used are one sentence each, the local one is served where it is needed, and the
environment alone says where things are.
"""

import socketserver
import threading
from pathlib import Path

import dagster as dg
import neo4j
import pytest

from torchcell_assets import definitions
from torchcell_assets.config import resources, study
from torchcell_assets.config.resources import DataRoot, GraphStore, GraphUnreachable, address_of
from torchcell_assets.environment import EnvironmentRefused
from torchcell_assets.neo4j_local import local_server, locks

SECRET = "s3cret:of/a@person"


@pytest.fixture
def store(neo4j_connection, tmp_path):
    """The session's server as somebody sets it by the environment, but for what a test gets wrong."""
    right = {"uri": neo4j_connection.uri, "username": "neo4j", "password": neo4j_connection.password}
    return lambda **wrong: GraphStore(root=DataRoot(path=str(tmp_path)), **{**right, **wrong})


def refusal(store: GraphStore, query: str = "RETURN 1") -> str:
    with pytest.raises(GraphUnreachable) as raised, store.driver() as driver:
        driver.execute_query(query, database_=store.database_name)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- what a person reads of a server that cannot be used ---


def test_a_server_that_cannot_be_used_is_one_sentence(store):
    assert "bolt://127.0.0.1:1 does not answer: start it (`make graph-up`" in refusal(store(uri="bolt://127.0.0.1:1"))
    assert "refuses the login of 'neo4j': set NEO4J_USERNAME" in refusal(store(password="wrong"))
    assert "has no database 'elsewhere': set NEO4J_DATABASE" in refusal(store(database="elsewhere"))
    assert "NEO4J_URI=server:7687 cannot be used: URI scheme" in refusal(store(uri="server:7687"))


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("bolt://localhost:99999", "Port out of range 0-65535"),
        ("neo4j://localhost:65536", "Port out of range 0-65535"),
        ("bolt://localhost:abc", "Port could not be cast to integer value as 'abc'"),
        ("bolt://localhost:7687:7687", "Port could not be cast to integer value as '7687:7687'"),
        ("bolt://[::1:7687", "Invalid IPv6 URL"),
        ("bolt://graph..example:7687", "label empty or too long"),
    ],
)
def test_an_address_that_is_none_is_one_sentence(uri, why, tmp_path, monkeypatch):
    monkeypatch.setenv("NEO4J_URI", uri)
    said = refusal(GraphStore(root=DataRoot(path=str(tmp_path))))
    assert said.startswith(f"NEO4J_URI={uri} cannot be used: ") and why in said


@pytest.mark.parametrize("scheme", ["bolt+s", "bolt+ssc", "neo4j+s"])
def test_a_server_that_does_not_encrypt_is_told_as_that(store, neo4j_connection, scheme):
    said = refusal(store(uri=neo4j_connection.uri.replace("bolt", scheme)))
    assert "cannot be reached encrypted (UNEXPECTED_EOF_WHILE_READING): in NEO4J_URI, write `bolt://`" in said


def test_the_page_of_a_web_server_is_told_from_a_server_that_is_down(store):
    class Page(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(20)
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Page) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        try:
            said = refusal(store(uri=f"bolt://127.0.0.1:{web.server_address[1]}"))
        finally:
            web.shutdown()
    assert "answers as a web page: set NEO4J_URI to its Bolt port, which is 7687 unless" in said


@pytest.fixture
def user(neo4j_connection):
    """A user of the session's server, whose password has to be changed before anything else."""
    auth = ("neo4j", neo4j_connection.password)
    with neo4j.GraphDatabase.driver(neo4j_connection.uri, auth=auth) as driver:
        made = "CREATE USER biologist SET PASSWORD 'first-password' CHANGE REQUIRED"
        driver.execute_query(made, database_="system")
        yield "biologist"
        driver.execute_query("DROP USER biologist", database_="system")


def test_a_password_that_has_to_be_changed_is_told_as_that_and_not_as_a_folder(store, user):
    said = refusal(store(username=user, password="first-password"))
    assert "wants another password of 'biologist' before it lets anybody work: set one (`ALTER CURRENT USER" in said


def test_too_many_wrong_passwords_are_one_sentence(store, user):
    said = [refusal(store(username=user, password="wrong")) for _ in range(4)]
    assert "refuses the login of 'biologist': set NEO4J_USERNAME" in said[0]
    assert "refuses the login of 'biologist' after too many wrong passwords: wait some seconds" in said[-1]


def test_an_error_of_what_was_asked_stays_what_it_is(store):
    with pytest.raises(neo4j.exceptions.CypherSyntaxError), store().driver() as driver:
        driver.execute_query("RETURN")


def test_a_server_that_is_too_old_is_refused_with_both_versions(store, monkeypatch):
    with store().driver():
        pass
    monkeypatch.setattr(resources, "OLDEST_NEO4J", (5, 99))
    assert "is Neo4j 5.26." in refusal(store()) and "Neo4j 5.99 or later is needed" in refusal(store())


def test_a_number_of_previous_stores_that_is_none_is_refused(monkeypatch):
    store = GraphStore(root=DataRoot())
    monkeypatch.delenv("TORCHCELL_GRAPH_PREVIOUS", raising=False)
    assert store.previous_stores == 1
    monkeypatch.setenv("TORCHCELL_GRAPH_PREVIOUS", "0")
    assert store.previous_stores == 0
    monkeypatch.setenv("TORCHCELL_GRAPH_PREVIOUS", "none")
    with pytest.raises(EnvironmentRefused, match="is no number of stores"):
        _ = store.previous_stores


# --- a login in the address ---


@pytest.mark.parametrize(
    ("stated", "uri", "username", "password", "shown"),
    [
        ("bolt://host:7687", "bolt://host:7687", "", "", "bolt://host:7687"),
        ("bolt://neo4j:s3cret@host", "bolt://host", "neo4j", "s3cret", "bolt://neo4j:***@host"),
        ("neo4j+s://a:p%40ss%3A@h:1", "neo4j+s://h:1", "a", "p@ss:", "neo4j+s://a:***@h:1"),
        (f"bolt://me:{SECRET}@host:1", "bolt://host:1", "me", SECRET, "bolt://me:***@host:1"),
        (f"bolt://me:{SECRET}@host:abc", "bolt://host:abc", "me", SECRET, "bolt://me:***@host:abc"),
        (f"me:{SECRET}@host", "host", "me", SECRET, "me:***@host"),
        ("bolt://:s3cret@host", "bolt://host", "", "s3cret", "bolt://:***@host"),
        ("bolt://token@host", "bolt://host", "token", "", "bolt://***@host"),
    ],
)
def test_a_login_is_cut_out_of_an_address_whatever_is_in_it(stated, uri, username, password, shown):
    address = address_of(stated)
    assert (address.uri, address.username, address.password, address.shown) == (uri, username, password, shown)
    assert not password or password not in repr(address)


def test_a_login_in_the_address_is_used_and_what_is_set_beside_it_comes_first(
    tmp_path, monkeypatch, neo4j_connection, user
):
    host = neo4j_connection.uri.removeprefix("bolt://")
    store = GraphStore(root=DataRoot(path=str(tmp_path)))
    monkeypatch.setenv("NEO4J_URI", f"bolt://neo4j:{neo4j_connection.password}@{host}")
    with store.driver() as driver:
        assert driver.execute_query("RETURN 1 AS n").records[0]["n"] == 1
    monkeypatch.setenv("NEO4J_URI", f"bolt://biologist:wrong@{host}")
    assert f"at bolt://biologist:***@{host} refuses the login of 'biologist'" in refusal(store)
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_connection.password)
    with store.driver():
        pass


@pytest.mark.parametrize("rest", ["127.0.0.1:1", "127.0.0.1:abc", "[::1:1", "host..example"])
def test_a_password_in_the_address_is_in_no_file_of_dagster(tmp_path, monkeypatch, rest):
    monkeypatch.setenv("NEO4J_URI", f"bolt://me:{SECRET}@{rest}")

    @dg.asset
    def reads(store: GraphStore) -> None:
        with store.driver():
            pass

    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        made = dg.materialize(
            [reads], instance=instance, raise_on_error=False, resources={"store": definitions.defs.resources["store"]}
        )
        [failure] = [event for event in made.all_events if event.is_step_failure]
        assert f"bolt://me:***@{rest}" in failure.step_failure_data.error.to_string()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"***@" in kept and b"s3cret" not in kept and b"of/a" not in kept


# --- the local server, where it is needed ---


def test_the_local_server_runs_as_long_as_a_run_that_needs_it_and_not_where_none_does(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    home, found = tmp_path / "neo4j", []

    @dg.asset
    def first(store: GraphStore) -> None:
        found.append(local_server.connection(home))
        with store.driver(loads=True) as driver:
            driver.execute_query("CREATE (:Gene {name: 'YAL001C'})")
        found.append(local_server.connection(home))

    @dg.asset(deps=[first])
    def second(store: GraphStore) -> None:
        found.append(local_server.connection(home))
        with store.driver() as driver:
            [gene] = driver.execute_query("MATCH (g:Gene) RETURN g.name AS name").records
        assert gene["name"] == "YAL001C"

    assert dg.materialize([first, second], resources={"store": definitions.defs.resources["store"]}).success
    before, after, still = found
    assert before is None and after is not None and still == after
    assert local_server.connection(home) is None


def test_a_switch_of_stores_waits_for_who_reads_and_a_load_for_a_rebuild(tmp_path, monkeypatch, neo4j_home):
    # the session's server stands for one that runs here; nothing of it is switched
    store = GraphStore(root=DataRoot(path=str(neo4j_home.parent)))
    monkeypatch.setattr(GraphStore, "local_home", property(lambda self: neo4j_home))
    waited: list[str] = []
    with store.driver():
        switching = threading.Thread(target=_hold, args=(neo4j_home, locks.READERS, waited.append))
        switching.start()
        while not waited:
            switching.join(0.01)
        assert waited == ["waits"]
    switching.join()
    assert waited == ["waits", "got it"]
    with locks.exclusive_lock(neo4j_home, locks.STORE):
        with store.driver():  # the old store serves meanwhile
            pass
        loading = threading.Thread(target=_load, args=(store, waited.append))
        loading.start()
        while len(waited) < 3:
            loading.join(0.01)
        assert waited[2:] == ["load waits"]
    loading.join()
    assert waited[2:] == ["load waits", "loaded"]


def _hold(home: Path, what: str, told) -> None:
    with locks.exclusive_lock(home, what, waits=lambda: told("waits")):
        told("got it")


def _load(store: GraphStore, told) -> None:
    with store.driver(loads=True, waits=lambda: told("load waits")):
        told("loaded")


# --- one truth: the environment ---


@pytest.mark.parametrize(
    ("resource", "config"),
    [
        ("root", {"path": "/elsewhere"}),
        ("raw", {"mirror": "/elsewhere"}),
        ("store", {"uri": "bolt://elsewhere"}),
        ("store", {"root": {"path": "/elsewhere"}}),
        ("store", {"password": "secret"}),
    ],
)
def test_a_run_whose_config_says_otherwise_than_the_environment_is_refused(resource, config):
    job = definitions.defs.resolve_job_def("verify")
    asked = {"resources": {resource: {"config": config}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match=f'unexpected config entry "{next(iter(config))}"'):
        dg.validate_run_config(job, asked)
    dg.validate_run_config(job)


def test_no_resource_of_the_code_location_has_a_setting():
    for resource in definitions.defs.resources.values():
        assert resource.config_schema.config_type.fields == {}


def test_runs_commands_and_notebooks_look_into_the_folder_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "mine"))
    places = []

    @dg.op
    def look(context: dg.OpExecutionContext, root: DataRoot, store: GraphStore) -> None:
        places.extend([root.folder, store.root.folder, store.own_home().parent])

    dg.GraphDefinition(name="job", node_defs=[look]).to_job(
        resource_defs=definitions.defs.resources
    ).execute_in_process()
    assert {*places, DataRoot().folder, study.data_root()} == {tmp_path / "mine"}
