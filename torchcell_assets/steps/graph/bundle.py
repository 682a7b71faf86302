"""Bundles: one immutable folder of BioCypher's files per build of a dataset, and its manifest. The source of truth of
the graph; a store is a cache that can be rebuilt from bundles.

Belongs here: writing through BioCypher with a guard for each of its pitfalls, reading the files back as typed tables.
Does not: what the tables hold (tables.py), the server (load.py).
"""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from torchcell_assets.schema.fingerprint import digest
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph.tables import BundleError, GraphTables, value_sum
from torchcell_assets.storage import building

HERE = Path(__file__).parent
SCHEMA_CONFIG = HERE / "schema_config.yaml"
BIOCYPHER_CONFIG = HERE / "biocypher_config.yaml"
WRITER_VERSION = "1"
DATASET_NODES = ("dataset", "publication", "environment", "screen")
DATASET_EDGES = ("contains", "published_in", "under", "measured", "perturbs")

_ONE_AT_A_TIME = threading.Lock()  # BioCypher keeps its configuration in the module
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

    build: `<dataset>@<key>`; key is a hash of the logical rows, of the schema entries and of the writer's version.
    nodes, edges: rows by label or type. value_sum: integer-scaled sum over the experiments.
    """

    build: str
    dataset: str
    record_class: str
    table: str
    nodes: dict[str, int]
    edges: dict[str, int]
    value_sum: int


def schema_entries(*labels: str) -> dict[str, Any]:
    """The entries of `schema_config.yaml` with these input labels."""
    entries = yaml.safe_load(SCHEMA_CONFIG.read_text())
    return {name: entry for name, entry in entries.items() if entry["input_label"] in labels}


def build_key(dataset: str, data_version: str, labels: list[str]) -> str:
    """The name of a build: the same for the same rows, schema entries and writer."""
    return f"{dataset}@{digest([data_version, schema_entries(*labels), WRITER_VERSION])}"


def labels_of(dataset: Dataset) -> list[str]:
    """The input labels of all that a dataset's bundle holds."""
    return [dataset.record.__name__.lower(), *DATASET_NODES, *DATASET_EDGES]


def manifest_of(dataset: Dataset, records: pl.DataFrame, made: GraphTables, version: str, table: Path) -> Manifest:
    """What the bundle of these records must hold, and the name of its build.

    records: the stored table at `table`; version: its data version; made: its nodes and edges.
    """
    return Manifest(
        build=build_key(dataset.name, version, labels_of(dataset)),
        dataset=dataset.name,
        record_class=dataset.record.__name__,
        table=table.name,
        nodes={label.capitalize(): nodes.height for label, nodes in made.nodes.items()},
        edges={label.upper(): edges.height for label, edges in made.edges.items()},
        value_sum=value_sum(records),
    )


