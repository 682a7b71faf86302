"""Whether a server holds what a bundle says: counts, and every column of every node and edge, page by page.

Belongs here: comparing a build in the store with its manifest, genes with their bundle. Does not: what is then done about it
(load.py, offline.py, checks.py), how a checksum is made (checksums.py).
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.steps.graph import bundle, checksums, ownership, statements
from torchcell_assets.steps.graph.bundle import Manifest
from torchcell_assets.steps.graph.pages import page_of
from torchcell_assets.steps.graph.writer import schema_entries

if TYPE_CHECKING:
    from neo4j import Driver

PAGE = 500_000  # experiments that are counted in one transaction: 20 million at once would not fit a heap of 1 GB
SESSIONS = 2

# The number of edges of a node stands in the store, so that no edge is walked. Ordinals go from 0 up without a gap: that their
# sum is right beside their count is as good as counting distinct ones, and needs no memory.
COUNTS = """
MATCH (e:Experiment:{label} {{build: $build}}) WHERE $lo <= e.ordinal AND e.ordinal < $hi
RETURN count(e) AS experiments, sum(e.ordinal) AS ordinals,
       sum(COUNT {{ (e)-[:PERTURBS]->() }}) AS perturbs, sum(COUNT {{ (e)<-[:MEASURED]-() }}) AS measured
