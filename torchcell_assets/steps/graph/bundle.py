"""Bundles: one immutable folder of BioCypher's files per build of a dataset, and its manifest. The source of truth of
the graph; a store is a cache that can be rebuilt from bundles.

Belongs here: what a bundle consists of, reading its files back as typed tables. Does not: BioCypher (writer.py), what the tables
hold (tables.py), the server (load.py).
"""

import gzip
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.schema.fingerprint import digest
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph.tables import (
    BundleError,
    GraphTables,
    experiment_tables,
    screens_of,
    shared_tables,
    value_sum,
)
from torchcell_assets.steps.graph.writer import DATASET_EDGES, DATASET_NODES, schema_entries, writing
from torchcell_assets.storage import replacing_together

WRITER_VERSION = "3"
CHECKSUMS = "SHA256SUMS"
"""File of a bundle with the sums of all its others; `sha256sum -c SHA256SUMS` compares them."""
RECORD_LABELS = ("Fitness", "Interaction", "Viability")
BATCH = 250_000
"""Records rendered at a time: some 500 MB."""

_TYPES: dict[str, Any] = {
    "long": pl.Int64,
    "int": pl.Int64,
    "double": pl.Float64,
    "float": pl.Float64,
    "boolean": pl.Boolean,
}


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    build: its name, a hash of the dataset's name, the logical rows, the schema entries and the writer's version. Short,
        because each experiment carries it: ten characters lie in the record of a node, forty in 128 bytes beside it.
    nodes, edges: rows by label or type. value_sum: integer-scaled sum over the experiments.
    """

    build: str
    dataset: str
    record_class: str
    table: str
    nodes: dict[str, int]
    edges: dict[str, int]
    value_sum: int


def build_key(dataset: str, data_version: str, labels: list[str]) -> str:
    """The name of a build: the same for the same rows, schema entries and writer."""
    return digest([dataset, data_version, schema_entries(*labels), WRITER_VERSION])


def build_of(dataset: Dataset, data_version: str) -> str:
    """The name of the build of a dataset at a data version."""
    return build_key(dataset.name, data_version, labels_of(dataset))


def labels_of(dataset: Dataset) -> list[str]:
    """The input labels of all that a dataset's bundle holds."""
    return [dataset.record.__name__.lower(), *DATASET_NODES, *DATASET_EDGES]


def manifest_of(dataset: Dataset, records: pl.DataFrame, made: GraphTables, version: str, table: Path) -> Manifest:
    """What the bundle of these records must hold, and the name of its build.

    records: the stored table at `table`; version: its data version; made: its nodes and edges.
    """
    rows = Counter({label: rows.height for label, rows in {**made.nodes, **made.edges}.items()})
    return _manifest(dataset, version, table, rows, value_sum(records))


def _manifest(dataset: Dataset, version: str, table: Path, rows: Mapping[str, int], total: int) -> Manifest:
    return Manifest(
        build=build_of(dataset, version),
        dataset=dataset.name,
        record_class=dataset.record.__name__,
        table=table.name,
        nodes={label.capitalize(): n for label, n in rows.items() if label not in DATASET_EDGES},
        edges={label.upper(): n for label, n in rows.items() if label in DATASET_EDGES},
        value_sum=total,
    )


def write(folder: Path, tables: GraphTables, manifest: Manifest) -> Path:
    """Write a bundle to `folder / <build>`; one that is already there, whole and unchanged, is left as it is.

    Returns the bundle's folder. Raises BundleError where BioCypher would only log: a property that the schema does
    not know, a row with other properties, a number that Java cannot parse, a row lost or doubled.
    """

    def fill(temporary: Path) -> Manifest:
        with writing(temporary) as writer:
            writer.write(tables)
        return manifest

    return _build(folder, manifest.build, fill)


def write_records(folder: Path, dataset: Dataset, version: str, table: Path) -> Path:
    """Write the bundle of a stored table of records, batch by batch; one that is already there, whole and unchanged, is
    left as it is.

    version: the data version of the table. Returns and raises as `write` does.
    """
    build = build_of(dataset, version)

    def fill(temporary: Path) -> Manifest:
        rows: Counter[str] = Counter()
        screens, total = [], 0
        with writing(temporary) as writer:
            for records in _batches(table):
                experiments = experiment_tables(dataset, records, build, rows[dataset.record.__name__.lower()])
                rows.update(writer.write(experiments))
                screens.append(screens_of(records))
                total += value_sum(records)
            rows.update(writer.write(shared_tables(dataset, pl.concat(screens), build)))
        return _manifest(dataset, version, table, rows, total)

    return _build(folder, build, fill)


