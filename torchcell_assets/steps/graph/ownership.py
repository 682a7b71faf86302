"""What in a graph is ours, and what somebody else's: nothing is deleted or changed that this software did not write.

Own nodes carry the label TorchCell beside that of their class, and a `uid` or a `build` of ours; own relationships lie between
own nodes and carry the `build` of their load, or `position`, which is the place of a perturbation in its genotype. All else
belongs to a person or to another application, whatever its labels and types are.

Belongs here: telling the two apart, and refusing what would harm the other. Does not: writing what is ours (load.py).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.graph import writer
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.locks import exclusive_lock

if TYPE_CHECKING:
    from neo4j import Driver

OWN = "TorchCell"
KEPT = ("Gene", "Dataset", "Publication", "Environment", "DataRoot")
"""Own nodes that outlive a build."""
CLASSES = (*KEPT, "Build", "Screen", "Experiment")
PREFIX = "torchcell_"
"""How the names of own constraints and indexes begin."""
_EARLIER = "gene_id"
"""A constraint of the first version, whose nodes carry no label of their own."""
_STRANGERS = {
    "nodes": "nodes",
    "relationships": "relationships",
    "properties": "own nodes or relationships with other properties",
    "labels": "own nodes with other labels",
}
PAGE = 500_000  # experiments that are looked at in one transaction

TYPES = ("CONTAINS", "PUBLISHED_IN", "UNDER", "MEASURED", "PERTURBS")
_ON_DATASET = ("current", "previous")
_OF_US = {
    "Build": (
        "id",
        "uid",
        "dataset",
        "expected",
        "record_class",
        "status",
        "own_Experiment",
        "own_PERTURBS",
        "own_Screen",
    ),
    "DataRoot": ("uid", "id", "folder", "own_Gene", "own_Dataset", "lock"),
}

# `own_...` of a Build: the properties that its version of this software wrote on an experiment, a perturbation, a screen.
_EXPERIMENTS = """
MATCH (b:TorchCell:Build {uid: $build})
MATCH (e:Experiment:TorchCell {build: $build}) WHERE $lo <= e.ordinal AND e.ordinal < $hi
WITH e, b.own_Experiment AS own, COUNT { (e)--() } AS degree,
     COUNT { (e)-[p:PERTURBS]->(:TorchCell) WHERE p.position IS NOT NULL } AS perturbs,
     COUNT { (e)<-[:MEASURED]-(:TorchCell:Screen {build: $build}) } AS measured,
     COUNT { (e)-[p:PERTURBS]->(:TorchCell) WHERE any(k IN keys(p) WHERE NOT k IN b.own_PERTURBS) } AS noted
RETURN sum(degree - CASE WHEN perturbs < e.perturbation_count THEN perturbs ELSE e.perturbation_count END
           - CASE WHEN measured < 1 THEN measured ELSE 1 END) AS relationships,
       sum(noted + CASE WHEN any(k IN keys(e) WHERE NOT k IN own) THEN 1 ELSE 0 END) AS properties,
       sum(CASE WHEN size(labels(e)) > 3 THEN 1 ELSE 0 END) AS labels,
       count(e) AS nodes, sum(measured + perturbs) AS own
"""
_SCREENS = """
MATCH (b:TorchCell:Build {uid: $build})
MATCH (s:Screen:TorchCell {build: $build})
WITH s, b.own_Screen AS own,
     COUNT { (s)--() } - COUNT { (s)-[:MEASURED]->(:TorchCell:Experiment {build: $build}) } AS degree,
     COUNT { (s)-[:UNDER {build: $build}]->(:TorchCell:Environment) } AS under,
     COUNT { (s)<-[:CONTAINS {build: $build}]-(:TorchCell:Dataset) } AS contains,
     COUNT { (s)-[r:UNDER|CONTAINS {build: $build}]-() WHERE size(keys(r)) > 1 } AS noted
RETURN sum(degree - CASE WHEN under > 1 THEN 1 ELSE under END
           - CASE WHEN contains > 1 THEN 1 ELSE contains END) AS relationships,
       sum(noted + CASE WHEN any(k IN keys(s) WHERE NOT k IN own) THEN 1 ELSE 0 END) AS properties,
       sum(CASE WHEN size(labels(s)) > 2 THEN 1 ELSE 0 END) AS labels,
       count(s) AS nodes, sum(under + contains) AS own
"""
# What stays when a build goes: only the rebuild of a whole store asks for what is tied to it.
_KEPT = """
MATCH (n:TorchCell:{label}) WHERE n.uid IS NOT NULL
WITH n, COUNT {{ (n)-[r:PUBLISHED_IN]->(:TorchCell) WHERE r.build IS NOT NULL }} AS own
RETURN sum(CASE WHEN any(k IN keys(n) WHERE NOT k IN $own) THEN 1 ELSE 0 END) AS properties,
       sum(CASE WHEN size(labels(n)) > 2 THEN 1 ELSE 0 END) AS labels, count(n) AS nodes, sum(own) AS own