"""
EXPERIMENTS = """
MATCH (e:Experiment:{label} {{build: $build}}) WHERE $lo <= e.ordinal AND e.ordinal < $hi
MATCH (s:Screen)-[:MEASURED]->(e)
RETURN s.id AS screen, {columns}
"""
EDGES = """
MATCH (e:Experiment {{build: $build}})-[p:PERTURBS]->(g:Gene) WHERE $lo <= e.ordinal AND e.ordinal < $hi
RETURN e.ordinal AS ordinal, g.id AS gene, {columns}
"""
SHARED = {
    "Screen": "MATCH (n:Screen {{build: $build}}) RETURN {columns}, "
    "reduce(ids = '', v IN [(n)-[:UNDER]->(v:Environment) | v.id] | ids + v) AS environment",
    "Environment": "MATCH (:Screen {{build: $build}})-[:UNDER]->(n:Environment) RETURN DISTINCT {columns}",
    "Dataset": "MATCH (n:TorchCell:Dataset {{uid: $dataset}}) RETURN {columns}",
    "Publication": "MATCH (:TorchCell:Dataset {{uid: $dataset}})-[:PUBLISHED_IN {{build: $build}}]->(n:Publication) "
    "RETURN {columns}",
}
"""Nodes that an experiment does not carry -> what gives those of a build."""
OF_THE_CURRENT = ("Dataset", "Publication")
CONTAINED = (
    "MATCH (:TorchCell:Dataset {uid: $dataset})-[:CONTAINS]->(:Screen {build: $build}) RETURN count(*) AS contained"
)

SHARE = (
    "screen", "column", "order", "perturbation_count", "evidence", "uncertainty_type", "sample_unit", "score", "viable",
    "kind", "allele", "zygosity", "marker", "role",
)  # fmt: skip
"""Columns that hold few values a page, and travel once."""


def differences(driver: "Driver", database: str, manifest: Manifest) -> list[str]:
    """What the server holds otherwise than the manifest says; [] if nothing.

    Counts come first, as `name found instead of expected`; where they are right, every column of experiments, edges, screens
    and environments is read and compared, and those of the dataset and its publication where the build is the current one.
    """
    current = _is_current(driver, database, manifest)
    return _miscounted(driver, database, manifest, current) or [
        *_columns(driver, database, manifest),
        *_shared(driver, database, manifest, current),
    ]


def gene_differences(driver: "Driver", database: str, folder: Path) -> list[str]:
    """What genes the server holds otherwise than the bundle of the genome in `folder` says; [] if nothing.

    Genes that the genome does not have may be there with their name alone, where an experiment perturbs them or where
    somebody has tied something to them.
    """
    expected = bundle.read_table(folder, "Gene").sort("uid")
    columns = {name: expected.schema[name] for name in expected.columns}
    found = _rows(driver, database, f"MATCH (n:TorchCell:Gene) RETURN {_listed('n', columns)}", columns).sort("uid")
    both = found.join(expected.select("uid"), on="uid", how="semi")
    wrong = [f"{both.height} instead of {expected.height} genes of the genome"] * (both.height != expected.height)
    if not wrong:
        sums = checksums.of_rows(both), checksums.of_rows(expected)
        wrong = [f"Gene.{name} is not what the bundle says" for name in columns if sums[0][name] != sums[1][name]]
    left = f"{statements.OTHER_GENES} RETURN count(g) AS n"
    which = {"ids": expected["uid"].to_list(), "own": ownership.properties_of("Gene")}
    more = statements.read(driver, database, left, **which)[0]["n"]
    return [*wrong, *[f"{more} genes that the genome does not have and nothing perturbs"] * bool(more)]


def strange_datasets(driver: "Driver", database: str, datasets: Collection[str]) -> list[str]:
    """The names of datasets of ours in the graph that are none of `datasets`."""
    found = statements.read(driver, database, "MATCH (d:TorchCell:Dataset) RETURN d.uid AS name ORDER BY name")
    return [row["name"] for row in found if row["name"] not in datasets]


def _is_current(driver: "Driver", database: str, manifest: Manifest) -> bool:
    statement = "MATCH (:TorchCell:Dataset {uid: $dataset, current: $build}) RETURN 1 AS one"
    return bool(statements.read(driver, database, statement, dataset=manifest.dataset, build=manifest.build))


def _miscounted(driver: "Driver", database: str, manifest: Manifest, current: bool) -> list[str]:
    experiments = manifest.nodes[manifest.record_class]
    expected = {
        "experiments": experiments,
        "ordinals": experiments * (experiments - 1) // 2,
        "perturbs": manifest.edges["PERTURBS"],
        "measured": experiments,
        "screens": manifest.nodes["Screen"],
        **({"contained": manifest.nodes["Screen"]} if current else {}),
    }
    found = dict.fromkeys(expected, 0)
    pages = [(lo, min(lo + PAGE, experiments)) for lo in range(0, experiments, PAGE)]
    for lo, hi in [*pages, (experiments, 2**62)]:  # the last: what no bundle of so many experiments holds
        statement = COUNTS.format(label=manifest.record_class)
        [row] = statements.read(driver, database, statement, build=manifest.build, lo=lo, hi=hi)
        found |= {name: found[name] + value for name, value in row.items()}
    which = {"dataset": manifest.dataset, "build": manifest.build}
    for statement in ("MATCH (s:Screen {build: $build}) RETURN count(s) AS screens", *[CONTAINED] * current):
        [row] = statements.read(driver, database, statement, **which)
        found |= dict(row)
    return [f"{name} {found[name]} instead of {value}" for name, value in expected.items() if found[name] != value]


def _columns(driver: "Driver", database: str, manifest: Manifest) -> list[str]:
    """Columns of experiments and edges whose checksums differ, and the pages in which they do."""
    of_nodes = _types(manifest.record_class, manifest.columns)
    of_edges = _types("PERTURBS", [name.removeprefix("PERTURBS.") for name in manifest.columns if "." in name])
    experiments = EXPERIMENTS.format(label=manifest.record_class, columns=_listed("e", of_nodes))
    edges = EDGES.format(columns=_listed("p", of_edges))
    wire = {"screen": pl.String, **of_nodes}, {"ordinal": pl.Int64, "gene": pl.String, **of_edges}

    def checked(page: tuple[int, int]) -> dict[str, str]:
        which = {"build": manifest.build, "lo": page[0], "hi": page[1]}
        share = [[name for name in columns if name in SHARE] for columns in wire]
        try:
            return checksums.of_page(
                page_of(driver, database, experiments, wire[0], share[0], **which),
                page_of(driver, database, edges, wire[1], share[1], **which),
            )
        except (TypeError, pl.exceptions.PolarsError):  # a text where a number was written
            return dict.fromkeys(manifest.columns, "of another type")

    pages = list(checksums.bounds(manifest.nodes[manifest.record_class]))
    with ThreadPoolExecutor(SESSIONS) as pool:
        found = list(pool.map(checked, pages))
    said = checksums.by_column(found)
    wrong = [name for name, value in manifest.columns.items() if name in said and said[name] != value]
    if not wrong:
        return []
    where = [
        f"{lo:,} to {hi - 1:,}"
        for (lo, hi), page, value in zip(pages, found, manifest.pages, strict=True)
        if checksums.together(page) != value
    ]
    shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more pages" if len(where) > 3 else "")
    return [f"{', '.join(wrong)} of experiments {shown} not as in the bundle"]


def _shared(driver: "Driver", database: str, manifest: Manifest, current: bool) -> list[str]:
    """Properties of screens, environments, the dataset and its publication whose checksums differ."""
    wrong = []
    for label, expected in manifest.shared.items():
        if label in OF_THE_CURRENT and not current:
            continue
        columns = _types(label, expected)
        more = {"environment": pl.String} if label == "Screen" else {}
        statement = SHARED[label].format(columns=_listed("n", columns))
        which = {"dataset": manifest.dataset, "build": manifest.build}
        found = checksums.of_rows(_rows(driver, database, statement, {**columns, **more}, **which).sort("uid"))
        wrong += [f"{label}.{name} not as in the bundle" for name, value in found.items() if expected[name] != value]
    return wrong


def _rows(driver: "Driver", database: str, statement: str, columns: Mapping[str, Any], **which: Any) -> pl.DataFrame:
    rows = [tuple(row.values()) for row in statements.read(driver, database, statement, **which)]
    names = list(columns)
    return pl.DataFrame(rows, schema=dict(columns), orient="row").select(names)


def _types(label: str, columns: Collection[str]) -> dict[str, Any]:
    """The columns of a bundle that its label or type still has, with their types; `build` is what is asked by."""
    (entry,) = schema_entries(label.lower()).values()
    kinds = {"id": "str", **entry["properties"]} if label != "PERTURBS" else entry["properties"]
    return {name: bundle.type_of(kind) for name, kind in kinds.items() if name in columns}


def _listed(variable: str, columns: Collection[str]) -> str:
    return ", ".join(f"{variable}.`{name}` AS `{name}`" for name in columns)
