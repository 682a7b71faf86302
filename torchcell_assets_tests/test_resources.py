"""Servers that cannot be used: one sentence each, with what to do."""

import pytest

from torchcell_assets import resources
from torchcell_assets.environment import EnvironmentRefused
from torchcell_assets.resources import DataRoot, GraphStore, GraphUnreachable


@pytest.fixture
def store(neo4j_connection, tmp_path):
    """The session's server as somebody sets it by the environment, but for what a test gets wrong."""
    right = {"uri": neo4j_connection.uri, "username": "neo4j", "password": neo4j_connection.password}
    return lambda **wrong: GraphStore(root=DataRoot(path=str(tmp_path)), **{**right, **wrong})


def refusal(store: GraphStore) -> str:
    with pytest.raises(GraphUnreachable) as raised, store.driver() as driver:
        driver.execute_query("RETURN 1", database_=store.database_name)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_server_that_cannot_be_used_is_one_sentence(store, monkeypatch):
    assert "bolt://127.0.0.1:1 does not answer: start it (`make graph-up`" in refusal(store(uri="bolt://127.0.0.1:1"))
    assert "refuses the login of 'neo4j': set NEO4J_USERNAME" in refusal(store(password="wrong"))
    assert "has no database 'elsewhere': set NEO4J_DATABASE" in refusal(store(database="elsewhere"))
    assert "NEO4J_URI=server:7687 cannot be used: URI scheme" in refusal(store(uri="server:7687"))
    assert "No graph server is running" in refusal(store(uri=""))


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