def _build(folder: Path, build: str, fill: Callable[[Path], Manifest]) -> Path:
    target = folder / build
    if _is_whole(target):
        return target
    with replacing_together(target) as (temporary,):
        temporary.mkdir()
        manifest = fill(temporary)
        _check_counts(temporary, manifest)
        (temporary / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1))
        lines = [f"{_sha256(path)}  {path.name}\n" for path in sorted(temporary.iterdir())]
        (temporary / CHECKSUMS).write_text("".join(lines))
    return target


def _is_whole(folder: Path) -> bool:
    """Whether every file of a bundle is there and holds what was written."""
    try:
        listed = [line.split("  ", 1) for line in (folder / CHECKSUMS).read_text().splitlines()]
        return bool(listed) and all(_sha256(folder / name) == sha256 for sha256, name in listed)
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _batches(table: Path) -> Iterator[pl.DataFrame]:
    stored = pl.scan_parquet(table)
    rows = stored.select(pl.len()).collect().item()
    for first in range(0, max(1, rows), BATCH):
        yield stored.slice(first, BATCH).collect()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the bundle in `folder`."""
    try:
        return Manifest(**json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{folder} is no bundle: {error}; materialize its graph asset again.") from error


def parts_of(folder: Path, name: str) -> list[Path]:
    """The files of one table of a bundle, in their order; large ones are compressed."""
    return sorted(folder.glob(f"{name}-part*"))


def read_table(folder: Path, name: str) -> pl.DataFrame:
    """One node or edge table of a bundle, typed by its BioCypher header; the label column is left out.

    name: `Fitness`, `Gene` ... or `PERTURBS` ...; edges get columns `source` and `target`.
    """
    header = (folder / f"{name}-header.csv").read_text().rstrip("\n").split("\t")
    names = {":ID": "id", ":START_ID": "source", ":END_ID": "target", ":LABEL": "_label", ":TYPE": "_label"}
    columns = [names.get(entry, entry.split(":")[0]) for entry in header]
    seen = [column if columns.index(column) == at else f"_{at}" for at, column in enumerate(columns)]
    raw = pl.read_csv(
        parts_of(folder, name),
        separator="\t",
        has_header=False,
        new_columns=seen,
        schema_overrides=dict.fromkeys(seen, pl.String),
        raise_if_empty=False,
    )
    typed = [_typed(column, entry) for column, entry in zip(seen, header, strict=True) if not column.startswith("_")]
    return raw.select(column for column in typed if column.meta.output_name() != "preferred_id")


def _typed(column: str, entry: str) -> pl.Expr:
    kind = entry.split(":")[1] if ":" in entry and not entry.startswith(":") else ""
    if kind.endswith("[]"):
        return pl.col(column).str.split("|").cast(pl.List(_TYPES.get(kind[:-2], pl.String)))
    if kind == "boolean":
        return pl.col(column) == "true"
    return pl.col(column).cast(_TYPES.get(kind, pl.String))


def _check_counts(folder: Path, manifest: Manifest) -> None:
    """Rows and columns of every file: an importer takes a row with too few columns without a word."""
    for name, expected in {**manifest.nodes, **manifest.edges}.items():
        columns = (folder / f"{name}-header.csv").read_text().count("\t") + 1
        rows = tabs = 0
        for part in parts_of(folder, name):
            with gzip.open(part) if part.suffix == ".gz" else part.open("rb") as file:
                while block := file.read(1 << 24):
                    rows += block.count(b"\n")
                    tabs += block.count(b"\t")
        if rows != expected or tabs != rows * (columns - 1):
            raise BundleError(
                f"{manifest.build}: {expected} rows of {name} were given; {rows} stand in the files, with {tabs} tabs."
            )


def delete_others(folder: Path) -> None:
    """Delete the other bundles of the same dataset; a build that is no longer current is never read again."""
    for other in folder.parent.iterdir():
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
