"""Millions of nodes and edges in BioCypher's files: its schema, labels and headers, the rows rendered by polars.

Belongs here: rendering columns as BioCypher's writer would, and telling it what was written. Does not: small entities, which
BioCypher writes itself (bundle.py), what the tables hold (tables.py).

BioCypher makes Python objects of each row: 58,000 rows per CPU-second; this makes none. It uses BioCypher's private writer, so
its version is pinned, and a test holds both ways of writing against each other, field by field.
"""

from pathlib import Path
from typing import Any

import polars as pl

_NUMBERS = {"int", "integer", "long", "float", "double", "dbl"}
_TRUTHS = {"bool", "boolean"}


class Bulk:
    """Writes whole tables beside a live BioCypher; each call appends one part file."""

    def __init__(self, biocypher: Any) -> None:
        if biocypher._writer is None:
            biocypher._initialize_writer()
        self._biocypher = biocypher
        self._writer = biocypher._writer
        self._entries = self._writer.translator.ontology.mapping.extended_schema
        self._labels = self._writer.translator._ontology_mapping

    def nodes(self, input_label: str, table: pl.DataFrame) -> None:
        """table: `id` and properties of the schema; ids differ, and hold no tab."""
        label, properties = self._entry(input_label)
        pascal = self._writer._get_all_labels(label, self._writer.node_labels_order)
        preferred = self._entries[label].get("preferred_id") or "id"
        types = {**properties, "id": "str", "preferred_id": "str"}
        rows = table.with_columns(pl.lit(preferred).alias("preferred_id"))
        cells = [self._cell(name, kind, rows.schema.get(name)) for name, kind in types.items()]
        self._write(label, rows.select(pl.col("id").alias(":ID"), *cells, pl.lit(pascal).alias(":LABEL")))
        self._writer.node_property_dict[label] = types
        self._biocypher._deduplicator.seen_entity_types.add(label)
        self._writer._write_node_headers()

    def edges(self, input_label: str, table: pl.DataFrame) -> None:
        """table: `source`, `target` and properties of the schema."""
        entry, properties = self._entry(input_label)
        label = self._entries[entry].get("label_as_edge") or entry
        kind = self._writer._get_all_labels(label, self._writer.edge_labels_order)
        cells = [self._cell(name, type_, table.schema.get(name)) for name, type_ in properties.items()]
        self._write(
            label,
            table.select(
                pl.col("source").alias(":START_ID"),
                *cells,
                pl.col("target").alias(":END_ID"),
                pl.lit(kind).alias(":TYPE"),
            ),
        )
        self._writer.edge_property_dict[label] = properties
        self._biocypher._deduplicator.seen_relationship_types.add(label)
        self._writer._write_edge_headers()

    def _entry(self, input_label: str) -> tuple[str, dict[str, str]]:
        label = self._labels[input_label]
        return label, dict(self._entries[label].get("properties") or {})

    def _cell(self, name: str, kind: str, dtype: pl.DataType | None) -> pl.Expr:
        column = pl.col(name)
        if dtype is None:  # a property that this table does not have
            return pl.lit("").alias(f"_{name}")
        if kind in _TRUTHS:
            text = column.cast(pl.String)
        elif kind in _NUMBERS:
            text = column.cast(pl.String)  # the shortest text that reads back as the same number
        elif isinstance(dtype, pl.List):
            text = self._quoted(column.cast(pl.List(pl.String)).list.join(self._writer.adelim))
        else:
            text = self._quoted(column.cast(pl.String))
        return text.fill_null("").alias(f"_{name}")

    def _quoted(self, text: pl.Expr) -> pl.Expr:
        quote = self._writer.quote
        return pl.concat_str(pl.lit(quote), text.str.replace_all(quote, quote * 2, literal=True), pl.lit(quote))

    def _write(self, label: str, rows: pl.DataFrame) -> None:
        pascal = self._writer.translator.name_sentence_to_pascal(label)
        parts = self._writer.parts.setdefault(label, [])
        part = f"{pascal}-part{len(parts):03d}.csv.gz"  # a tenth of the bytes; the importer reads it as it is
        rows.write_csv(
            Path(self._writer.outdir) / part,
            separator=self._writer.delim,
            include_header=False,
            quote_style="never",
            compression="gzip",
            compression_level=1,
        )
        parts.append(part)
