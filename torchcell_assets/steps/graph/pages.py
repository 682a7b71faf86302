"""One page of a query as a table: few Bolt records of whole columns.

Belongs here: the form in which columns travel, and back. Does not: which pages are asked for (read.py, verification.py).
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError

if TYPE_CHECKING:
    from neo4j import Driver


class QueryError(TorchcellError):
    """A query or a store does not give what was asked for."""


def page_of(
    driver: "Driver", database: str, query: str, columns: Mapping[str, Any], shared: Collection[str] = (), **bounds: Any
) -> pl.DataFrame:
    """One page, as one record of columns for each combination of the `shared` ones, which travel once.

    `collect` drops nulls, which would misalign columns: they travel as a value that the record classes do not allow.
    """
    returned = ", ".join(
        f"`{name}`" if name in shared else f"collect(coalesce(`{name}`, {_absent(dtype)})) AS `{name}`"
        for name, dtype in columns.items()
    )
    with driver.session(database=database) as session:
        text = f"CALL () {{ {query} \n}} RETURN {returned}"
        found = session.execute_read(lambda transaction: list(transaction.run(text, **bounds)))
    collected: dict[str, list] = {name: [] for name in columns if name not in shared}
    rows = []
    for record in found:
        lengths = {len(record[name]) for name in collected}
        if len(lengths) != 1:
            raise QueryError(f"The server returned columns of different lengths ({sorted(lengths)}); nothing was read.")
        rows.append(lengths.pop())
        for name, values in collected.items():
            values.extend(record[name])
    table = pl.DataFrame(collected, schema={name: columns[name] for name in collected})
    of_record = pl.Series(np.repeat(np.arange(len(rows)), rows))
    constant = {name: pl.Series([record[name] for record in found], dtype=columns[name])[of_record] for name in shared}
    restored = table.with_columns(_restored(name, columns[name]) for name in collected)
    return restored.with_columns(**constant).select(list(columns))


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


def on_the_wire(dtype: Any) -> Any:
    """The type in which a column travels: enums as text, integers as Int64."""
    if isinstance(dtype, pl.Enum):
        return pl.String
    return pl.Int64 if dtype.is_integer() else dtype
