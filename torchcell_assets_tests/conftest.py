"""Fixtures that several rooms share.

Belongs here: what is dear to set up, such as the one graph server of a test session.
Does not: what only the tests of one room need; that stands beside them.
"""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torchcell_assets_tests.mirror import Mirror

# One process serves one study: the tests' is `screens`, whatever the data root of the checkout remembers.
os.environ |= {"TORCHCELL_STUDY": "screens", "TORCHCELL_DATA": str(Path(tempfile.gettempdir()) / "torchcell-no-data")}
os.environ |= {"DAGSTER_DISABLE_TELEMETRY": "1"}
for name in ("NEO4J_URI", "DAGSTER_HOME"):
    os.environ.pop(name, None)

from torchcell_assets.steps.graph.local_server import Connection, serving
from torchcell_assets_tests import main_job
from torchcell_assets_tests.publisher import server, source  # noqa: F401 - fixtures

# The Dataset for torch is tested where the extra `deep` is installed: `make test-deep`.
collect_ignore = [] if importlib.util.find_spec("torch") else ["test_key_value_dataset.py"]

DELETE_ALL = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


@pytest.fixture(scope="session")
def neo4j_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the session's server."""
    return tmp_path_factory.mktemp("neo4j")


@pytest.fixture(scope="session")
def neo4j_connection(neo4j_home: Path) -> Iterator[Connection]:
    """A real Neo4j for the whole session; it ends with it, however that ends."""
    with serving(neo4j_home) as connection:
        yield connection


@pytest.fixture
def empty_graph(neo4j_connection: Connection):
    """A driver to the session's server, holding no node; indexes and constraints of earlier tests stay."""
    from neo4j import GraphDatabase

    auth = (neo4j_connection.username, neo4j_connection.password)
    with GraphDatabase.driver(neo4j_connection.uri, auth=auth) as driver:
        with driver.session(database=neo4j_connection.database) as session:
            session.run(DELETE_ALL).consume()
        yield driver


@pytest.fixture(scope="session")
def mirror_in_sync(tmp_path_factory: pytest.TempPathFactory) -> "Mirror":
    """The code location in small: everything unpartitioned is stored, and a few partitions of the rest. Copy it."""
    from torchcell_assets_tests.mirror import Mirror, deployed

    made = Mirror(tmp_path_factory.mktemp("mirror"), deployed())
    whole = [(key, None) for key, spec in made.specs.items() if spec.partitions is None]
    some = [("merged/subset", "1e3"), ("merged/subset", "1e4"), ("trained/baselines", "1e3")]
    some += [("merged/key_value", "1e3")]
    some += [("representations/gene_embedding", name) for name in ("one_hot", "random_10")]
    some += [
        (f"trained/{family}", f"{name}|1e3")
        for family in ("elastic_net", "support_vector", "random_forest")
        for name in ("one_hot", "random_10")
    ]
    made.run([*whole, *some])
    assert made.outdated() == set()
    return made


@pytest.fixture
def mirror(mirror_in_sync: "Mirror", tmp_path: Path) -> "Mirror":
    """A copy of the mirror that a test may change."""
    return mirror_in_sync.copy(tmp_path / "instance")


@pytest.fixture(scope="session")
def raw_files() -> None:
    """For tests that read raw files: skipped where there are none; continuous integration downloads what it lacks."""
    if not os.environ.get("TORCHCELL_MIRROR") and not os.environ.get("CI"):
        pytest.skip("the raw files are needed: set TORCHCELL_MIRROR to a folder that holds them")


@pytest.fixture(scope="session")
def tiny_root(raw_files: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a data root for the study tiny.toml, empty at first: for what runs as a process of its own."""
    return main_job.environment(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_made(tiny_root: dict[str, str]) -> "Made":
    """That data root after an undisturbed main job. Copy it to change it."""
    root = Path(tiny_root["TORCHCELL_DATA"])
    started = time.monotonic()
    code, said = main_job.run(root)
    assert code == 0, said
    return Made(root, time.monotonic() - started, main_job.versions(root), main_job.tables(root))


@dataclass(frozen=True)
class Made:
    """What the main job made of a data root, and how many seconds that took."""

    root: Path
    seconds: float
    versions: dict[str, str]
    tables: dict[str, str]
