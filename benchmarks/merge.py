"""The merge of many records: CPU, wall time and memory by size, with groups and sums known in integers.

    python benchmarks/merge.py [records ...]     # 20,700,000 by default

Records come in reciprocal pairs and repeats, as the large screens do: 20.7 M records of 13.5 M double mutants. Beside
it: plain GROUP BY over texts in DuckDB (group_by.sql), up to 3,000,000 records or as far as GROUP_BY_UP_TO says, for the
disk that it spills to grows with the records; and at 200,000 records polars on one table in memory, and pandas row by row.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from torchcell_assets.steps.graph.read import EDGES, PAGE, ROWS

RECORDS = 20_700_000
SMALL = 200_000
GROUP_BY_UP_TO = int(float(os.environ.get("GROUP_BY_UP_TO", "3e6")))
GENES, PARTNERS = 6_000, 2_250
RECORDS_A_GENOTYPE = 20.7 / 13.5


def genotypes(records: int) -> int:
    return max(1, int(records / RECORDS_A_GENOTYPE))


def write_pages(folder: Path, records: int) -> None:
    """Record i is repeat i // genotypes of genotype i % genotypes; every second repeat is the reciprocal cross."""
    names = pl.Series(
        f"Y{'ABCDEFGHIJKLMNOP'[at // 400]}{'LR'[at // 200 % 2]}{at % 200 + 1:03d}{'WC'[at % 2]}" for at in range(GENES)
    )
    folder.mkdir(parents=True)
    for low in range(0, records, PAGE):
        at = np.arange(low, min(low + PAGE, records))
        genotype, repeat = at % genotypes(records), at // genotypes(records)
        query = genotype // PARTNERS % GENES
        array = (query + 1 + genotype % PARTNERS) % GENES
        pairs = np.where(repeat % 2 == 1, [array, query], [query, array])
        rows = pl.DataFrame({"ordinal": at, "value": value_millionths(genotype, repeat) / 1e6}).with_columns(
            id=pl.format("fitness_benchmark:{}:26C", "ordinal"), dataset=pl.lit("fitness_benchmark"),
            publication=pl.lit("10.1/benchmark"), laboratory=pl.lit("benchmark"), query=names[query], assay=pl.lit("colony size"),
            reference=pl.lit("wild type"), medium_class=pl.lit("SGA plate"),
            temperature=pl.Series(26.0 + 4.0 * (genotype // (PARTNERS * GENES))), evidence=pl.lit("derived"),
            upper_bound=pl.lit(None, dtype=pl.Float64), uncertainty=0.05, uncertainty_type=pl.lit("sample_sd"), samples=4,
            query_error=0.01, array_error=pl.lit(None, dtype=pl.Float64),
        )  # fmt: skip
        edges = pl.DataFrame({"ordinal": np.repeat(at, 2), "gene": names[pairs.T.ravel()]}).with_columns(
            kind=pl.lit("deletion"), allele=pl.lit("delta"), zygosity=pl.lit("haploid")
        )
        rows.write_parquet(folder / f"{low:012d}{ROWS}")
        edges.write_parquet(folder / f"{low:012d}{EDGES}")


def value_millionths(genotype: np.ndarray, repeat: np.ndarray) -> np.ndarray:
    return 100_000 + genotype % 1000 * 700 + repeat * 50_000


def refuse_wrong_result(path: Path, records: int) -> int:
    """Every genotype has its number of repeats and the mean of their values. Returns the number of groups."""
    from torchcell_assets.steps.merged import merged_table

    groups = genotypes(records)
    total = wrong = 0
    repeats, rest = divmod(records, groups)
    for first in range(0, groups + 1, 1_000_000):
        where = "rowid >= ? AND rowid < ?"
        found = merged_table.read(path, where, [first, first + 1_000_000], columns=["value", "measurements", "records"])
        at = found["records"].list.first().str.split(":").list.get(1).cast(pl.Int64).to_numpy() % groups
        expected = repeats + (at < rest)
        mean = value_millionths(at, np.zeros_like(at)) + 25_000 * (expected - 1)
        wrong += int((found["measurements"].to_numpy() != expected).sum())
        wrong += int((np.rint(found["value"].to_numpy() * 1e6) != mean).sum())
        wrong += int((found["records"].list.len().to_numpy() != expected).sum())
        total += found.height
    if wrong or total != groups:
        raise SystemExit(f"{wrong:,} wrong rows, {total:,} groups instead of {groups:,}")
    return groups


def refuse_other_numbers(plain: Path, merged: Path) -> int:
    """The plain table has the rows of the merged one, with the same numbers. Returns the number of groups."""
    same = ("measurements", "samples", "records", "publications", "genes", '"order"')
    differs = " OR ".join(f"plain.{name} IS DISTINCT FROM merged.{name}" for name in same)
    # what is summed over floats, in whatever order: to nine digits
    differs += "".join(
        f" OR abs(plain.{name} - merged.{name}) > 1e-9 OR (plain.{name} IS NULL) <> (merged.{name} IS NULL)"
        for name in ("value", "standard_error", "shared_error", "heterogeneity")
    )
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{plain}' AS p (READ_ONLY); ATTACH '{merged}' AS m (READ_ONLY)")
        count = f"SELECT count(*), count(*) FILTER (WHERE {differs})"
        key = "(genotype, temperature, medium_class, assay, reference, evidence)"
        groups, wrong = connection.sql(
            f"{count} FROM p.fitness plain FULL JOIN m.fitness merged USING {key}"
        ).fetchall()[0]
    if wrong:
        raise SystemExit(f"{wrong:,} of {groups:,} rows differ from what plain GROUP BY makes")
    return groups


MEASURED = """
import json, resource, sys, time
from pathlib import Path
{body}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps(dict(parts=parts, wall=wall, cpu=sum(parts.values()), rss=used.ru_maxrss / 1e6, content=content)))
"""
MERGE = """
from torchcell_assets.schema import MergedFitness
from torchcell_assets.steps.merged import merge, pooled, pooling, runs
from torchcell_assets.steps.merged.phenotypes import FITNESS
parts = {}
def timed(module, name, part):
    real = getattr(module, name)
    def wrapped(*arguments, **options):
        start = time.process_time()
        try:
            return real(*arguments, **options)
        finally:
            parts[part] = parts.get(part, 0) + time.process_time() - start
    setattr(module, name, wrapped)
timed(runs, "survey", "number identities")
timed(runs, "write", "pages to sorted runs")
timed(runs, "_bucket", "read and sort a bucket")
timed(pooled, "measurements", "what is one measurement")
timed(merge.Differences, "add", "differences between publications")
timed(pooling, "numbers", "pool")
timed(pooled, "texts", "texts of genotypes")
timed(pooled, "lists", "lists of records")
timed(pooled, "perturbations", "perturbations")
timed(merge, "append", "write")
timed(merge.ContentHash, "update", "content hash")
timed(MergedFitness, "validate", "validate")
begin, start = time.perf_counter(), time.process_time()
content = merge.merge(Path(sys.argv[1]), Path(sys.argv[2]), FITNESS, threads=int(sys.argv[3])).data_version
parts["the rest"] = time.process_time() - start - sum(parts.values())
wall = time.perf_counter() - begin
"""
GROUP_BY = """
import duckdb, threading, time
pages, path, spilled, threads, sql = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
path.unlink(missing_ok=True)
config = {"threads": threads, "memory_limit": "1200MB", "temp_directory": str(spilled), "preserve_insertion_order": False}
peak = [0]
def watch():
    while True:
        try:
            peak[0] = max(peak[0], sum(file.stat().st_size for file in spilled.rglob("*") if file.is_file()))
        except OSError:  # it has just been removed
            pass
        time.sleep(0.2)
threading.Thread(target=watch, daemon=True).start()
begin, start = time.perf_counter(), time.process_time()
with duckdb.connect(path, config=config) as connection:
    connection.execute("SET force_compression = 'zstd'")
    for statement in Path(sql).read_text().split(";\\n"):
        if statement.strip():
            connection.execute(statement.replace("$pages", f"'{pages}'"))
    connection.execute("CHECKPOINT")
wall, parts, content = time.perf_counter() - begin, {"all": time.process_time() - start}, f"{peak[0] / 1e9:.1f} GB spilled"
"""
IN_MEMORY = """
import polars as pl
pages = Path(sys.argv[1])
begin, start = time.perf_counter(), time.process_time()
identity = pl.concat_str("gene", "kind", "allele", "zygosity", separator=":")
edges = pl.read_parquet(pages / "*.edges.parquet").group_by("ordinal").agg(genotype=identity.sort().str.join(" + "))
rows = pl.read_parquet(pages / "*.rows.parquet").join(edges, on="ordinal")
key = ["genotype", "temperature", "medium_class", "assay", "reference", "evidence"]
merged = rows.group_by(key).agg(pl.col("value").mean(), records=pl.col("id").sort()).sort(key)
merged.write_parquet(sys.argv[2])
wall, parts, content = time.perf_counter() - begin, {"all": time.process_time() - start}, ""
"""
ROW_BY_ROW = """
import pandas as pd
import polars as pl
pages = Path(sys.argv[1])
rows = pl.read_parquet(pages / "*.rows.parquet").to_pandas()
edges = pl.read_parquet(pages / "*.edges.parquet").to_pandas()
begin, start = time.perf_counter(), time.process_time()
texts = {}
for edge in edges.itertuples():
    texts.setdefault(edge.ordinal, []).append(":".join((edge.gene, edge.kind, edge.allele, edge.zygosity)))
groups = {}
for _, row in rows.iterrows():
    key = (" + ".join(sorted(texts[row.ordinal])), row.temperature, row.medium_class, row.assay, row.reference, row.evidence)
    groups.setdefault(key, []).append((row.value, row.id))
merged = [(*key, sum(v for v, _ in g) / len(g), sorted(i for _, i in g)) for key, g in groups.items()]
pd.DataFrame(sorted(merged)).to_pickle(sys.argv[2])
wall, parts, content = time.perf_counter() - begin, {"all": time.process_time() - start}, ""
"""


def in_a_process(body: str, *arguments: object) -> dict:
    command = [sys.executable, "-c", MEASURED.format(body=body), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main(sizes: list[int]) -> None:
    table = Table("what", "records", "groups", "threads", "CPU-s", "ns a record", "wall s", "peak GB", "content")
    parts = Table("part of the merge", "CPU-s", "ns a record", title=f"{max(sizes):,} records, 2 threads")

    def add(what: str, records: int, groups: int, threads: int, told: dict) -> None:
        each = f"{told['cpu'] / records * 1e9:,.0f}"
        numbers = f"{told['cpu']:.1f}", each, f"{told['wall']:.1f}", f"{told['rss']:.2f}", told["content"]
        table.add_row(what, f"{records:,}", f"{groups:,}", str(threads), *numbers)

    with tempfile.TemporaryDirectory() as folder:
        for records in sorted({SMALL, *sizes}):
            pages, path = Path(folder) / f"{records}", Path(folder) / "fitness.duckdb"
            start = time.perf_counter()
            write_pages(pages, records)
            print(f"{records:,} records made in {time.perf_counter() - start:.0f} s", flush=True)
            contents = set()
            for threads in (2, 1, 4):
                told = in_a_process(MERGE, pages, path, threads)
                contents.add(told["content"])
                add("merge", records, refuse_wrong_result(path, records), threads, told)
                if threads == 2 and records == max(sizes):
                    for name, seconds in sorted(told["parts"].items(), key=lambda part: -part[1]):
                        parts.add_row(name, f"{seconds:.1f}", f"{seconds / records * 1e9:,.0f}")
            assert len(contents) == 1, contents
            if records <= GROUP_BY_UP_TO:
                plain, sql = Path(folder) / "plain.duckdb", Path(__file__).with_name("group_by.sql")
                told = in_a_process(GROUP_BY, pages, plain, Path(folder) / "spilled", 2, sql)
                add("plain GROUP BY", records, refuse_other_numbers(plain, path), 2, told)
            if records == SMALL:
                for name, body in (("polars, one table in memory", IN_MEMORY), ("pandas, row by row", ROW_BY_ROW)):
                    add(name, records, genotypes(records), 2, in_a_process(body, pages, Path(folder) / "out"))
    Console(width=120).print(table, parts)


if __name__ == "__main__":
    main([int(float(size)) for size in sys.argv[1:]] or [RECORDS])
