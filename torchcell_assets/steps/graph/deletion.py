"""What leaves the graph: old builds, datasets that the study has no more, what nothing points to.

Belongs here: deleting what is ours. Does not: what makes it ours, and what forbids it (ownership.py).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from torchcell_assets.steps.graph import ownership, statements

if TYPE_CHECKING:
    from neo4j import Driver

DELETE_BATCH = 10_000


def forget_others(driver: "Driver", database: str, datasets: Collection[str]) -> list[str]:
    """Delete what the graph holds of datasets that are none of `datasets`; returns their names.

    What such a dataset shared with no other, its environments and its publication, goes with it.

    Raises:
        GraphOfOthers: Somebody has tied something to one of them; nothing was changed.

    """
    there = "MATCH (d:TorchCell:Dataset) WHERE d.uid IS NOT NULL RETURN d.uid AS name ORDER BY name"
    left = [row["name"] for row in statements.read(driver, database, there) if row["name"] not in datasets]
    builds = {
        name: [r["id"] for r in statements.read(driver, database, statements.OLD_BUILDS, dataset=name, build="")]
        for name in left
    }
    ownership.refuse_unsafe(driver, database)
    for name in left:
        ownership.refuse_tied(driver, database, builds[name])
        ownership.refuse_tied_to_dataset(driver, database, name)
    for name in left:
        statements.write(driver, database, (statements.RETIRE, {"dataset": name}))
        for build in builds[name]:
            delete_build(driver, database, build)
        statements.write(driver, database, ("MATCH (d:TorchCell:Dataset {uid: $dataset}) DELETE d", {"dataset": name}))
    if left:
        drop_orphans(driver, database)
    return left


def drop_orphans(driver: "Driver", database: str) -> None:
    """Delete own environments and publications that nothing points to, and to which nobody has added anything."""
    drops: list[statements.Statement] = [
        (statements.DROP_ORPHANS.format(label=label), {"own": ownership.properties_of(label)})
        for label in ("Environment", "Publication")
    ]
    statements.write(driver, database, (statements.LOCK, {}), *drops)


def delete_build(driver: "Driver", database: str, build: str) -> None:
    """Delete a build in batches. The node that names it goes last, so that a killed deletion is finished next time.

    Raises GraphOfOthers if somebody ties something to its nodes meanwhile; what is tied stays, with the node that it is tied to.
    """
    from neo4j import exceptions

    try:
        delete_nodes(driver, database, statements.DELETE_EXPERIMENTS, build)
        delete_nodes(driver, database, statements.DELETE_SCREENS, build)
    except exceptions.Neo4jError as error:
        if "still has relationships" not in str(error):
            raise
        raise ownership.GraphOfOthers(
            f"The build {build} cannot be deleted, because somebody has tied relationships to its nodes meanwhile: remove "
            "them, or tie them to genes, and load again."
        ) from error
    statements.write(driver, database, ("MATCH (b:TorchCell:Build {uid: $build}) DELETE b", {"build": build}))


def delete_nodes(driver: "Driver", database: str, statement: str, build: str) -> None:
    """Delete the experiments or screens of a build, a transaction a batch; statement: of `statements`."""
    with driver.session(database=database) as session:
        session.run(statement.format(batch=DELETE_BATCH), build=build).consume()  # type: ignore[arg-type]
