"""Reading genotypes in random order: the key-value store by one, two and four processes, beside Parquet and DuckDB.

    PYTHONPATH=. python benchmarks/key_value.py [genotypes [seconds]]

Batches of 256 random genotypes out of one million doubles. Of Parquet, polars reads the rows of a batch by their rank;
DuckDB reads them by an indexed key. Building is CPU of this process for each genotype, the reading of the sample included.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from torchcell_assets.steps.merged import key_value, subsets
from torchcell_assets.steps.merged.key_value_store import KeyValueStore

BATCH = 256
TARGETS = {"fitness": "fitness (mutant / reference)"}
COLUMNS = ["genotype", "order", "split", "value", "standard_error"]


def sample(genotypes: int) -> pl.DataFrame:
    """A sample of gene pairs, made up."""
    genes = pl.Series("gene", [f"Y{chr(65 + i % 16)}L{i // 16:03d}W" for i in range(6000)])
    random = np.random.default_rng(0)
    first, second = (
        genes.gather(random.integers(0, 3000, genotypes)),
        genes.gather(random.integers(3000, 6000, genotypes)),
    )
    deleted = ":deletion:delta:haploid"
    return pl.DataFrame({"x": first, "y": second}).select(
        genotype=pl.format("{}{} + {}{}", "x", pl.lit(deleted), "y", pl.lit(deleted)),
        genes=pl.format("{}+{}", "x", "y"),
        order=pl.lit(2, dtype=pl.UInt8),
        split=pl.Series(random.choice(subsets.SPLITS, genotypes, p=[0.8, 0.1, 0.1])),
        evidence=pl.lit("measured"),
        pooling=pl.lit("single"),
        measurements=pl.lit(1, dtype=pl.UInt32),
        value=pl.Series(random.normal(0.9, 0.1, genotypes)),
        standard_error=pl.Series(random.uniform(0, 0.1, genotypes)),
        rank=pl.int_range(genotypes, dtype=pl.UInt32),
    )


def from_store(path: Path) -> Callable[[np.ndarray], object]:
    return KeyValueStore(path).read


def from_parquet(path: Path) -> Callable[[np.ndarray], object]:
    rows = pl.scan_parquet(path).select("rank", *COLUMNS)
    return lambda ranks: rows.filter(pl.col("rank").is_in(ranks.tolist())).collect()


def from_duckdb(path: Path) -> Callable[[np.ndarray], object]:
    connection = duckdb.connect(path, read_only=True, config={"threads": 1})
    columns = ", ".join(f"sample.{name}" for name in COLUMNS)
    query = f"SELECT {columns} FROM sample WHERE rank IN "
    return lambda ranks: connection.sql(f"{query}({', '.join(map(str, ranks.tolist()))})").fetchall()


def read(
    opened: Callable[[], Callable[[np.ndarray], object]], genotypes: int, seconds: float, seed: int
) -> tuple[float, float]:
    """Random genotypes a second by this process, and CPU-seconds for each."""
    one, random, done = opened(), np.random.default_rng(seed), 0
    one(random.integers(0, genotypes, BATCH))
    started, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        one(random.integers(0, genotypes, BATCH))
        done += BATCH
    return done / (time.perf_counter() - started), (time.process_time() - cpu) / done


def main() -> None:
    genotypes = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    table = Table("random genotypes from", "processes", "genotypes a second, all together", "us CPU each")
    with tempfile.TemporaryDirectory() as folder:
        parquet, store, database = (Path(folder) / name for name in ("s.parquet", "s.lmdb", "s.duckdb"))
        sample(genotypes).write_parquet(parquet, row_group_size=subsets.ROWS, compression="zstd")
        started = time.process_time()
        key_value.write(store, key_value.batches_of(parquet, TARGETS), "", TARGETS)
        built = (time.process_time() - started) / genotypes * 1e6
        with duckdb.connect(database) as connection:
            connection.execute(
                f"CREATE TABLE sample AS SELECT * FROM '{parquet}'; CREATE INDEX by_rank ON sample (rank)"
            )
        readers = [
            (f"key-value store, {BATCH} at once", partial(from_store, store), processes) for processes in (1, 2, 4)
        ]
        readers += [
            ("Parquet, polars by rank", partial(from_parquet, parquet), 1),
            ("DuckDB by indexed rank", partial(from_duckdb, database), 1),
        ]
        for name, opened, processes in readers:
            with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
                list(pool.map(time.sleep, [0.5] * processes))  # every process has started
                found = list(pool.map(partial(read, opened, genotypes, seconds), range(processes)))
            rate, cpu = np.array(found).T
            table.add_row(name, str(processes), f"{rate.sum():,.0f}", f"{cpu.mean() * 1e6:.1f}")
        size = store.stat().st_size / genotypes
    Console(width=110).print(f"{genotypes:,} genotypes; built in {built:.2f} us CPU each; {size:.0f} bytes each", table)


if __name__ == "__main__":
    main()
