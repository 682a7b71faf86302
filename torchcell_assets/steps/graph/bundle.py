"""Bundles: one immutable folder of BioCypher's files per build of a dataset, and its manifest. The source of truth of
the graph; a store is a cache that can be rebuilt from bundles.

Belongs here: what a bundle consists of, reading its files back as typed tables. Does not: BioCypher (writer.py), what the tables
hold (tables.py), the server (load.py).
"""

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.neo4j_local.importer import parts_of
from torchcell_assets.schema.fingerprint import digest
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.graph import checksums
from torchcell_assets.steps.graph.tables import BundleError, GraphTables, experiment_tables, screens_of, shared_tables
from torchcell_assets.steps.graph.writer import DATASET_EDGES, DATASET_NODES, all_writable, schema_entries, writing
from torchcell_assets.storage.atomic import atomic_write_together
from torchcell_assets.storage.hashing import sha256_of

WRITER_VERSION = "4"
CHECKSUMS = "SHA256SUMS"
"""File of a bundle with the sums of all its others; `sha256sum -c SHA256SUMS` compares them."""
RECORD_LABELS = ("Fitness", "Interaction", "Viability", "Profile")
BATCH = 250_000
"""Records rendered at a time: some 500 MB."""

_TYPES: dict[str, Any] = {
    "long": pl.Int64,
    "int": pl.Int64,
    "double": pl.Float64,
    "float": pl.Float64,
    "boolean": pl.Boolean,
    "bool": pl.Boolean,
}


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    build: its name, a hash of the dataset's name, the logical rows, the schema entries and the writer's version. Short,
        because each experiment carries it: ten characters lie in the record of a node, forty in 128 bytes beside it.
    nodes, edges: rows by label or type.
    pages: a checksum of each page of experiments with their edges; columns: of each of their columns, over all pages.
    shared: label -> column -> checksum, of the dataset, its publication, screens and environments.
    """

    build: str
    dataset: str
    record_class: str
    table: str
    nodes: dict[str, int]
    edges: dict[str, int]
    pages: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    shared: dict[str, dict[str, str]] = field(default_factory=dict)


def build_key(dataset: str, data_version: str, labels: list[str]) -> str:
    """The name of a build: the same for the same rows, schema entries and writer."""
    return digest([dataset, data_version, schema_entries(*labels), WRITER_VERSION])


def build_of(dataset: Dataset, data_version: str) -> str:
    """The name of the build of a dataset at a data version."""
    return build_key(dataset.name, data_version, labels_of(dataset))


def labels_of(dataset: Dataset) -> list[str]:
    """The input labels of all that a dataset's bundle holds."""
    return [dataset.record.__name__.lower(), *DATASET_NODES, *DATASET_EDGES]


def manifest_of(dataset: Dataset, made: GraphTables, version: str, table: Path) -> Manifest:
    """What the bundle of some records must hold, and the name of its build.

    made: nodes and edges of the records; table: where these are stored; version: its data version.
    """
    clean = all_writable(made)
    rows = Counter({label: rows.height for label, rows in {**made.nodes, **made.edges}.items()})
    pages = checksums.Pages()
    pages.add(*_of_experiments(dataset, clean))
    return _manifest(dataset, version, table, rows=rows, pages=pages.checksums(), clean=clean)


def gene_manifest(name: str, version: str, genes: int, table: Path) -> Manifest:
    """What the bundle of a genome must hold, `genes` nodes, and the name of its build."""
    return Manifest(build_key(name, version, ["gene"]), name, "Gene", table.name, {"Gene": genes}, {})


