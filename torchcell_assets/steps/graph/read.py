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
from torchcell_assets.schema import Perturbation
from torchcell_assets.schema.records import polars_schema

if TYPE_CHECKING:
    from neo4j import Driver

PAGE = 20_000
"""Experiments a page."""

SELECTION: dict[str, Any] = {
    "ordinal": pl.Int64,
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
}
"""What a query of fitness has to return, one row an experiment: column -> type."""

PERTURBATION_COLUMNS = {"ordinal": pl.Int64, "position": pl.Int64, **dict.fromkeys(Perturbation.columns(), pl.String)}
PERTURBATIONS = Path(__file__).parent / "queries" / "perturbations.cypher"

RECORD_QUERY = """
MATCH (s:Screen)-[:MEASURED]->(e:Experiment:{label} {{build: $build}})
WHERE $lo <= e.ordinal AND e.ordinal < $hi
MATCH (s)-[:UNDER]->(v:Environment)
RETURN {columns}
"""


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
    """Run the fitness query in `query` over each build, page by page.

    builds: (build, number of experiments). Columns and types as in SELECTION, and `perturbations`, read along the edges.
    Raises QueryError, naming the columns that the query lacks.
    """
    text = query.read_text()
    _require_columns(driver, database, query, text)
    return _pages(driver, database, text, columns=SELECTION, builds=builds, page=page)


def records(driver: "Driver", database: str, build: str, cls: type[dy.Schema], page: int = PAGE) -> pl.DataFrame:
    """All records of one build as a table of the record class, nothing lost: what went into the graph comes out."""
    schema = polars_schema(cls)
    places = {
        **dict.fromkeys(("dataset", "reference", "publication"), "s."),
        **dict.fromkeys(("medium", "medium_class", "temperature", "temperature_source"), "v."),
    }
    plain = [name for name in schema if name not in ("perturbations", "screen")]
    columns = ", ".join(
        [f"{places.get(name, 'e.')}`{name}` AS `{name}`" for name in ("ordinal", *plain)] + ["s.id AS screen"]
    )
    query = RECORD_QUERY.format(label=cls.__name__, columns=columns)
    wire = {"ordinal": pl.Int64, **{name: _on_the_wire(schema[name]) for name in [*plain, "screen"]}}
    found = driver.execute_query("MATCH (b:Build {id: $build}) RETURN b.expected AS n", build=build, database_=database)
    total = found.records[0]["n"] if found.records else 0
    table = _pages(driver, database, query, columns=wire, builds=[(build, total)], page=page)
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
            bounds = {"build": build, "lo": lo, "hi": lo + page}
            rows = _page(driver, database, query, columns, **bounds)
            perturbations = _page(driver, database, edges, PERTURBATION_COLUMNS, **bounds)
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
    """One page as one record of columns.

    `collect` drops nulls, which would misalign columns: they travel as a value that the record classes do not allow.
    """
    collected = ", ".join(
        f"collect(coalesce(`{name}`, {_absent(dtype)})) AS `{name}`" for name, dtype in columns.items()
    )
    with driver.session(database=database) as session:
        text = f"CALL () {{ {query} \n}} RETURN {collected}"
        found = session.execute_read(lambda transaction: transaction.run(text, **parameters).single(strict=True))
    lengths = {len(found[name]) for name in columns}
    if len(lengths) != 1:
        raise QueryError(f"The server returned columns of different lengths ({sorted(lengths)}); nothing was read.")
    table = pl.DataFrame({name: found[name] for name in columns}, schema=dict(columns))
    return table.with_columns(_restored(name, dtype) for name, dtype in columns.items())


def _absent(dtype: Any) -> str:
    """What stands for null on the way: no text is empty, no number is NaN, no count is negative, no list is empty."""
    if isinstance(dtype, pl.List):
        return "[]"
    return {pl.String: "''", pl.Float64: "NaN", pl.Int64: "-1"}.get(dtype, "false")


def _restored(name: str, dtype: Any) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        return pl.when(column.list.len() > 0).then(column).alias(name)
    if dtype == pl.Float64:
        return column.fill_nan(None)
    if dtype == pl.Boolean:
        return column
    return pl.when(column != ("" if dtype == pl.String else -1)).then(column).alias(name)


def _on_the_wire(dtype: Any) -> Any:
    """The type in which a column travels: enums as text, integers as Int64."""
    if isinstance(dtype, pl.Enum):
        return pl.String
    return pl.Int64 if dtype.is_integer() else dtype
