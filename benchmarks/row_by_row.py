"""The same files by one Python object a row: csv and pydantic, BioCypher's own writer, one Bolt record an experiment.

What a person writes first, and what `full_size.py` puts beside the platform's way in the same run. Each function takes the folder
of a run, does its part in memory or in a temporary folder, and returns the CPU-seconds of this process without its start.
"""

import csv
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

NAME = "fitness_costanzo2016_pairs"
KINDS = {"dma": "deletion", "sn": "deletion", "tsa": "temperature_sensitive", "tsq": "temperature_sensitive"}
"""Strain code -> kind of allele."""


class Perturbation(BaseModel):
    gene: str = Field(pattern=r"^(Y[A-P][LR][0-9]{3}[WC](-[A-Z])?|Q[0-9]{4})$")
    kind: Literal["deletion", "damp", "temperature_sensitive", "suppressor"]
    allele: str = Field(min_length=1)
    zygosity: Literal["haploid"] = "haploid"
    role: Literal["query", "array"]


class Record(BaseModel):
    """A single mutant at one temperature."""

    id: str
    dataset: str
    row: int = Field(ge=1)
    column: str
    strain: str
    perturbations: list[Perturbation] = Field(min_length=1)
    genotype: str
    genes: str
    order: int = Field(ge=1)
    temperature: float = Field(ge=0, le=60)
    value: float = Field(ge=-0.5, le=5)
    uncertainty: float | None = Field(ge=0)
    samples: int = 4


class Cross(Record):
    """A double mutant, with what its screen says of it."""

    screen: str
    medium: str = "SGA selection plate"
    medium_class: str = "SGA plate"
    temperature_source: str = "stated"
    reference: str
    evidence: str = "measured"
    publication: str = "10.1126/science.aaf1420"
    uncertainty_type: str = "sample_sd"
    sample_unit: str = "colony"


def today_parse(folder: Path, rows: int) -> dict[str, Any]:
    """csv.DictReader and a pydantic model with its perturbations for each row of the pair files."""

    def perturbation(strain: str, allele: str, role: str) -> Perturbation:
        gene, code = strain.rsplit("_", 1)
        kind = "suppressor" if "-supp" in allele else KINDS.get(code.rstrip("0123456789"), "damp")
        return Perturbation(gene=gene, kind=kind, allele="delta" if kind == "deletion" else allele, role=role)

    started, records = time.process_time(), []
    for path in sorted((folder / "mirror" / "costanzo2016").glob("SGA_*.txt")):
        with path.open(newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), start=1):
                query, array, plate = row["Query Strain ID"], row["Array Strain ID"], row["Arraytype/Temp"]
                both = sorted(
                    (
                        perturbation(query, row["Query allele name"], "query"),
                        perturbation(array, row["Array allele name"], "array"),
                    ),
                    key=lambda one: one.gene,
                )
                blank = not row["Query single mutant fitness (SMF)"]
                sd = row["Double mutant fitness standard deviation"]
                records.append(
                    Cross(
                        id=f"{NAME}:{number}:{path.stem}",
                        dataset=NAME,
                        row=number,
                        column=path.stem,
                        screen=f"{NAME}:{query}:{plate}",
                        strain=f"{query} x {array}",
                        perturbations=both,
                        genotype=" + ".join(":".join((p.gene, p.kind, p.allele, p.zygosity)) for p in both),
                        genes="+".join(sorted({p.gene for p in both})),
                        order=2,
                        temperature=float(plate[-2:]),
                        reference="query strain" if blank else "wild type",
                        value=float(row["Double mutant fitness"]),
                        uncertainty=float(sd) if sd else None,
                    )
                )
    assert len(records) == rows
    return {"own_cpu": time.process_time() - started}


def today_bundle(folder: Path, rows: int) -> dict[str, Any]:
    """BioCypher's own writer, one tuple a node and one an edge."""
    import polars as pl

    from torchcell_assets.steps.datasets.publications.costanzo2016_pairs import FITNESS
    from torchcell_assets.steps.graph import tables, writer

    made = tables.record_tables(FITNESS, pl.read_parquet(folder / "datasets" / f"{NAME}.parquet"), "b")
    with tempfile.TemporaryDirectory(dir=folder) as place, writer.writing(Path(place)) as opened:
        started = time.process_time()
        for label, table in made.nodes.items():
            (entry,) = writer.schema_entries(label).values()
            lacking = [name for name in entry["properties"] if name not in table.columns]
            whole = writer.writable(table).with_columns(pl.lit(None).alias(name) for name in lacking)
            assert opened.biocypher.write_nodes(writer.node_rows(label, whole))
        for label, table in made.edges.items():
            assert opened.biocypher.write_edges(writer.edge_rows(label, writer.writable(table)))
        return {"own_cpu": time.process_time() - started}


def today_pages(folder: Path, rows: int) -> dict[str, Any]:
    """One Bolt record an experiment, with the list of its perturbations; the server's CPU counts too."""
    import neo4j
    import psutil
    from graph_in_out import row_by_row

    from torchcell_assets.neo4j_local import local_server
    from torchcell_assets.neo4j_local.supervisor import read_entry
    from torchcell_assets.steps.graph import read

    with local_server.serving(folder / "neo4j") as here:
        server = psutil.Process(read_entry(folder / "neo4j")["pid"])
        auth = (here.username, here.password)
        with neo4j.GraphDatabase.driver(here.uri, auth=auth, notifications_min_severity="OFF") as driver:
            [(build, _)] = read.current_builds(driver, here.database, [NAME]).values()
            started, wall, before = time.process_time(), time.monotonic(), sum(server.cpu_times()[:2])
            assert row_by_row(driver, build).height == rows
            spent = sum(server.cpu_times()[:2]) - before
    own = time.process_time() - started + spent
    return {"own_cpu": own, "own_seconds": time.monotonic() - wall}
