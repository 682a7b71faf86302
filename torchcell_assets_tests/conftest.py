"""Fixtures that several folders share, and which worker runs what.

Belongs here: what is dear to set up, such as the graph server, one a worker; what one worker makes for all (`made_once`).
Does not: what only the tests of one folder need; that stands beside them.
"""

import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from neo4j import Session

    from torchcell_assets_tests.mirror import Mirror

# One process serves one study: the tests' is `screens`, whatever the data root of the checkout remembers.
os.environ |= {"TORCHCELL_STUDY": "screens", "TORCHCELL_DATA": str(Path(tempfile.gettempdir()) / "torchcell-no-data")}
os.environ |= {"DAGSTER_DISABLE_TELEMETRY": "1"}
for name in ("NEO4J_URI", "DAGSTER_HOME"):
    os.environ.pop(name, None)

from torchcell_assets.neo4j_local.local_server import Connection, serving
from torchcell_assets_tests import main_job
from torchcell_assets_tests.publisher import server, source  # noqa: F401 - fixtures

# What imports torch is tested where the extra `deep` is installed: `make test-deep`.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*/test_torch_*.py"]

# How fast an example runs says how busy the machine is, and fails no test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# edges first: to detach a gene from a hundred thousand of them takes more memory than a small server gives to a transaction
DELETE_ALL = (
    "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 5000 ROWS",
    "MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 5000 ROWS",
)


def delete_all(session: "Session") -> None:
    """Leave no node in the database of the session."""
    for statement in DELETE_ALL:
        session.run(statement).consume()


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
            delete_all(session)
        yield driver


@pytest.fixture(scope="session")
def mirror_in_sync(tmp_path_factory: pytest.TempPathFactory) -> "Mirror":
    """The code location in small: everything unpartitioned is stored, and a few partitions of the rest. Copy it."""
    from torchcell_assets_tests.mirror import Mirror, deployed

    return Mirror(made_once(tmp_path_factory, "mirror", _make_mirror), deployed())


def _make_mirror(folder: Path) -> None:
    from torchcell_assets_tests.mirror import Mirror, deployed

    made = Mirror(folder, deployed())
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


@pytest.fixture
def mirror(mirror_in_sync: "Mirror", tmp_path: Path) -> "Mirror":
    """A copy of the mirror that a test may change."""
    return mirror_in_sync.copy(tmp_path / "instance")


@pytest.fixture(scope="session")
def raw_files() -> None:
    """For tests that read raw files: skipped where there are none; continuous integration downloads what it lacks."""
    if not os.environ.get("TORCHCELL_MIRROR") and not os.environ.get("CI"):
        pytest.skip("the raw files are needed: set TORCHCELL_MIRROR to a folder that holds them")


@dataclass(frozen=True)
class Made:
    """What the main job made of a data root, and how many seconds that took."""

    root: Path
    seconds: float
    versions: dict[str, str]
    tables: dict[str, str]


@pytest.fixture(scope="session")
def tiny_made(raw_files: None, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A data root of the study tiny.toml after an undisturbed main job. Copy it: all workers read this one."""
    folder = made_once(tmp_path_factory, "tiny", _make_tiny)
    told = json.loads((folder / "made.json").read_text())
    return Made(**(told | {"root": Path(told["root"])}))


def _make_tiny(folder: Path) -> None:
    root = folder / "data"
    started = time.monotonic()
    code, said = main_job.run(root)
    assert code == 0, said
    made = Made(root, time.monotonic() - started, main_job.versions(root), main_job.tables(root))
    (folder / "made.json").write_text(json.dumps(asdict(made), default=str))


# ---- two workers ------------------------------------------------------------------------------------------------------

DEAREST_FIRST = (
    "test_faults.py",  # makes the data root of the tiny study, for which the other worker need not wait ...
    "test_whole_path.py",  # ... over this
    "ui/",
    "steps/graph/test_offline.py",
    "test_at_once.py",
    "neo4j_local/test_local_server.py",
    "steps/datasets/",
    "steps/trained/test_assets.py",
    "storage/test_disks.py",
)
"""What takes longest is begun first, so that no worker has to wait long for the last file of the other."""


TOGETHER = ("ui/", "steps/datasets/")
"""Folders whose files share what is dear: a running UI, parsed raw files. One worker runs the files of each."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out whole files, as `--dist loadfile` does by itself, and whole folders where their files belong together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OfFilesAndFolders(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid).removeprefix(f"{Path(__file__).parent.name}/")
            return next((folder for folder in TOGETHER if file.startswith(folder)), file)

    return OfFilesAndFolders(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order in which they are handed out; within a file the order stays, as its tests may tell one story."""
    here = Path(__file__).parent

    def dearness(item: pytest.Item) -> int:
        name = str(item.path.relative_to(here))
        return next((at for at, dear in enumerate(DEAREST_FIRST) if name.startswith(dear)), len(DEAREST_FIRST))

    items.sort(key=dearness)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled for the whole run: by the worker that asks first, while the others wait for it.

    Nobody may change what is in it, for another may just read it. One that could not be made is tried again.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, whole = base / f"{name}-made", base / f"{name}-made.whole"
    with FileLock(base / f"{name}-made.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
