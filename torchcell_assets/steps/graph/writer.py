"""Nodes and edges into BioCypher's files: the few row by row through BioCypher, the many by columns; a guard for each pitfall.

Belongs here: BioCypher's configuration, its schema, what a value must be for its CSV and for Java. Does not: which files make
a bundle (bundle.py), rendering by columns (bulk.py).
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from torchcell_assets.steps.graph.bulk import Bulk
from torchcell_assets.steps.graph.tables import BundleError, GraphTables

HERE = Path(__file__).parent
SCHEMA_CONFIG = HERE / "schema_config.yaml"
BIOCYPHER_CONFIG = HERE / "biocypher_config.yaml"
DATASET_NODES = ("dataset", "publication", "environment", "screen")
DATASET_EDGES = ("contains", "published_in", "under", "measured", "perturbs")
FEW = ("gene", *DATASET_NODES, *DATASET_EDGES[:3])
"""Entities that BioCypher writes itself, row by row; the others go by columns."""

_ONE_AT_A_TIME = threading.Lock()  # BioCypher keeps its configuration in the module


def schema_entries(*labels: str) -> dict[str, Any]:
    """The entries of `schema_config.yaml` with these input labels."""
    entries = _parsed(SCHEMA_CONFIG.read_text())
    return {name: entry for name, entry in entries.items() if entry["input_label"] in labels}


@functools.cache
def _parsed(text: str) -> dict[str, Any]:
    # asked for by every asset of the step while the code location loads
    return yaml.safe_load(text)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator["Writer"]:
    """A writer of BioCypher's files into an empty folder."""
    with _ONE_AT_A_TIME:
        biocypher = _import_biocypher().BioCypher(
            biocypher_config_path=str(BIOCYPHER_CONFIG),
            schema_config_path=str(SCHEMA_CONFIG),
            output_directory=str(folder),
        )
        yield Writer(biocypher, Bulk(biocypher))
        if missing := biocypher.log_missing_input_labels():
            raise BundleError(f"{SCHEMA_CONFIG.name} has no entry for {', '.join(missing)}.")


@dataclass(frozen=True)
class Writer:
    """Appends tables to the files of one folder."""

    biocypher: Any
    bulk: Bulk

    def write(self, tables: GraphTables) -> dict[str, int]:
        """Write nodes and edges, whose values `writable` gave; returns rows by input label.

        Raises BundleError where BioCypher would only log: a property that the schema does not know, a row with others.
        """
        for label, table in tables.nodes.items():
            _known_properties(label, table.columns[1:])
            if label not in FEW:
                self.bulk.nodes(label, table)
            elif not self.biocypher.write_nodes(node_rows(label, table)):
                raise BundleError(
                    f"BioCypher refused the {label} nodes: their properties differ from {SCHEMA_CONFIG.name}."
                )
        for label, table in tables.edges.items():
            _known_properties(label, table.columns[2:])
            if label not in FEW:
                self.bulk.edges(label, table)
            elif not self.biocypher.write_edges(edge_rows(label, table)):
                raise BundleError(
                    f"BioCypher refused the {label} edges: their properties differ from {SCHEMA_CONFIG.name}."
                )
        return {label: table.height for label, table in {**tables.nodes, **tables.edges}.items()}


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


def all_writable(tables: GraphTables) -> GraphTables:
    """`writable` of each table."""
    return GraphTables(
        {label: writable(table) for label, table in tables.nodes.items()},
        {label: writable(table) for label, table in tables.edges.items()},
    )


def writable(table: pl.DataFrame) -> pl.DataFrame:
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


def node_rows(label: str, table: pl.DataFrame) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The rows of a node table as BioCypher takes them."""
    for row in table.iter_rows(named=True):
        yield row.pop("id"), label, row


def edge_rows(label: str, table: pl.DataFrame) -> Iterator[tuple[None, str, str, str, dict[str, Any]]]:
    """The rows of an edge table as BioCypher takes them."""
    for row in table.iter_rows(named=True):
        yield None, row.pop("source"), row.pop("target"), label, row
