"""Reading the graph back: Cypher over Bolt, in key-range pages, few Bolt records of columns per page.

A page of columns costs the client a tenth of what row by row costs, can be retried, and bounds the memory of both sides.
What the merge reads goes page by page to Parquet, so that memory does not grow with the graph.

Belongs here: running `queries/*.cypher` and a study's own query, reading whole records. Does not: pooling (merged).
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from torchcell_assets.schema import Perturbation, with_genotype
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph.pages import QueryError, on_the_wire, page_of
from torchcell_assets.steps.graph.tables import ON_ENVIRONMENT, ON_SCREEN

if TYPE_CHECKING:
    from neo4j import Driver

PAGE = 50_000
"""Experiments a page: the server takes as long for smaller ones, and each costs the merge some milliseconds."""

ROWS, EDGES = ".rows.parquet", ".edges.parquet"
"""How the names of a page's two files end."""


@dataclass(frozen=True)
class Selection:
    """A query, and what it has to return: one row an experiment.

    columns: name -> type on the wire. shared: those that hold few values a page: the server groups the rows by them.
    example: a query that returns them all.
    """

    query: Path
    columns: dict[str, Any]
    shared: tuple[str, ...]
    example: Path


EDGE: dict[str, Any] = {
    "ordinal": pl.Int64,
    "gene": pl.String,
    "kind": pl.String,
    "allele": pl.String,
    "zygosity": pl.String,
}
"""What a page holds of each PERTURBS edge: what is no part of the genotype's identity does not travel."""
_EDGES_SHARE = ("kind", "allele", "zygosity")

PERTURBATION_COLUMNS = {"ordinal": pl.Int64, "position": pl.Int64, **dict.fromkeys(Perturbation.columns(), pl.String)}
PERTURBATIONS = Path(__file__).parent / "queries" / "perturbations.cypher"

RECORD_QUERY = """
MATCH (s:Screen)-[:MEASURED]->(e:Experiment:{label} {{build: $build}})
WHERE $lo <= e.ordinal AND e.ordinal < $hi
RETURN {columns}
"""


