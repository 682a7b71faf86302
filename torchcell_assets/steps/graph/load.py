"""A bundle into Neo4j: a new build beside the old one, verified, made current, the old one deleted.

Readers never see half a load: they read the build that `(:Dataset).current` names, and one small transaction moves it.
A load that was killed goes on with the batches that were not committed. A part of the bundle is held at a time.

Belongs here: everything that writes to the server. Does not: what a bundle is (bundle.py), queries (read.py), whether the server
holds what it was sent (verification.py), what in it belongs to somebody else (ownership.py).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.graph import bundle, deletion, ownership, statements
from torchcell_assets.steps.graph.verification import differences

if TYPE_CHECKING:
    from neo4j import Driver

BATCH = 5_000  # rows a transaction: measured best for nodes with their edges
SESSIONS = 2  # that create experiments at a time; a deadlock over a gene is tried again by the driver


class LoadError(TorchcellError):
    """The server does not hold what the bundle says."""


def prepare(driver: "Driver", database: str, patience: int = 120) -> None:
    """Constraint and indexes, if they are not there yet; waits `patience` seconds until they are made."""
    for statement in statements.CONSTRAINTS:
        driver.execute_query(statement, database_=database)
    driver.execute_query("CALL db.awaitIndexes($patience)", patience=patience, database_=database)


def claim(driver: "Driver", database: str, root: str, folder: Path) -> None:
    """Note in the graph that it belongs to a data root.

    Args:
        driver: of the server.
        database: of that server.
        root: the id that the data root remembers.
        folder: where that is; the sentence with which another root is refused names it.

    Raises:
        GraphOfOthers: The graph belongs to another data root, or is not safe to write to; nothing was written.

    """
    ownership.refuse_unsafe(driver, database)
    ownership.refuse_of_another_root(driver, database, root)
    prepare(driver, database)
    statements.write(driver, database, (statements.CLAIM, {"root": root, "folder": str(folder)}))
    ownership.refuse_of_another_root(driver, database, root)  # two that came at once


def load_genes(driver: "Driver", database: str, folder: Path) -> int:
    """Replace the genes in one transaction; returns their number.

    Genes stay that are perturbed by a stored experiment, or to which somebody has tied something. Own properties are set
    by name, and taken away where the genome has them no more; those of others stay.
    """
    ownership.refuse_unsafe(driver, database)
    prepare(driver, database)
    rows = bundle.read_table(folder, "Gene").to_dicts()
    own = ownership.properties_of("Gene")
    ids = [row["id"] for row in rows]
    set_genes = [(statements.SET_NODES.format(label="Gene"), {"rows": part}) for part in statements.parts(rows, 1_000)]
    statements.write(
        driver,
        database,
        *_own_properties(driver, database, "Gene"),
        *set_genes,
        (statements.DROP_OTHER_GENES, {"ids": ids, "own": own}),
    )
    return len(rows)


def load(
    driver: "Driver", database: str, folder: Path, tick: Callable[[int, int], None] = lambda done, total: None
) -> bundle.Manifest:
    """Load the bundle in `folder` as a new build, verify it, make it current, delete the builds before it.

    A build that is current and not what its bundle says is loaded afresh; until then its dataset serves none.

    Args:
        driver: of the server.
        database: of that server.
        folder: of the bundle.
        tick: called with (experiments loaded, experiments in all) after every batch.

    Returns:
        The manifest of the bundle.

    Raises:
        GraphOfOthers: The load would delete or change what somebody else wrote; nothing was written.
        LoadError: It would change what another dataset shares, or the server does not hold what was sent; the old build,
            if another one served, still does.

    """
    manifest = bundle.read_manifest(folder)
    ownership.refuse_unsafe(driver, database)
    current = current_build(driver, database, manifest.dataset)
    if current == manifest.build:
        if not differences(driver, database, manifest):
            return manifest
        ownership.refuse_tied(driver, database, [current])
        prepare(driver, database)
        statements.write(driver, database, (statements.RETIRE, {"dataset": manifest.dataset}))
        deletion.delete_build(driver, database, current)
    else:
        _refuse_changes(driver, database, folder, manifest)
    old = [
        row["id"]
        for row in statements.read(
            driver, database, statements.OLD_BUILDS, dataset=manifest.dataset, build=manifest.build
        )
    ]
    ownership.refuse_tied(driver, database, old)
    prepare(driver, database)
    _load_build(driver, database, folder, manifest, tick)
    _flip(driver, database, folder, manifest)
    for build in old:
        deletion.delete_build(driver, database, build)
    deletion.drop_orphans(driver, database)
    return manifest


def register(driver: "Driver", database: str, manifest: bundle.Manifest) -> None:
    """Note in a store that was imported whole what a load would have: the build that is current, and what is ours."""
    label = "Gene" if manifest.record_class == "Gene" else "Dataset"
    noted: list[statements.Statement] = _own_properties(driver, database, label)
    if label == "Dataset":
        live = "MATCH (b:TorchCell:Build {uid: $build}) SET b.status = 'live'"
        current = "MATCH (d:TorchCell:Dataset {uid: $dataset}) SET d.current = $build"
        which = {"build": manifest.build, "dataset": manifest.dataset}
        noted += [(statements.BEGIN, _build(manifest)), (live, which), (current, which)]
    statements.write(driver, database, *noted)


def current_build(driver: "Driver", database: str, dataset: str) -> str | None:
    """The build that readers of `dataset` see; None if there is none."""
    found = statements.read(
        driver, database, "MATCH (d:TorchCell:Dataset {uid: $d}) RETURN d.current AS build", d=dataset
    )
    return found[0]["build"] if found else None


def _begin(driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest) -> None:
    """The build, its screens and their environments, in one transaction: an environment is never there without a screen."""
    environments = bundle.read_table(folder, "Environment").to_dicts()
    under = dict(bundle.read_table(folder, "UNDER").select("source", "target").iter_rows())
    screens = [
        {"screen": row, "environment": under[row["id"]]} for row in bundle.read_table(folder, "Screen").to_dicts()
    ]
    statements.write(
        driver,
        database,
        (statements.LOCK, {}),
        (statements.SET_NODES.format(label="Environment"), {"rows": environments}),
        (statements.BEGIN, _build(manifest)),
        *((statements.SET_SCREENS, {"rows": part}) for part in statements.parts(screens, 1_000)),
    )


def _flip(driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest) -> None:
    """Readers see the new build from here on, with its publication."""
    [dataset] = bundle.read_table(folder, "Dataset").to_dicts()
    [publication] = bundle.read_table(folder, "Publication").to_dicts()
    which = {"dataset": manifest.dataset, "build": manifest.build, "publication": publication["uid"]}
    statements.write(
        driver,
        database,
        (statements.LOCK, {}),
        *_own_properties(driver, database, "Dataset"),
        (statements.SET_NODES.format(label="Dataset"), {"rows": [dataset]}),
        (statements.SET_NODES.format(label="Publication"), {"rows": [publication]}),
        (statements.RETIRE, which),
        (statements.FLIP, which),
    )


def _build(manifest: bundle.Manifest) -> dict[str, Any]:
    return {
        "build": manifest.build,
        "dataset": manifest.dataset,
        "expected": manifest.nodes[manifest.record_class],
        "record_class": manifest.record_class,
        "own": ownership.own_of_a_build(manifest.record_class),
    }


def _own_properties(driver: "Driver", database: str, label: str) -> list[statements.Statement]:
    """Statements that remember which properties of a label are ours, and take away those that are no more.

    Raises GraphOfOthers where a property that becomes ours is already there, from somebody else.
    """
    now = ownership.properties_of(label)
    root = f"MATCH (r:TorchCell:DataRoot {{uid: 'data root'}}) RETURN r.own_{label} AS own"
    before = next((row["own"] for row in statements.read(driver, database, root)), None) or now
    new, gone = sorted(set(now) - set(before)), sorted(set(before) - set(now))
    held = f"MATCH (n:TorchCell:{label}) WHERE any(k IN $new WHERE n[k] IS NOT NULL) RETURN count(n) AS n"
    if new and (number := statements.read(driver, database, held, new=new)[0]["n"]):
        raise ownership.GraphOfOthers(
            f"{number} {label} nodes have properties of somebody else where this version writes its own, "
            f"{', '.join(new)}. Nothing was changed: rename them, and load again."
        )
    taken = f"MATCH (n:TorchCell:{label}) WHERE n.uid IS NOT NULL SET n += $gone"
    return [
        (f"{statements.LOCK} SET r.own_{label} = $own", {"own": now}),
        *([(taken, {"gone": dict.fromkeys(gone)})] if gone else []),
    ]


def _refuse_changes(driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest) -> None:
    """Raise LoadError where a node that other datasets share says something else in the graph than in the bundle."""
    for label, edge in (("Environment", "UNDER"), ("Publication", "PUBLISHED_IN")):
        rows = {row["uid"]: row for row in bundle.read_table(folder, label).to_dicts()}
        statement = statements.SHARED_NODES.format(label=label, edge=edge)
        for found in statements.read(driver, database, statement, ids=list(rows), dataset=manifest.dataset):
            wrong = {
                k: found["said"].get(k) for k, value in rows[found["uid"]].items() if found["said"].get(k) != value
            }
            if wrong and found["others"]:
                name, said = next(iter(wrong.items()))
                other = sorted(set(found["others"]))[0]
                raise LoadError(
                    f"The {label.lower()} {rows[found['uid']]['name']!r} was changed in the graph: its {name} is {said!r} "
                    f"there and {rows[found['uid']][name]!r} in the bundle of {manifest.dataset}, and {other} stands on it "
                    f"too. Nothing was loaded: materialize graph/{other} again, which puts it right."
                )


def _load_build(
    driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest, tick: Callable[[int, int], None]
) -> None:
    """Load all that readers will see, and verify it; what an interrupted load had left is not trusted where it is wrong."""
    _begin(driver, database, folder, manifest)
    resumed = _load_experiments(driver, database, folder, manifest, tick)
    wrong = differences(driver, database, manifest)
    if wrong and resumed:
        deletion.delete_build(driver, database, manifest.build)
        _begin(driver, database, folder, manifest)
        _load_experiments(driver, database, folder, manifest, tick)
        wrong = differences(driver, database, manifest)
    if wrong:
        deletion.delete_build(driver, database, manifest.build)
        serves = current_build(driver, database, manifest.dataset)
        stays = f"The build {serves} stays." if serves else "No build of it serves now: load it again."
        raise LoadError(
            f"The server does not hold what was sent for {manifest.dataset} ({manifest.build}): {'; '.join(wrong)}. {stays}"
        )


def _load_experiments(
    driver: "Driver", database: str, folder: Path, manifest: bundle.Manifest, tick: Callable[[int, int], None]
) -> bool:
    """Create what is not there yet, part by part and batch by batch, each in a transaction of its own; whether some was."""
    there = _loaded(driver, database, manifest)
    total, done = manifest.nodes[manifest.record_class], 0
    with ThreadPoolExecutor(SESSIONS) as pool:
        for part in bundle.experiments(folder, manifest):
            starts = part["ordinal"] // BATCH * BATCH
            wanted = part.filter(~starts.is_in(there))
            done += part.height - wanted.height
            genes = wanted["p_target"].explode().unique().drop_nulls().sort().to_list()
            statements.write(driver, database, (statements.NAME_GENES, {"genes": genes}))
            statement = statements.creation(manifest.record_class, part.columns)
            batches = [wanted.slice(start, BATCH) for start in range(0, wanted.height, BATCH)]

            def create(batch: pl.DataFrame, statement: str = statement) -> int:
                statements.write(driver, database, (statement, {"rows": batch.rows()}))
                return batch.height

            try:
                for created in pool.map(create, batches):
                    done += created
                    tick(done, total)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return bool(there)


def _loaded(driver: "Driver", database: str, manifest: bundle.Manifest) -> set[int]:
    """The first ordinals of the batches that are there. A build that was cut into other batches is begun anew."""
    statement = (
        "MATCH (e:TorchCell:Experiment {build: $build}) RETURN e.ordinal / $batch * $batch AS start, count(e) AS n"
    )
    found = statements.read(driver, database, statement, build=manifest.build, batch=BATCH)
    total = manifest.nodes[manifest.record_class]
    if all(row["n"] == min(BATCH, total - row["start"]) for row in found):
        return {row["start"] for row in found}
    deletion.delete_nodes(driver, database, statements.DELETE_EXPERIMENTS, manifest.build)
    return set()
