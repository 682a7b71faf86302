"""Array files: a vector for each row of a table, beside its Parquet file; a row of the table points to a row of the array.

Belongs here: writing and reading such a file, whole or by rows. Does not: which records point to it (schema), tables (stored.py).

One safetensors file: `values`, rows x features, float32 (NaN: not measured), and the names of the features in its header. Not a
Parquet column of lists, because a row lies in one place here: of 1,500 x 6,000 numbers one row is read in 0.2 ms, from Parquet in
44 ms, or 2.5 ms in row groups of 64, for a row group is unpacked as a whole; all of it in 36 ms against 132. It is 8 % larger.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torchcell_assets.errors import TorchcellError

_VALUES = "values"


class ArrayFileError(TorchcellError):
    """An array file cannot be written or read."""


def write(path: Path, values: np.ndarray, features: Sequence[str]) -> None:
    """Write an array file.

    values: rows x features, numbers that float32 holds. features: what each column is of, such as a gene; no name twice.

    Raises:
        ArrayFileError: the shape does not fit the names, or a name stands there twice.
    """
    from safetensors.numpy import save_file

    if values.ndim != 2 or values.shape[1] != len(features) or len(set(features)) != len(features):
        raise ArrayFileError(
            f"An array of shape {values.shape} does not have one column for each of {len(set(features))} names."
        )
    header = {"features": json.dumps(list(features))}
    save_file({_VALUES: np.ascontiguousarray(values, dtype=np.float32)}, path, metadata=header)


def read(path: Path, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """The array (rows x features, float32), or those of its rows that are asked for, in that order; a row may be asked for twice.

    Raises:
        ArrayFileError: the file is missing, damaged or of another kind, or has no such row.
    """
    with _opened(path) as stored:
        if rows is None:
            return stored.get_tensor(_VALUES)
        view = stored.get_slice(_VALUES)
        there, columns = view.get_shape()
        wanted = [int(row) for row in rows]
        if wanted and not (min(wanted) >= 0 and max(wanted) < there):
            raise ArrayFileError(f"{path} has the rows 0 to {there - 1:,}.")
        found = np.empty((len(wanted), columns), dtype=np.float32)
        for at, row in enumerate(wanted):
            found[at] = view[row : row + 1][0]
        return found


def features(path: Path) -> list[str]:
    """What each column of the array is of.

    Raises:
        ArrayFileError: as `read`.
    """
    with _opened(path) as stored:
        return json.loads(stored.metadata()["features"])


def _opened(path: Path) -> Any:
    """The file, once it is known to be an array file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ArrayFileError(f"There is no array file {path}: materialize its table again.")
    try:
        stored = safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise ArrayFileError(f"{path} is cut off or no array file ({error}): materialize its table again.") from error
    if _VALUES not in stored.keys() or "features" not in (stored.metadata() or {}):  # noqa: SIM118
        raise ArrayFileError(f"{path} is a safetensors file and no array file: materialize its table again.")
    return stored
