"""Columns of text out of a table that R wrote with `saveRDS`.

Belongs here: so much of R's serialisation as such a table needs. Does not: which columns are wanted (known_partners.py).

The format: R Internals, section 1.8 (Serialization Formats), the binary form in big-endian order. Only vectors, and the lists of
their attributes, are read; a file that holds code, an environment or anything else is refused.
"""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from torchcell_assets.errors import TorchcellError

_SYMBOL, _PAIRS, _LETTERS, _LOGICAL, _INTEGER, _DOUBLE, _TEXT, _LIST = 1, 2, 9, 10, 13, 14, 16, 19
_NOTHING, _SEEN_BEFORE = 254, 255
_HAS_ATTRIBUTES, _HAS_TAG = 0x200, 0x400
_NUMBERS = {_LOGICAL: ">i4", _INTEGER: ">i4", _DOUBLE: ">f8"}
_VERSIONS = (2, 3)


class RDataError(TorchcellError):
    """A file is no table of R that can be read."""


def text_columns(path: Path, columns: list[str]) -> dict[str, list[str | None]]:
    """Those columns of a data frame, by name; an NA is None. Raises RDataError where the file or a column is not so."""
    try:
        with gzip.open(path) as file:
            table, attributes = _Reader(file.read()).table()
        found = dict(zip(attributes["names"], table, strict=True))
        return {name: _text(name, found[name]) for name in columns}
    except (OSError, EOFError, struct.error, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise RDataError(f"{path} cannot be read as a table that R saved ({error}): fetch the file again.") from error


def _text(name: str, column: Any) -> list[str | None]:
    if not isinstance(column, list):
        raise ValueError(f"its column {name!r} holds no text")
    return column


class _Reader:
    """Goes along the bytes of one object."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.symbols: list[str] = []
        self.of_type: dict[int, Callable[[], Any]] = {
            _LETTERS: self._letters,
            _TEXT: lambda: [self._item()[0] for _ in range(self._integer())],
            _LIST: lambda: [self._item()[0] for _ in range(self._integer())],
            **{kind: lambda dtype=dtype: self._numbers(dtype) for kind, dtype in _NUMBERS.items()},  # type: ignore[misc]
        }

    def table(self) -> tuple[list[Any], dict[str, Any]]:
        """The object and its attributes."""
        version = self._header()
        value, attributes = self._item()
        if version not in _VERSIONS or not isinstance(value, list) or self.at != len(self.data):
            raise ValueError(f"a list in format 2 or 3 was expected, and this is {type(value).__name__} in {version}")
        return value, attributes

    def _header(self) -> int:
        if self._bytes(2) != b"X\n":
            raise ValueError("it does not begin as R's binary form does")
        version, _, _ = (self._integer() for _ in range(3))
        if version == _VERSIONS[-1]:
            self._bytes(self._integer())  # the encoding in which it was written; of all that is read, ASCII is enough
        return version

    def _bytes(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise ValueError("it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def _integer(self) -> int:
        return int(struct.unpack(">i", self._bytes(4))[0])

    def _item(self) -> tuple[Any, dict[str, Any]]:
        """A value, and its attributes."""
        flags = self._integer()
        kind = flags & 0xFF
        if kind == _PAIRS:
            return self._pairs(flags), {}
        if kind == _NOTHING:
            return None, {}
        if kind == _SEEN_BEFORE:
            return self.symbols[(flags >> 8) - 1], {}
        if kind == _SYMBOL:
            self.symbols.append(self._item()[0])
            return self.symbols[-1], {}
        if kind not in self.of_type:
            raise ValueError(f"it holds an object of R's type {kind}, which is no vector")
        value = self.of_type[kind]()
        return value, self._item()[0] if flags & _HAS_ATTRIBUTES and kind != _LETTERS else {}

    def _pairs(self, flags: int) -> dict[str, Any]:
        """A pairlist with names: what R keeps attributes in."""
        found = {}
        while flags & 0xFF == _PAIRS:
            if not flags & _HAS_TAG or flags & _HAS_ATTRIBUTES:
                raise ValueError("it holds a list without names among attributes")
            name = self._item()[0]
            found[name] = self._item()[0]
            flags = self._integer()
        return found

    def _letters(self) -> str | None:
        size = self._integer()
        return None if size == -1 else self._bytes(size).decode()

    def _numbers(self, dtype: str) -> np.ndarray:
        count = self._integer()
        return np.frombuffer(self._bytes(count * np.dtype(dtype).itemsize), dtype=dtype)