"""

_DATASET = """
MATCH (d:TorchCell:Dataset {uid: $dataset})
WITH d, COUNT { (d)-[r:CONTAINS|PUBLISHED_IN]->(:TorchCell) WHERE r.build IS NOT NULL AND size(keys(r)) = 1 } AS own
RETURN COUNT { (d)--() } - own AS relationships, CASE WHEN all(k IN keys(d) WHERE k IN $own) THEN 0 ELSE 1 END AS properties,
       CASE WHEN size(labels(d)) > 2 THEN 1 ELSE 0 END AS labels
"""


class GraphOfOthers(TorchcellError):
    """What is asked for would delete or change what somebody else wrote."""


@dataclass(frozen=True)
class Tied:
    """What others have tied to nodes of ours: relationships, own nodes and edges with other properties, with other labels."""

    relationships: int = 0
    properties: int = 0
    labels: int = 0

    def __bool__(self) -> bool:
        return bool(self.relationships or self.properties or self.labels)

    def __add__(self, other: "Tied") -> "Tied":
        return Tied(
            self.relationships + other.relationships, self.properties + other.properties, self.labels + other.labels
        )

    def __str__(self) -> str:
        counted = {
            "relationships": self.relationships,
            _STRANGERS["properties"]: self.properties,
            _STRANGERS["labels"]: self.labels,
        }
        return ", ".join(f"{number} {what}" for what, number in counted.items() if number)


def properties_of(label: str) -> list[str]:
    """The properties that this version writes on own nodes or edges of a label or type, such as `Gene` or `PERTURBS`."""
    (entry,) = writer.schema_entries(label.lower()).values()
    return sorted({"id", *entry.get("properties", {}), *(_ON_DATASET if label == "Dataset" else ())})


def own_of_a_build(record_class: str) -> dict[str, list[str]]:
    """What a Build remembers of the properties that this version writes on its nodes and edges."""
    labels = {"Experiment": record_class, "PERTURBS": "PERTURBS", "Screen": "Screen"}
    return {f"own_{name}": properties_of(label) for name, label in labels.items()}


def tied_to(driver: "Driver", database: str, build: str) -> Tied:
    """What others have tied to the experiments and screens of a build: relationships, properties, labels."""
    return _of_build(driver, database, build)[0]


def refuse_tied(driver: "Driver", database: str, builds: Sequence[str]) -> None:
    """Raise GraphOfOthers, naming counts, where the deletion of `builds` would take what others have tied to them."""
    for build in builds:
        if tied := tied_to(driver, database, build):
            raise GraphOfOthers(
                f"The build {build} would be deleted, and somebody has tied to its experiments: {tied}. Nothing was "
                "changed: remove them, or tie them to genes, which stay, and load again."
            )


def refuse_tied_to_dataset(driver: "Driver", database: str, dataset: str) -> None:
    """Raise GraphOfOthers, naming counts, where the node of a dataset cannot go because somebody has added something to it."""
    [row] = _asked(driver, database, _DATASET, dataset=dataset, own=properties_of("Dataset"))
    if tied := Tied(row["relationships"], row["properties"], row["labels"]):
        raise GraphOfOthers(
            f"The dataset {dataset} left the study, and somebody has tied to its node in the graph: {tied}. Nothing was "
            "changed: remove them, and load again."
        )


def refuse_unsafe(driver: "Driver", database: str) -> None:
    """Raise GraphOfOthers, naming counts, where a database holds what a load would collide with; nothing is written."""
    constraints = _asked(driver, database, "SHOW CONSTRAINTS YIELD name, labelsOrTypes RETURN name, labelsOrTypes")
    names = [row["name"] for row in constraints]
    _refuse_earlier(driver, database)
    foreign = {
        row["name"]: sorted(set(row["labelsOrTypes"]) & {*CLASSES, *TYPES, OWN})
        for row in constraints
        if not row["name"].startswith(PREFIX)
    }
    if found := {name: labels for name, labels in foreign.items() if labels}:
        name, labels = next(iter(found.items()))
        held = _asked(driver, database, f"MATCH (n:{labels[0]}) WHERE NOT n:TorchCell RETURN count(n) AS n")[0]["n"]
        raise GraphOfOthers(
            f"The database has {len(found)} constraints of another application on labels that we use too, such as {name} "
            f"on {labels[0]}, of which it holds {held} nodes. Nothing was changed: set NEO4J_DATABASE or NEO4J_URI to a "
            "database of its own."
        )
    if f"{PREFIX}uid" not in names:
        twice = "MATCH (n:TorchCell) WHERE n.uid IS NOT NULL WITH n.uid AS uid, count(n) AS n WHERE n > 1 RETURN sum(n) AS n"
    else:
        twice = f"MATCH (n:TorchCell) WHERE n.uid IS NOT NULL AND NOT (n:{'|'.join(CLASSES)}) RETURN count(n) AS n"
    if number := _asked(driver, database, twice)[0]["n"]:
        raise GraphOfOthers(
            f"{number} nodes carry our label TorchCell and were written by somebody else. Nothing was changed: take the "
            "label from them, or set NEO4J_DATABASE or NEO4J_URI to another database."
        )


def id_of(root: Path) -> str:
    """The id of a data root, made up when it is first asked for; it moves and is copied with the folder."""
    place = root / "graph" / "data_root_id"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(place.parent):
            if not place.is_file():
                with atomic_write(place) as temporary:
                    temporary.write_text(uuid.uuid4().hex)
    return place.read_text().strip()


def refuse_of_another_root(driver: "Driver", database: str, root: str) -> None:
    """Raise GraphOfOthers if the graph belongs to another data root than the one whose id is `root`; nothing is written."""
    found = _asked(
        driver, database, "MATCH (r:TorchCell:DataRoot {uid: 'data root'}) RETURN r.id AS id, r.folder AS at"
    )
    if found and found[0]["id"] not in (None, root):
        raise GraphOfOthers(
            f"The graph belongs to another data root, {found[0]['at']}: what it holds would be deleted. Nothing was changed: "
            "set NEO4J_DATABASE or NEO4J_URI to another database, or, where that data root is given up, delete the node "
            "(:DataRoot) and load again."
        )


def refuse_strangers(driver: "Driver", database: str) -> None:
    """Raise GraphOfOthers, naming counts, where a store that is to be replaced holds anything of somebody else."""
    _refuse_earlier(driver, database)
    if found := strangers(driver, database):
        told = ", ".join(f"{number} {_STRANGERS[kind]}" for kind, number in found.items())
        raise GraphOfOthers(
            f"A new store would take the place of one in which somebody else has written: {told}. Nothing was changed: "
            "remove them, or move them to a database of your own."
        )


def _refuse_earlier(driver: "Driver", database: str) -> None:
    earlier = "MATCH (b:Build) WHERE NOT b:TorchCell AND b.status IN ['live', 'loading'] RETURN count(b) AS n"
    if number := _asked(driver, database, earlier)[0]["n"]:
        raise GraphOfOthers(
            f"The graph holds {number} builds of an earlier version, whose nodes do not say that they are ours. Nothing "
            "was changed: empty this database (locally: delete the folder `neo4j` of the data root), and load again."
        )


def strangers(driver: "Driver", database: str) -> dict[str, int]:
    """What a store holds beside what is ours, all of it: kind -> number; {} if everything is ours.

    Numbers of nodes, of relationships, and of own nodes or relationships with properties or labels of somebody else.
    """
    nodes = own = 0
    tied = Tied()
    for row in _asked(driver, database, "MATCH (b:TorchCell:Build) RETURN b.uid AS build"):
        found, held, relationships = _of_build(driver, database, row["build"])
        nodes, own, tied = nodes + held, own + relationships, tied + found
    for label in (*KEPT, "Build"):
        [row] = _asked(driver, database, _KEPT.format(label=label), own=_kept_properties(label))
        nodes, own = nodes + row["nodes"], own + row["own"]
        tied += Tied(0, row["properties"], row["labels"])
    every = _asked(driver, database, "MATCH (n) RETURN count(n) AS n")[0]["n"]
    relationships = _asked(driver, database, "MATCH ()-[r]->() RETURN count(r) AS n")[0]["n"]
    counted = {
        "nodes": every - nodes,
        "relationships": max(relationships - own, tied.relationships),
        "properties": tied.properties,
        "labels": tied.labels,
    }
    return {kind: number for kind, number in counted.items() if number}


def _kept_properties(label: str) -> list[str]:
    if label in ("DataRoot", "Build"):
        return list(_OF_US[label])
    return properties_of(label)


def _of_build(driver: "Driver", database: str, build: str) -> tuple[Tied, int, int]:
    """What others tied to a build; how many nodes and relationships of it are ours."""
    found = driver.execute_query(
        "MATCH (b:TorchCell:Build {uid: $build}) RETURN b.expected AS n", build=build, database_=database, routing_="r"
    ).records
    experiments = (found[0]["n"] or 0) if found else 0
    bounds = [(lo, lo + PAGE) for lo in range(0, experiments, PAGE)]
    rows = [row for lo, hi in bounds for row in _asked(driver, database, _EXPERIMENTS, build=build, lo=lo, hi=hi)]
    rows += _asked(driver, database, _SCREENS, build=build)
    tied = sum((Tied(row["relationships"], row["properties"], row["labels"]) for row in rows), Tied())
    return tied, sum(row["nodes"] for row in rows), sum(row["own"] for row in rows)


def _asked(driver: "Driver", database: str, statement: str, **parameters: Any) -> list[Any]:
    return driver.execute_query(statement, parameters, database_=database, routing_="r").records  # type: ignore[arg-type]
