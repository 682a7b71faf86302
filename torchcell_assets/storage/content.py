"""The data version of a table: a hash of its logical rows.

An unchanged result must stop the wave of rebuilds, whatever library, thread count, row order or batch size produced it. So
the rows are encoded here, column by column, in a form that depends on nothing but their values: the row hashes of polars
and Arrow and the bytes of Parquet all change between versions.
"""

import hashlib
from collections.abc import Iterator, Sequence

import polars as pl

_CHUNK = 500_000  # rows encoded at a time: bounds the memory for strings


class ContentHash:
    """SHA-256 over the column names and values of a table that comes in batches, in the order of its rows.

    Each column is encoded as a few streams (what is null, lengths, bytes), each with a digest of its own, so that neither
    where a batch ends nor the order of columns matters.
    """

    def __init__(self) -> None:
        self._streams: dict[str, hashlib._Hash] = {}
        self._rows = 0

    def update(self, batch: pl.DataFrame) -> None:
        """Add rows; every batch has the same columns."""
        self._rows += batch.height
        for column in batch.iter_columns():
            name = f"{column.name}\x00{_kind(column.dtype)}"
            for start in range(0, max(1, len(column)), _CHUNK):
                for path, part in _encode(column.slice(start, _CHUNK), name):
                    self._streams.setdefault(path, hashlib.sha256()).update(part)

    def digest(self) -> str:
        """16 hex digits."""
        whole = hashlib.sha256(str(self._rows).encode())
        for path, stream in sorted(self._streams.items()):
            whole.update(f"\x00{path}\x00".encode() + stream.digest())
        return whole.hexdigest()[:16]


def content_hash(frame: pl.DataFrame, sort_by: Sequence[str]) -> str:
    """SHA-256 over the column names and values of `frame`, as a hex string of 16 digits.

    frame: any table; the order of its rows and columns does not matter.
    sort_by: columns that together identify a row.
    """
    found = ContentHash()
    found.update(frame.sort(*sort_by))
    return found.digest()


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


def _encode(column: pl.Series, path: str) -> Iterator[tuple[str, bytes]]:
    """(stream, bytes) of some rows of a column; what a stream holds of more rows is the bytes of each part in turn."""
    yield f"{path}\x00null", column.is_null().to_numpy().tobytes()
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        lengths = column.list.len().fill_null(0)
        yield f"{path}\x00lengths", lengths.cast(pl.Int64).to_numpy().astype("<i8").tobytes()
        yield from _encode(
            column.filter(lengths > 0).explode() if len(column) else column.explode(), f"{path}\x00items"
        )
    elif isinstance(dtype, pl.Struct):
        for name in sorted(f.name for f in dtype.fields):
            yield from _encode(column.struct.field(name), f"{path}\x00{name}")
    elif dtype.is_integer() or dtype == pl.Boolean:
        yield path, column.cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()
    elif dtype.is_float():
        # all NaN become one, and -0.0 becomes 0.0: by numpy, as polars leaves the addition of nothing out
        values = column.cast(pl.Float64).fill_null(0.0).fill_nan(float("nan")).to_numpy() + 0.0
        yield path, values.astype("<f8").tobytes()
    else:
        text = column.cast(pl.String).fill_null("")
        yield f"{path}\x00lengths", text.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").tobytes()
        yield path, (text.str.join("").item() or "").encode()
