"""What a live load sends, read back from the bundle beside the same made again from the stored records: CPU-seconds.

    python benchmarks/live_load_source.py [records]

No server is needed: to send the rows costs the same either way (`graph_in_out.py`). Both are held against each other, row by row.
Ends with 1 where they differ.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.graph_in_out import NAME, double_mutants
from torchcell_assets.schema import Fitness
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, tables, writer


def from_records(dataset: Dataset, stored: Path, build: str) -> Iterator[pl.DataFrame]:
    """What `bundle.experiments` gives, from the records: nothing is joined, as nodes and edges are in one order."""
    first = 0
    for records in bundle._batches(stored):
        made = writer.all_writable(tables.experiment_tables(dataset, records, build, first))
        first += records.height
        nodes, edges = made.nodes["fitness"], made.edges["perturbs"]
        lists = edges.group_by("source", maintain_order=True).agg(
            pl.col(name).alias(f"p_{name}") for name in edges.columns if name != "source"
        )
        screens = pl.concat_str(pl.lit(f"{build}/"), made.edges["measured"]["source"])
        both = pl.concat([nodes.with_columns(screen_uid=screens), lists.drop("source")], how="horizontal")
        yield both.select("screen_uid", "p_target", *lists.columns[2:], *nodes.columns)


def seconds(parts: Iterator[pl.DataFrame]) -> tuple[float, int]:
    before, rows = time.process_time(), 0
    for part in parts:
        rows += part.height
    return time.process_time() - before, rows


def main(records: int = 1_000_000) -> int:
    dataset = Dataset(
        NAME, Fitness, (), lambda: Parsed(pl.LazyFrame()), "benchmark", "none", "10.1/benchmark", "CC0-1.0", records
    )
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "records.parquet"
        double_mutants(records).write_parquet(stored, compression="zstd")
        written = bundle.write_records(Path(folder) / "bundles", dataset, "1", stored)
        manifest = bundle.read_manifest(written)
        for name, parts in (
            ("read back from the bundle", bundle.experiments(written, manifest)),
            ("made from the records", from_records(dataset, stored, manifest.build)),
        ):
            taken, rows = seconds(parts)
            print(f"{name:<28}{rows:>12,} experiments {taken / records * 1e6:>6.2f} CPU-s a million")
        pairs = zip(bundle.experiments(written, manifest), from_records(dataset, stored, manifest.build), strict=True)
        return int(not all(back.equals(made.select(back.columns).cast(dict(back.schema))) for back, made in pairs))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
