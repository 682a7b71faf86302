"""All bundles into a new store at once, beside the one that serves; then the two change places.

Belongs here: the order of import, builds, verification and switch, and the way back. Does not: the import itself (importer.py),
the server (local_server.py), one dataset into a live graph (load.py).

    home            the store that serves                home.next       the one that is being made
    home.previous   the one before it, for a way back    home.previous.2 ...  those before that, where they are kept

A killed import leaves `home.next`, which the next one deletes; the serving store is touched by two renames only. Who may do
what at one time is in locks.py.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from torchcell_assets.neo4j_local import importer, local_server
from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.neo4j_local.locks import READERS, START, STORE, exclusive_lock
from torchcell_assets.neo4j_local.server_home import ASIDE, restore
from torchcell_assets.neo4j_local.supervisor import read_entry
from torchcell_assets.steps.graph import bundle, load, ownership, verification

if TYPE_CHECKING:
    from neo4j import Driver

ONLINE_RECORDS = 1_000_000
"""Datasets up to this many records are loaded into the live graph; to delete a larger old build takes longer than an import."""


def rebuild(
    home: Path,
    bundles: Sequence[Path] | Callable[[], Sequence[Path]],
    *,
    keep: int = 1,
    tell: Callable[[str], None] = print,
) -> list[bundle.Manifest]:
    """Import `bundles` into a new store, verify it, and let it take the place of the one in `home`.

    One rebuild of a home at a time, and none beside a load into it; who reads the store that serves has to end before the two
    change places.

    Args:
        home: folder of the local graph server.
        bundles: one folder a dataset, that of the genes among them; or what gives them, asked once nobody else loads.
        keep: how many stores before it stay on the disk.
        tell: gets a line for each stage, for each wait and the importer's progress.

    Returns:
        The manifests of the bundles.

    Raises:
        ImportFailed: with one sentence; the old store then still serves, if it did before.
        GraphOfOthers: somebody else has written to the store in `home`, which still serves.
    """
    home = home.expanduser().resolve()
    following = _beside(home, "next")
    with exclusive_lock(home, STORE, waits=lambda: tell("waits for another load or rebuild of this graph")):
        _refuse_strangers(home, keep, tell)
        folders = bundles() if callable(bundles) else bundles
        shutil.rmtree(following, ignore_errors=True)
        manifests = [bundle.read_manifest(folder) for folder in folders]
        tell("import")
        try:
            importer.run(following, folders, labels=_labels, password=read_entry(home).get("password"), tell=tell)
            tell("constraints, indexes and verification")
            with local_server.serving(following) as here, _driver(here) as driver:
                load.prepare(driver, here.database, patience=3600)
                for manifest in manifests:
                    load.register(driver, here.database, manifest)
                if wrong := differences(driver, here.database, manifests):
                    raise importer.ImportFailed(
                        f"The imported store does not hold its bundles: {'; '.join(wrong)}. The old one stays."
                    )
            if local_server.connection(home):  # somebody may have written to it meanwhile
                _refuse_strangers(home, keep, tell)
        except BaseException:
            shutil.rmtree(following, ignore_errors=True)
            raise
        tell("switch")
        _switch(home, following, keep, tell)
    return manifests


def _labels(name: str) -> str:
    """What nodes of a table are called beside their own label."""
    return f"{ownership.OWN}:Experiment" if name in bundle.RECORD_LABELS else ownership.OWN


def _refuse_strangers(home: Path, keep: int, tell: Callable[[str], None]) -> None:
    """Raise GraphOfOthers where the store that serves holds what somebody else wrote; one that cannot start is kept."""
    if not (home / "data").is_dir():
        return
    try:
        with local_server.serving(home) as here, _driver(here) as driver:
            ownership.refuse_strangers(driver, here.database)
    except GraphUnavailable as error:
        if not keep:
            raise
        tell(f"The store before stays as it is, unread: {error}")


def roll_back(home: Path, *, tell: Callable[[str], None] = print) -> None:
    """Let the store before the last rebuild serve again; what served until now becomes the previous one.

    Args:
        home: folder of the local graph server.
        tell: gets a line where it has to wait: for a rebuild, or for who reads.

    Raises:
        GraphUnavailable: if there is no store before.

    """
    home = home.expanduser().resolve()
    previous, aside = _beside(home, "previous"), _beside(home, ASIDE)
    with exclusive_lock(home, STORE, waits=lambda: tell("waits for another load or rebuild of this graph")):
        with exclusive_lock(home, START):
            restore(home)
        if not (previous / "data").is_dir():
            raise GraphUnavailable(f"There is no previous store at {previous}: nothing to go back to.")
        with _nobody_reads(home, tell), local_server.stopped(home):
            previous.rename(aside)
            _change_places(home, aside)


def _nobody_reads(home: Path, tell: Callable[[str], None]) -> AbstractContextManager[None]:
    return exclusive_lock(home, READERS, waits=lambda: tell("waits for those who read the graph"))


def differences(driver: "Driver", database: str, manifests: Sequence[bundle.Manifest]) -> list[str]:
    """What the store holds otherwise than its manifests say: counts per label and type, and the sums of the values."""
    wrong = []
    for name, expected in _expected(manifests).items():
        pattern = f"(n:{name})" if name[1].islower() else f"()-[n:{name}]->()"
        found = driver.execute_query(f"MATCH {pattern} RETURN count(n) AS n", database_=database).records[0]["n"]
        wrong += [f"{found} instead of {expected} {name}"] if found != expected else []
    return wrong + [
        f"{manifest.dataset}: {what}"
        for manifest in manifests
        if manifest.record_class != "Gene"
        for what in verification.differences(driver, database, manifest)
    ]


def _expected(manifests: Sequence[bundle.Manifest]) -> Mapping[str, int]:
    """Rows by label and type over all bundles; what they may share is not counted."""
    found: dict[str, int] = {}
    for manifest in manifests:
        for name, rows in {**manifest.nodes, **manifest.edges}.items():
            if name not in (*importer.SHARED, "Gene"):
                found[name] = found.get(name, 0) + rows
    return found


def _switch(home: Path, following: Path, keep: int, tell: Callable[[str], None] = print) -> None:
    """Let `following` take the place of `home`; so many stores before it stay."""
    with _nobody_reads(home, tell), local_server.stopped(home):
        if _beside(home, "previous").exists():
            _make_room(home)
        _change_places(home, following)
    for store in _previous(home)[keep:]:
        shutil.rmtree(store, ignore_errors=True)


def _change_places(home: Path, following: Path) -> None:
    """Two renames, while no server runs; `server_home.restore` takes the first one back if the process is killed in between."""
    if home.exists():
        if (home / "users.lock").exists():  # who holds it goes on to be a user
            (home / "users.lock").replace(following / "users.lock")
        home.rename(_beside(home, "previous"))
    following.rename(home)


def _previous(home: Path) -> list[Path]:
    """The stores before the one that serves, the latest first."""
    names = ("previous", *(f"previous.{number}" for number in range(2, 100)))
    return [path for path in (_beside(home, name) for name in names) if path.exists()]


def _make_room(home: Path) -> None:
    """Let the first place be free: each store before moves one on."""
    for number, path in reversed(list(enumerate(_previous(home), 2))):
        path.rename(_beside(home, f"previous.{number}"))


def _beside(home: Path, what: str) -> Path:
    return home.with_name(f"{home.name}.{what}")


def _driver(here: local_server.Connection) -> "Driver":
    import neo4j

    return neo4j.GraphDatabase.driver(here.uri, auth=(here.username, here.password), notifications_min_severity="OFF")
