"""What a data root holds, as dictionaries: the only module that reads it.

Belongs here: paths below a data root, and the way from its files to rows. Does not: judging them (compare.py).
"""

import json
import struct
from pathlib import Path

import lmdb
import numpy as np
import polars as pl
from safetensors import safe_open
from scipy.sparse import csr_array


def rows(path: Path, key: str | tuple[str, ...] = "id") -> dict[object, dict[str, object]]:
    """Rows of a Parquet file by their key."""
    return keyed(pl.read_parquet(path), key)


def keyed(frame: pl.DataFrame, key: str | tuple[str, ...]) -> dict[object, dict[str, object]]:
    """Rows by one column, or by a tuple of several."""
    enums = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum | pl.Categorical)]
    told = frame.with_columns(pl.col(enums).cast(pl.String)) if enums else frame
    if isinstance(key, str):
        return {row[key]: row for row in told.iter_rows(named=True)}
    return {tuple(row[name] for name in key): row for row in told.iter_rows(named=True)}


def records(root: Path, dataset: str, quarantined: bool = False) -> dict[object, dict[str, object]]:
    """Records of a dataset by id, with `perturbed` and `role`: identity and role of its perturbations, in their order."""
    of = rows(root / "datasets" / f"{dataset}{'.quarantine' if quarantined else ''}.parquet")
    return {
        key: row | {"role": [one["role"] for one in row["perturbations"]], "perturbed": _texts(row)}
        for key, row in of.items()
    }


def _texts(row: dict[str, object]) -> list[str]:
    return [":".join(one[name] for name in ("gene", "kind", "allele", "zygosity")) for one in row["perturbations"]]


def of_merged(root: Path, table: str = "fitness") -> pl.DataFrame:
    """A table of the merged DuckDB file."""
    import duckdb

    with duckdb.connect(str(root / "merged" / "fitness.duckdb"), read_only=True) as connection:
        return connection.sql(f"SELECT * FROM {table}").pl()


def table(path: Path) -> list[dict[str, object]]:
    """Rows of a Parquet file, in its order."""
    return list(
        pl.read_parquet(path).with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String)).iter_rows(named=True)
    )


def embedding(path: Path) -> tuple[list[str], np.ndarray]:
    """Genes, and genes x dimension, dense."""
    with safe_open(path, "np") as file:
        told, parts = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "vectors" in parts:
        return json.loads(told["genes"]), parts["vectors"]
    sparse = csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=json.loads(told["shape"]))
    return json.loads(told["genes"]), sparse.toarray()


def to_predict(root: Path, size: str) -> list[dict[str, object]]:
    """Rows of a sample and, below them, of the test set; the test rows of the sample are called `test_of_size`."""
    own = table(root / "merged" / "subset" / f"{size}.parquet")
    for row in own:
        row["split"] = "test_of_size" if row["split"] == "test" else row["split"]
    both = [*own, *(row | {"split": "test"} for row in table(root / "merged" / "test_set.parquet"))]
    return [row | {"genes": row["genes"].split("+")} for row in both]


def predictions(root: Path, size: str) -> list[dict[str, object]]:
    """Predictions of all cells of a size, with `kind` and `representation`."""
    found = []
    for path in sorted((root / "trained").glob(f"*/{size}/**/predictions.parquet")):
        baseline = path.parent.name == size
        representation = "none" if baseline else path.parent.name
        for row in table(path):
            kind = "baseline" if baseline else "permuted" if row["permuted"] else "model"
            found.append(row | {"kind": kind, "representation": representation})
    return found


def key_value(path: Path) -> dict[object, dict[str, object]]:
    """Order and value of each record of an LMDB file, by rank: 4 bytes of the key, bytes 1 and 8 to 16 of what it points at."""
    found: dict[object, dict[str, object]] = {}
    with (
        lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment,
        environment.begin() as transaction,
    ):
        for key, value in transaction.cursor():
            if len(key) == 4:
                found[struct.unpack(">I", key)[0]] = {"order": value[1], "value": struct.unpack_from("<d", value, 8)[0]}
    return found
