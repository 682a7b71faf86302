"""Reading the graph back: Cypher over Bolt, in key-range pages, one Bolt record of columns per page.

A page of columns costs the client a tenth of what row by row costs, can be retried, and bounds the memory of both sides.

Belongs here: running `queries/*.cypher` and a study's own query, reading whole records. Does not: pooling (merged).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.records import polars_schema

if TYPE_CHECKING:
    from neo4j import Driver

PAGE = 20_000
"""Experiments a page: 212,000 rows/s against 65,000 with pages of 1,000 and 23,000 row by row."""

SELECTION: dict[str, Any] = {
    "id": pl.String,
    "dataset": pl.String,
    "publication": pl.String,
    "reference": pl.String,
    "medium_class": pl.String,
    "temperature": pl.Float64,
    "evidence": pl.String,
    "value": pl.Float64,
    "upper_bound": pl.Float64,
    "uncertainty": pl.Float64,
    "uncertainty_type": pl.String,
    "samples": pl.Int64,
    "perturbations": pl.List(pl.List(pl.String)),
}
"""What a query of fitness has to return: column -> type. `perturbations`: [gene, kind, allele, zygosity] per gene."""

RECORD_QUERY = """
MATCH (s:Screen)-[:MEASURED]->(e:Experiment:{label} {{build: $build}})
WHERE $lo <= e.ordinal AND e.ordinal < $hi
MATCH (s)-[:UNDER]->(v:Environment)
OPTIONAL MATCH (e)-[p:PERTURBS]->(g:Gene)
WITH s, e, v, p, g ORDER BY e.ordinal, p.position
WITH s, e, v, collect([g.id, p.kind, p.allele, p.zygosity, p.name, p.marker, p.role]) AS perturbations
RETURN {columns}, perturbations
"""
PERTURBATION_FIELDS = ("gene", "kind", "allele", "zygosity", "name", "marker", "role")


class QueryError(TorchcellError):
    """A query or a store does not give what was asked for."""


def current_builds(driver: "Driver", database: str, datasets: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Dataset -> (current build, number of its experiments), as the server says."""
    statement = """
        MATCH (d:Dataset) WHERE d.id IN $datasets MATCH (b:Build {id: d.current})
        RETURN d.id AS dataset, b.id AS build, b.expected AS expected
    """
    found = driver.execute_query(statement, datasets=list(datasets), database_=database).records
    return {row["dataset"]: (row["build"], row["expected"]) for row in found}


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
    driver: "Driver", database: str, query: Path, builds: Iterable[tuple[str, int]], *, page: int = PAGE
) -> pl.DataFrame:
    """Run the fitness query in `query` over each build, page by page; columns and types as in SELECTION.

    builds: (build, number of experiments). Raises QueryError, naming the columns that the query lacks.
    """
    text = query.read_text()
    _require_columns(driver, database, query, text)
    pages = [
        _page(driver, database, text, SELECTION, build=build, lo=lo, hi=lo + page)
        for build, experiments in builds
        for lo in range(0, experiments, page)
    ]
    return pl.concat(pages) if pages else pl.DataFrame(schema=SELECTION)


def records(driver: "Driver", database: str, build: str, cls: type[dy.Schema], page: int = PAGE) -> pl.DataFrame:
    """All records of one build as a table of the record class, nothing lost: what went into the graph comes out."""
    schema = polars_schema(cls)
    places = {
        **dict.fromkeys(("dataset", "reference", "publication"), "s."),
        **dict.fromkeys(("medium", "medium_class", "temperature", "temperature_source"), "v."),
    }
    plain = [name for name in schema if name not in ("perturbations", "screen")]
    columns = ", ".join([f"{places.get(name, 'e.')}`{name}` AS `{name}`" for name in plain] + ["s.id AS screen"])
    query = RECORD_QUERY.format(label=cls.__name__, columns=columns)
    wire = {name: _on_the_wire(schema[name]) for name in schema}
    total = driver.execute_query(
        "MATCH (b:Build {id: $build}) RETURN b.expected AS n", build=build, database_=database
    ).records
    pages = [
        _page(driver, database, query, wire, build=build, lo=lo, hi=lo + page)
        for lo in range(0, total[0]["n"] if total else 0, page)
    ]
    table = pl.concat(pages) if pages else pl.DataFrame(schema=wire)
    structs = pl.col("perturbations").list.eval(
        pl.struct(pl.element().list.get(at).alias(name) for at, name in enumerate(PERTURBATION_FIELDS))
    )
    return (
        table.with_columns(structs).select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort("row", "id")
    )


def _require_columns(driver: "Driver", database: str, query: Path, text: str) -> None:
    from neo4j import exceptions

    try:
        with driver.session(database=database) as session:
            keys = session.run(f"CALL () {{ {text} \n}} RETURN * LIMIT 0", build="", lo=0, hi=0).keys()  # type: ignore[arg-type]
    except exceptions.Neo4jError as error:
        raise QueryError(f"The query {query} is refused by the server: {error.message}") from error
    lacking = [name for name in SELECTION if name not in keys]
    if lacking:
        raise QueryError(
            f"The query {query} does not return {', '.join(lacking)}: compare it with queries/fitness.cypher."
        )


def _page(driver: "Driver", database: str, query: str, columns: Mapping[str, Any], **parameters: Any) -> pl.DataFrame:
    """One page as one record of columns. `collect` drops nulls, which would misalign columns: hence a list per cell."""
    collected = ", ".join(f"collect([`{name}`]) AS `{name}`" for name in columns)
    with driver.session(database=database) as session:
        text = f"CALL () {{ {query} \n}} RETURN {collected}"
        found = session.execute_read(lambda transaction: transaction.run(text, **parameters).single(strict=True))
    lengths = {len(found[name]) for name in columns}
    if len(lengths) != 1:
        raise QueryError(f"The server returned columns of different lengths ({sorted(lengths)}); nothing was read.")
    return pl.DataFrame(
        {name: [cell[0] for cell in found[name]] for name in columns}, schema=dict(columns), strict=False
    )


def _on_the_wire(dtype: Any) -> Any:
    """The type in which a column travels: enums as text, integers as Int64, structs as lists."""
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        return pl.List(pl.List(pl.String))
    if isinstance(dtype, pl.Enum):
        return pl.String
    return pl.Int64 if dtype.is_integer() else dtype