def _of_experiments(dataset: Dataset, clean: GraphTables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Experiments with their screen, and their edges, as a server gives them back: `build` and the ids of the edges go."""
    experiments = clean.nodes[dataset.record.__name__.lower()]
    screens = clean.edges["measured"]["source"]
    edges = clean.edges["perturbs"].rename({"target": "gene"}).drop("source")
    return experiments.drop("build").with_columns(screens.alias("screen")), edges


def _manifest(
    dataset: Dataset,
    version: str,
    table: Path,
    *,
    rows: Mapping[str, int],
    pages: list[dict[str, str]],
    clean: GraphTables,
) -> Manifest:
    under = clean.edges["under"].select(id="source", environment="target")
    shared = {**clean.nodes, "screen": clean.nodes["screen"].join(under, on="id", maintain_order="left")}
    return Manifest(
        build=build_of(dataset, version),
        dataset=dataset.name,
        record_class=dataset.record.__name__,
        table=table.name,
        nodes={label.capitalize(): n for label, n in rows.items() if label not in DATASET_EDGES},
        edges={label.upper(): n for label, n in rows.items() if label in DATASET_EDGES},
        pages=[checksums.together(page) for page in pages],
        columns=checksums.by_column(pages),
        shared={name.capitalize(): checksums.of_rows(shared[name].sort("uid")) for name in DATASET_NODES},
    )


def write(folder: Path, tables: GraphTables, manifest: Manifest) -> Path:
    """Write a bundle to `folder / <build>`; one that is already there, whole and unchanged, is left as it is.

    Returns the bundle's folder. Raises BundleError where BioCypher would only log: a property that the schema does
    not know, a row with other properties, a number that Java cannot parse, a row lost or doubled.
    """

    def fill(temporary: Path) -> Manifest:
        with writing(temporary) as writer:
            writer.write(all_writable(tables))
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
        screens, pages = [], checksums.Pages()
        with writing(temporary) as writer:
            for records in _batches(table):
                made = experiment_tables(dataset, records, build, rows[dataset.record.__name__.lower()])
                experiments = all_writable(made)
                rows.update(writer.write(experiments))
                pages.add(*_of_experiments(dataset, experiments))
                screens.append(screens_of(records))
            shared = all_writable(shared_tables(dataset, pl.concat(screens), build))
            rows.update(writer.write(shared))
        return _manifest(dataset, version, table, rows=rows, pages=pages.checksums(), clean=shared)

    return _build(folder, build, fill)


def _build(folder: Path, build: str, fill: Callable[[Path], Manifest]) -> Path:
    target = folder / build
    if _is_whole(target):
        return target
    with atomic_write_together(target) as (temporary,):
        temporary.mkdir()
        manifest = fill(temporary)
        _check_counts(temporary, manifest)
        (temporary / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1))
        lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(temporary.iterdir())]
        (temporary / CHECKSUMS).write_text("".join(lines))
    return target


def _is_whole(folder: Path) -> bool:
    """Whether every file of a bundle is there and holds what was written."""
    try:
        listed = [line.split("  ", 1) for line in (folder / CHECKSUMS).read_text().splitlines()]
        return bool(listed) and all(sha256_of(folder / name) == sha256 for sha256, name in listed)
    except (OSError, ValueError):
        return False


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


def read_table(folder: Path, name: str, part: int | None = None) -> pl.DataFrame:
    """One node or edge table of a bundle, typed by its BioCypher header; the label column is left out.

    name: `Fitness`, `Gene` ... or `PERTURBS` ...; edges get columns `source` and `target`. part: only this one of its files.
    """
    files = parts_of(folder, name)
    header = (folder / f"{name}-header.csv").read_text().rstrip("\n").split("\t")
    names = {":ID": "id", ":START_ID": "source", ":END_ID": "target", ":LABEL": "_label", ":TYPE": "_label"}
    columns = [names.get(entry, entry.split(":")[0]) for entry in header]
    seen = [column if columns.index(column) == at else f"_{at}" for at, column in enumerate(columns)]
    raw = pl.read_csv(
        files if part is None else files[part],
        separator="\t",
        has_header=False,
        new_columns=seen,
        schema_overrides=dict.fromkeys(seen, pl.String),
        raise_if_empty=False,
    )
    typed = [_typed(column, entry) for column, entry in zip(seen, header, strict=True) if not column.startswith("_")]
    return raw.select(column for column in typed if column.meta.output_name() != "preferred_id")


def experiments(folder: Path, manifest: Manifest) -> Iterator[pl.DataFrame]:
    """The experiments of a bundle with their edges, a batch of the bundle at a time, in the order of `ordinal`.

    Columns: `screen_uid`, the list of genes (`p_target`) and of each other column of the perturbations (`p_kind` ...), and
    the properties of the node. Raises BundleError where the files of a batch do not belong together.
    """
    names = (manifest.record_class, "MEASURED", "PERTURBS")
    numbers = {len(parts_of(folder, name)) for name in names}
    for part in range(max(numbers)):
        if len(numbers) > 1:
            raise BundleError(f"{folder} lacks a file: materialize its graph asset again.")
        nodes, measured, perturbs = (read_table(folder, name, part) for name in names)
        edges = perturbs.sort("source", "position").rename({n: f"p_{n}" for n in perturbs.columns if n != "source"})
        listed = edges.group_by(pl.col("source").alias("id"), maintain_order=True).agg(pl.exclude("source"))
        screens = measured.select(
            pl.col("target").alias("id"), screen_uid=pl.concat_str(pl.lit(manifest.build + "/"), "source")
        )
        joined = nodes.join(screens, on="id").join(listed, on="id").sort("ordinal")
        if joined.height != nodes.height or joined["p_target"].list.len().sum() != perturbs.height:
            raise BundleError(f"The files of batch {part} of {folder} do not belong together: materialize it again.")
        yield joined.select(
            "screen_uid", "p_target", pl.exclude("screen_uid", "p_target", *nodes.columns), *nodes.columns
        )


def _typed(column: str, entry: str) -> pl.Expr:
    kind = type_of(entry.split(":")[1] if ":" in entry and not entry.startswith(":") else "")
    if isinstance(kind, pl.List):
        return pl.col(column).str.split("|").cast(kind)
    return pl.col(column) == "true" if kind == pl.Boolean else pl.col(column).cast(kind)


def type_of(kind: str) -> Any:
    """The polars type of a property, from its type in a header of BioCypher or in `schema_config.yaml`."""
    return pl.List(type_of(kind[:-2])) if kind.endswith("[]") else _TYPES.get(kind, pl.String)


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