def write(folder: Path, tables: GraphTables, manifest: Manifest) -> Path:
    """Write a bundle to `folder / <key>`; one that is already there is left as it is.

    Returns the bundle's folder. Raises BundleError where BioCypher would only log: a property that the schema does
    not know, a row with other properties, a number that Java cannot parse, a row lost or doubled.
    """
    target = folder / manifest.build.split("@")[1]
    if (target / "manifest.json").is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with building(folder) as temporary:
        _write_with_biocypher(temporary, tables)
        _check_counts(temporary, manifest)
        (temporary / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1))
        if target.exists():  # a folder without a manifest was never finished
            shutil.rmtree(target)
        temporary.chmod(0o755)
        temporary.rename(target)
    return target


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the bundle in `folder`."""
    try:
        return Manifest(**json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{folder} is no bundle: {error}; materialize its graph asset again.") from error


def read_table(folder: Path, name: str) -> pl.DataFrame:
    """One node or edge table of a bundle, typed by its BioCypher header; the label column is left out.

    name: `Fitness`, `Gene` ... or `PERTURBS` ...; edges get columns `source` and `target`.
    """
    header = (folder / f"{name}-header.csv").read_text().rstrip("\n").split("\t")
    names = {":ID": "id", ":START_ID": "source", ":END_ID": "target", ":LABEL": "_label", ":TYPE": "_label"}
    columns = [names.get(entry, entry.split(":")[0]) for entry in header]
    seen = [column if columns.index(column) == at else f"_{at}" for at, column in enumerate(columns)]
    raw = pl.read_csv(
        sorted(folder.glob(f"{name}-part*.csv")),
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


def _write_with_biocypher(folder: Path, tables: GraphTables) -> None:
    with _ONE_AT_A_TIME:
        biocypher = _import_biocypher()
        writer = biocypher.BioCypher(
            biocypher_config_path=str(BIOCYPHER_CONFIG),
            schema_config_path=str(SCHEMA_CONFIG),
            output_directory=str(folder),
        )
        for label, table in tables.nodes.items():
            _known_properties(label, table.columns[1:])
            if not writer.write_nodes(_node_rows(label, _writable(table))):
                raise BundleError(
                    f"BioCypher refused the {label} nodes: their properties differ from {SCHEMA_CONFIG.name}."
                )
        for label, table in tables.edges.items():
            _known_properties(label, table.columns[2:])
            if not writer.write_edges(_edge_rows(label, _writable(table))):
                raise BundleError(
                    f"BioCypher refused the {label} edges: their properties differ from {SCHEMA_CONFIG.name}."
                )
        if missing := writer.log_missing_input_labels():
            raise BundleError(f"{SCHEMA_CONFIG.name} has no entry for {', '.join(missing)}.")


def _import_biocypher() -> Any:
    """BioCypher, silent: it sets its logger up at import, with a log folder in the cwd, unless that has a handler."""
    import logging

    logger = logging.getLogger("biocypher")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    import biocypher

    return biocypher


def _known_properties(label: str, columns: list[str]) -> None:
    (entry,) = schema_entries(label).values()
    unknown = set(columns) - set(entry.get("properties", {}))
    if unknown:
        raise BundleError(
            f"{SCHEMA_CONFIG.name} does not know the properties {sorted(unknown)} of {label}: add them there."
        )


def _writable(table: pl.DataFrame) -> pl.DataFrame:
    """Values that BioCypher's CSV and Java's parser both take: no NaN or infinity, no newline, no array delimiter."""
    text, number = pl.col(pl.String), pl.col(pl.Float64)
    plain = table.with_columns(
        pl.col(name).cast(pl.String)
        for name, dtype in table.schema.items()
        if isinstance(dtype, (pl.Enum, pl.Categorical))
    )
    clean = plain.with_columns(
        text.str.replace_all(r"[\r\n\t]+", " "), pl.when(number.is_finite()).then(number).name.keep()
    )
    lists = [name for name, dtype in clean.schema.items() if dtype == pl.List(pl.String)]
    if (
        lists
        and clean.select(pl.any_horizontal(pl.col(lists).list.join("").str.contains("|", literal=True)))
        .to_series()
        .any()
    ):
        raise BundleError(f"A text in {lists} holds the array delimiter |.")
    return clean


def _node_rows(label: str, table: pl.DataFrame) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for row in table.iter_rows(named=True):
        yield row.pop("id"), label, row


def _edge_rows(label: str, table: pl.DataFrame) -> Iterator[tuple[None, str, str, str, dict[str, Any]]]:
    for row in table.iter_rows(named=True):
        yield None, row.pop("source"), row.pop("target"), label, row


def _check_counts(folder: Path, manifest: Manifest) -> None:
    for name, expected in {**manifest.nodes, **manifest.edges}.items():
        found = read_table(folder, name).height
        if found != expected:
            raise BundleError(f"{manifest.build}: {expected} rows of {name} were given and {found} stand in the files.")


def delete_others(folder: Path) -> None:
    """Delete the other bundles of the same dataset; a build that is no longer current is never read again."""
    for other in folder.parent.iterdir():
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