def current_builds(driver: "Driver", database: str, datasets: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Dataset -> (current build, number of its experiments), as the server says."""
    statement = """
        MATCH (d:TorchCell:Dataset) WHERE d.uid IN $datasets MATCH (b:TorchCell:Build {uid: d.current})
        RETURN d.uid AS dataset, b.uid AS build, b.expected AS expected
    """
    found = driver.execute_query(statement, datasets=list(datasets), database_=database, routing_="r").records
    return {row["dataset"]: (row["build"], row["expected"]) for row in found}


def count_genes(driver: "Driver", database: str) -> int:
    """Number of genes that the genome described; one that only an experiment names has no chromosome."""
    found = driver.execute_query(
        "MATCH (g:Gene) WHERE g.chromosome IS NOT NULL RETURN count(g) AS n", database_=database
    )
    return int(found.records[0]["n"])


def refuse_other_builds(serves: Mapping[str, tuple[str, int]], wanted: Mapping[str, str]) -> None:
    """Raise QueryError, naming both, if the server serves other builds than were materialized."""
    for dataset, build in wanted.items():
        served = serves.get(dataset, (None, 0))[0]
        if served != build:
            raise QueryError(
                f"The graph serves {served or f'no build of {dataset}'} and Dagster materialized {build}: "
                f"materialize graph/{dataset} again."
            )


def select(
    driver: "Driver",
    database: str,
    selection: Selection,
    builds: Iterable[tuple[str, int]],
    folder: Path,
    *,
    page: int = PAGE,
    sessions: int = 2,
) -> int:
    """Run the query of `selection` over each build and keep what it selects as pages of Parquet in `folder`.

    builds: (build, number of experiments). page: experiments a page. sessions: pages read at a time.
    A page is two files: experiments with the columns of `selection`, and their edges with those of EDGE, read along
    PERTURBS. A reading that was killed goes on with the pages that are there; pages of another build, query or size
    are removed. Returns the number of experiments selected.
    Raises QueryError, naming the columns that the query lacks, or an experiment that it returns more than once.
    """
    text = selection.query.read_text()
    _require_columns(driver, database, selection, text)
    asked = [
        (folder / _name(build, text, page) / f"{lo:012d}{ROWS}", {"build": build, "lo": lo, "hi": lo + page})
        for build, experiments in builds
        for lo in range(0, experiments, page)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    kept = {path.parent for path, _ in asked}
    for other in set(folder.iterdir()) - kept:
        shutil.rmtree(other)
    for place in kept:
        place.mkdir(exist_ok=True)

    def fetch(path: Path, bounds: dict[str, Any]) -> None:
        _keep(page_of(driver, database, PERTURBATIONS.read_text(), EDGE, _EDGES_SHARE, **bounds), edges_beside(path))
        # last, because a page is there when its experiments are
        rows = page_of(driver, database, text, selection.columns, selection.shared, **bounds)
        _refuse_strangers(rows, selection.query, bounds["lo"], bounds["hi"])
        _keep(rows, path)

    with ThreadPoolExecutor(sessions) as pool:
        for reading in [pool.submit(fetch, path, bounds) for path, bounds in asked if not path.exists()]:
            try:
                reading.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path, _ in asked)


def pages_in(folder: Path) -> list[tuple[Path, Path]]:
    """The pages that `select` wrote: for each its file of experiments and its file of edges."""
    return [(rows, edges_beside(rows)) for rows in sorted(folder.rglob(f"*{ROWS}"))]


def edges_beside(rows: Path) -> Path:
    """The file of edges of a page, from that of its experiments."""
    return rows.with_name(rows.name.removesuffix(ROWS) + EDGES)


def records(driver: "Driver", database: str, build: str, cls: type[dy.Schema], page: int = PAGE) -> pl.DataFrame:
    """All records of one build as a table of the record class, nothing lost: what went into the graph comes out."""
    schema = polars_schema(cls)
    of_the_screen = (*ON_SCREEN, *ON_ENVIRONMENT)
    # what follows from the perturbations is not asked for: the text of a genotype need not be in the graph
    plain = [name for name in schema if name not in ("perturbations", "screen", "genotype", "genes", "order")]
    columns = ", ".join(
        [f"{'s' if name in of_the_screen else 'e'}.`{name}` AS `{name}`" for name in ("ordinal", *plain)]
        + ["s.id AS screen"]
    )
    query = RECORD_QUERY.format(label=cls.__name__, columns=columns)
    wire = {"ordinal": pl.Int64, **{name: on_the_wire(schema[name]) for name in [*plain, "screen"]}}
    expected = "MATCH (b:TorchCell:Build {uid: $build}) RETURN b.expected AS n"
    found = driver.execute_query(expected, build=build, database_=database, routing_="r")
    total = found.records[0]["n"] if found.records else 0
    read = _pages(driver, database, query, columns=wire, builds=[(build, total)], page=page)
    table = with_genotype(read).collect()
    return table.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort("row", "id")


def _pages(
    driver: "Driver",
    database: str,
    query: str,
    *,
    columns: dict[str, Any],
    builds: Iterable[tuple[str, int]],
    page: int,
) -> pl.DataFrame:
    """The rows of `query`, each with its perturbations in the order of their position."""
    edges = PERTURBATIONS.read_text()
    tables = []
    for build, experiments in builds:
        for lo in range(0, experiments, page):
            bounds: dict[str, Any] = {"build": build, "lo": lo, "hi": lo + page}
            rows = page_of(driver, database, query, columns, **bounds)
            perturbations = page_of(driver, database, edges, PERTURBATION_COLUMNS, **bounds)
            grouped = (
                perturbations.sort("ordinal", "position")
                .group_by("ordinal", maintain_order=True)
                .agg(perturbations=pl.struct(list(Perturbation.columns())))
            )
            tables.append(rows.join(grouped, on="ordinal", how="left", maintain_order="left").sort("ordinal"))
    if tables:
        return pl.concat(tables)
    fields = pl.Struct(dict.fromkeys(Perturbation.columns(), pl.String))
    return pl.DataFrame(schema={**columns, "perturbations": pl.List(fields)})


def _require_columns(driver: "Driver", database: str, selection: Selection, text: str) -> None:
    from neo4j import exceptions

    try:
        with driver.session(database=database, default_access_mode="READ") as session:
            keys = session.run(f"CALL () {{ {text} \n}} RETURN * LIMIT 0", build="", lo=0, hi=0).keys()  # type: ignore[arg-type]
    except exceptions.Neo4jError as error:
        raise QueryError(f"The query {selection.query} is refused by the server: {error.message}") from error
    lacking = [name for name in selection.columns if name not in keys]
    if lacking:
        raise QueryError(
            f"The query {selection.query} does not return {', '.join(lacking)}: compare it with "
            f"queries/{selection.example.name}."
        )


def _refuse_strangers(rows: pl.DataFrame, query: Path, lo: int, hi: int) -> None:
    """Raise QueryError unless the rows of a page are experiments of that page, each once: `lo <= ordinal < hi`, one id each."""
    ordinals = rows["ordinal"]
    if ordinals.null_count() or not ordinals.is_between(lo, hi - 1).all():
        other = rows.filter(~pl.col("ordinal").is_between(lo, hi - 1) | pl.col("ordinal").is_null())["id"][0]
        raise QueryError(
            f"The query {query} returns {other}, which is not in the page that was asked for: keep "
            "`e.build = $build AND $lo <= e.ordinal AND e.ordinal < $hi`, and return e.ordinal."
        )
    for name in ("ordinal", "id"):
        if rows[name].n_unique() < rows.height:
            many = rows.select("id", n=pl.len().over(name)).sort("n", "id", descending=[True, False])
            raise QueryError(
                f"The query {query} returns {many['id'][0]} {many['n'][0]} times: a MATCH in it multiplies rows. Return each "
                "experiment once, with DISTINCT, or with EXISTS { } in place of that MATCH."
            )


def _keep(table: pl.DataFrame, path: Path) -> None:
    """Write one file of a page; who is killed leaves none that is half. Nothing is synced: pages do not outlive a merge."""
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    table.sort("ordinal").write_parquet(temporary, compression="zstd")
    temporary.replace(path)


def _name(build: str, query: str, page: int) -> str:
    """The folder of the pages of one build, as one query selects them."""
    asked = hashlib.sha256(f"{build}\0{query}\0{PERTURBATIONS.read_text()}\0{page}".encode()).hexdigest()[:12]
    return f"{build}-{asked}"
