"""The data version of a table: a hash of its logical rows.

An unchanged result must stop the wave of rebuilds, whatever library, thread count or row order produced it. So the
rows are encoded here, column by column, in a form that depends on nothing but their values: the row hashes of polars
and Arrow and the bytes of Parquet all change between versions.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

_CHUNK = 1_000_000  # rows encoded at a time: bounds the memory for strings


def content_hash(frame: pl.DataFrame, sort_by: Sequence[str]) -> str:
    """SHA-256 over the column names and values of `frame`, as a hex string of 16 digits.

    frame: any table; the order of its rows and columns does not matter.
    sort_by: columns that together identify a row.
    """
    ordered = frame.sort(*sort_by)

    def chunks(name: str, rows: int) -> Iterator[pl.Series]:
        column = ordered[name]
        return (column.slice(start, rows) for start in range(0, len(column), rows))

    return columns_hash(frame.schema, frame.height, chunks)


def columns_hash(schema: Mapping[str, Any], rows: int, chunks: Callable[[str, int], Iterable[pl.Series]]) -> str:
    """The hash that `content_hash` gives, of a table too large for memory.

    schema: column -> type. rows: of the table.
    chunks: called with a column and a number of rows, gives its values in pieces of so many rows, the last one shorter,
        in the order of the columns that identify a row.
    """
    digest = hashlib.sha256()
    for name in sorted(schema):
        digest.update(f"\x00{name}\x00{_kind(schema[name])}\x00{rows}\x00".encode())
        for chunk in chunks(name, _CHUNK):
            for part in _encode(chunk):
                digest.update(part)
    return digest.hexdigest()[:16]


def _kind(dtype: pl.DataType) -> str:
    """The logical type, in words of our own: `Enum` and `String` hold the same values, `UInt8` and `Int64` too."""
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    if isinstance(dtype, pl.List):
        return f"list of {_kind(dtype.inner)}"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return "struct " + ", ".join(f"{f.name} {_kind(f.dtype)}" for f in sorted(dtype.fields, key=lambda f: f.name))  # type: ignore[arg-type]
    return {"Enum": "text", "String": "text", "Categorical": "text", "Boolean": "truth"}.get(
        str(dtype.base_type()), str(dtype)
    )


def _encode(column: pl.Series) -> Iterator[bytes]:
    yield column.is_null().to_numpy().tobytes()
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        lengths = column.list.len().fill_null(0)
        yield lengths.cast(pl.Int64).to_numpy().astype("<i8").tobytes()
        yield from _encode(column.filter(lengths > 0).explode() if len(column) else column.explode())
    elif isinstance(dtype, pl.Struct):
        for name in sorted(f.name for f in dtype.fields):
            yield from _encode(column.struct.field(name))
    elif dtype.is_integer() or dtype == pl.Boolean:
        yield column.cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()
    elif dtype.is_float():
        # + 0.0 turns -0.0 into 0.0; all NaN become one
        yield (column.cast(pl.Float64).fill_null(0.0).fill_nan(float("nan")) + 0.0).to_numpy().astype("<f8").tobytes()
    else:
        text = column.cast(pl.String).fill_null("")
        yield text.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").tobytes()
        yield (text.str.join("").item() or "").encode()
