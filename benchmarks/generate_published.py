"""Writes the four pair files of Costanzo 2016 in their published layout, at any size, with the truth beside them.

    python benchmarks/generate_published.py FOLDER --rows 1000000 --seed 1

The publishers' files cannot be downloaded by a script everywhere; these have their layout, and the real strain ids,
allele names and single-mutant fitness of Costanzo 2016 (`Sources`: TORCHCELL_MIRROR, or a download). The interactions are
made up: a smooth function of both alleles plus noise of the printed standard deviation. Nothing measured is in them, and
their sha256 is not the published one, so that only a benchmark can read them.

FOLDER is laid out like a mirror: `costanzo2016/SGA_NxN.txt` and so on, and two tables of what is true:

`costanzo2016/alleles.parquet`: `allele` (its number), `identity` (gene:kind:allele:zygosity, numbered in sorted order, so
    that first < second below is the order in a genotype).
`costanzo2016/truth.parquet`: one row per genotype and condition that must come out of a merge: `first`, `second`
    (numbers of alleles), `temperature`, `relative_to_query` (the query has no fitness, and the value is relative to it),
    `rows` (printed rows), `measurements` (those that differ in value or standard deviation), `total` (exact sum of their
    values in 1e-4), `weighted_mean` (by inverse variance; null where a standard deviation is 0).

How the 20,705,612 rows of the publication divide over its four files is not known here; the split is 61 : 28 : 4 : 7 for
NxN, ExN_NxE, ExE and DAmP. One query strain is crossed to all array strains, as in a screen; a twentieth of the screens
is done twice, at the same or at the other temperature; 3 % of the spots are missing, and so are crosses of a gene with
itself. The array and the query strain of one deletion, or of one allele, give reciprocal pairs. A query without a fitness
(its cell is blank) stands with 1 in the product: query fitness x array fitness + epsilon = double mutant fitness, to 1e-4,
in every row, as in the published samples. Published size: 33 CPU s, 1.3 GB of memory, 1.9 GB of files.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains

PUBLISHED_ROWS = 20_705_612
HEADER = (
    "Query Strain ID\tQuery allele name\tArray Strain ID\tArray allele name\tArraytype/Temp\t"
    "Genetic interaction score (ε)\tP-value\tQuery single mutant fitness (SMF)\tArray SMF\t"
    "Double mutant fitness\tDouble mutant fitness standard deviation\n"
)
# file -> share of rows, query strains, array strains, share at 26 degrees
CROSSES = {
    "SGA_NxN.txt": [(0.61, ("sn", "S"), "dma", 0.04)],
    "SGA_ExN_NxE.txt": [(0.207, ("tsq",), "dma", 0.43), (0.073, ("sn", "S"), "tsa", 0.92)],
    "SGA_ExE.txt": [(0.04, ("tsq",), "tsa", 1.0)],
    "SGA_DAmP.txt": [(0.06, ("damp",), "dma", 0.04), (0.01, ("damp",), "tsa", 0.92)],
}
MISSING, REPEATED, UNKNOWN_QUERY = 0.03, 0.05, 0.05
CHUNK = 250_000  # rows
PARTS = 16
SCALE = 10_000  # the files print four decimals
SD_BITS = 14


@dataclass(frozen=True)
class Strains:
    """The strain table as arrays over strains. smf: in 1e-4, one row per temperature (26, 30); -1 where unknown."""

    code: np.ndarray
    gene: np.ndarray
    rank: np.ndarray
    allele: np.ndarray
    head: pl.Series
    smf: np.ndarray
    latent: np.ndarray


def read_table(path: Path, folder: Path, rng: np.random.Generator) -> Strains:
    """The real strains; writes which alleles they carry. Genes get a random rank: a small file takes the first ones."""
    table = read_strains(path).with_columns(
        allele=pl.coalesce("published", pl.col("gene").str.to_lowercase()),
        kind=pl.when(pl.col("code") == "S").then(pl.lit("suppressor")).otherwise("kind"),
    )
    named = pl.when(pl.col("kind") == "deletion").then(pl.lit("delta")).otherwise("allele")
    table = table.with_columns(identity=pl.concat_str("gene", "kind", named, pl.lit("haploid"), separator=":"))
    alleles = table.select("identity").unique().sort("identity").with_row_index("allele")
    alleles.write_parquet(folder / "alleles.parquet")
    smf = [
        table[f"Single mutant fitness ({t}°)"].cast(pl.Float64, strict=False).fill_nan(None).fill_null(-1).to_numpy()
        for t in (26, 30)
    ]
    genes, gene = np.unique(table["gene"].to_numpy(), return_inverse=True)
    return Strains(
        code=table["code"].to_numpy(),
        gene=gene,
        rank=rng.permutation(len(genes))[gene],
        allele=table.select("identity").join(alleles, on="identity", maintain_order="left")["allele"].to_numpy(),
        head=table.select(pl.concat_str("strain", "allele", separator="\t")).to_series(),
        smf=np.where(np.array(smf) < 0, -1, np.rint(np.array(smf) * SCALE)).astype(np.int64),
        latent=rng.normal(0, 0.12, (alleles.height, 4)),
    )


def decimals(low: int, high: int) -> pl.Series:
    """Every number from `low` to `high` in 1e-4, as the files print it; now and then with the noise of a product."""
    return pl.Series([str(i * 0.0001 if i % 20 == 0 else i / SCALE) for i in range(low, high + 1)])


P_VALUES = pl.Series([str(float(f"{m}e-{k + 4}")) for k in range(14) for m in range(1000, 10_000)])
LOW, HIGH = -2 * SCALE, 3 * SCALE
NUMBERS = decimals(LOW, HIGH)
FITNESS = pl.concat([pl.Series([""]), pl.Series([str(i / SCALE) for i in range(3 * SCALE)])])  # -1: blank


def p_value_index(z: np.ndarray) -> np.ndarray:
    """Where in `P_VALUES` the one-sided probability of a score of `z` standard deviations is (an approximation)."""
    log = np.log10(0.5) - np.minimum(0.7 * np.abs(z) + 0.2 * z * z, 13.2)
    power = np.floor(log)
    return ((-power - 1) * 9000 + np.clip(np.rint(10 ** (log - power + 3)), 1000, 9999) - 1000).astype(np.int64)


def screens(queries: np.ndarray, cold: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(query strain, 0 for 26 or 1 for 30 degrees) without end: each query in turn, some of them twice."""
    while True:
        for query in queries:
            warm = int(rng.random() >= cold)
            yield int(query), warm
            if rng.random() < REPEATED:
                yield int(query), warm if rng.random() < 0.5 else 1 - warm


def crosses(
    strains: Strains, rows: int, codes: tuple[str, ...], array_code: str, cold: float, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Chunks of (query, array, temperature), `rows` rows in all."""
    by_rank = np.argsort(strains.rank, kind="stable")
    queries = by_rank[np.isin(strains.code[by_rank], codes)]
    arrays = by_rank[(strains.code[by_rank] == array_code) & (strains.smf.min(axis=0)[by_rank] >= 0)]
    side = round(np.sqrt(rows / (1 - MISSING) * len(arrays) / len(queries)))
    arrays = arrays[: max(4, min(side, len(arrays)))]
    per_chunk = max(1, CHUNK // len(arrays))
    endless = screens(queries, cold, rng)
    left = rows
    while left:
        chunk = np.array([next(endless) for _ in range(per_chunk)])
        query, warm = (np.repeat(column, len(arrays)) for column in chunk.T)
        array = np.tile(arrays, per_chunk)
        kept = np.flatnonzero((strains.gene[query] != strains.gene[array]) & (rng.random(len(array)) >= MISSING))[:left]
        left -= len(kept)
        yield query[kept], array[kept], warm[kept]


def measure(
    strains: Strains, unknown: np.ndarray, query: np.ndarray, array: np.ndarray, warm: np.ndarray, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One chunk: the cells to print, and `key`, `value`, `sd` of each row."""
    rng = np.random.default_rng(seed)
    query_smf = np.where(unknown[query], -1, strains.smf[warm, query])
    array_smf = strains.smf[warm, array]
    expected = np.rint(np.where(query_smf < 0, SCALE, query_smf) * array_smf / SCALE).astype(np.int64)
    sd = np.minimum(rng.gamma(2.5, 0.014 * SCALE, len(query)), (1 << SD_BITS) - 1).astype(np.int64)
    a, b = strains.allele[query].astype(np.int64), strains.allele[array].astype(np.int64)
    effect = np.einsum("ij,ij->i", strains.latent[a], strains.latent[b], dtype=float)
    epsilon = np.rint(SCALE * effect + sd * rng.standard_normal(len(query))).astype(np.int64)
    epsilon = np.clip(epsilon, -expected, SCALE)  # no fitness below 0
    value = expected + epsilon
    blank = query_smf < 0
    printed = pl.DataFrame(
        [
            strains.head.gather(query),
            strains.head.gather(array),
            (pl.Series(np.where(strains.code[array] == "dma", 0, 2) + warm)).replace_strict(
                {0: "DMA26", 1: "DMA30", 2: "TSA26", 3: "TSA30"}, return_dtype=pl.String
            ),
            NUMBERS.gather(epsilon - LOW),
            P_VALUES.gather(p_value_index(epsilon / np.maximum(sd, 1))),
            FITNESS.gather(query_smf + 1),
            FITNESS.gather(array_smf + 1),
            FITNESS.gather(value + 1),
            NUMBERS.gather(sd - LOW),
        ],
        schema=[str(n) for n in range(9)],
    )
    key = ((np.minimum(a, b) << 16 | np.maximum(a, b)) << 2) | (warm << 1) | blank
    return printed, pl.DataFrame({"key": key, "reading": (value << SD_BITS | sd).astype(np.int32)})


def truth(readings: list[pl.DataFrame]) -> pl.DataFrame:
    """What a merge must give; see the module. By ranges of the first allele: sorted, and lean."""
    key = pl.col("key")
    parts = []
    for part in range(PARTS):
        in_part = (key // (1 << 18) * PARTS // (1 << 13)).clip(0, PARTS - 1) == part
        distinct = pl.concat([reading.filter(in_part) for reading in readings]).group_by("key", "reading").len()
        value, sd = pl.col("reading").cast(pl.Int64) // (1 << SD_BITS), pl.col("reading") % (1 << SD_BITS)
        weight = 1.0 / (sd * sd).cast(pl.Float64)
        keys = distinct.group_by("key").agg(
            rows=pl.col("len").sum().cast(pl.UInt16),
            measurements=pl.len().cast(pl.UInt16),
            total=value.sum().cast(pl.Int32),
            weighted_mean=pl.when((sd > 0).all()).then((value * weight).sum() / weight.sum() / SCALE),
        )
        parts.append(
            keys.select(
                first=(key // (1 << 18)).cast(pl.UInt16),
                second=(key // 4 % (1 << 16)).cast(pl.UInt16),
                temperature=pl.when(key // 2 % 2 == 1).then(30).otherwise(26).cast(pl.UInt8),
                relative_to_query=key % 2 == 1,
                rows="rows",
                measurements="measurements",
                total="total",
                weighted_mean="weighted_mean",
            ).sort("first", "second", "temperature", "relative_to_query")
        )
    return pl.concat(parts)


def write_costanzo(folder: Path, singles: Path, rows: int, seed: int) -> None:
    """The four pair files, the strain table and the truth, below `folder/costanzo2016`."""
    place = folder / "costanzo2016"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(singles, folder / COSTANZO_2016_SINGLES.name)
    rng = np.random.default_rng(seed)
    strains = read_table(singles, place, rng)
    unknown = rng.random(len(strains.code)) < UNKNOWN_QUERY
    shares = np.array([cross[0] for several in CROSSES.values() for cross in several])
    sizes = np.diff(np.rint(rows * np.append(0, shares.cumsum())).astype(int)).tolist()
    readings = []
    for file, several in CROSSES.items():
        with (place / file).open("wb") as out:
            out.write(HEADER.encode())
            for _, codes, array_code, cold in several:
                for query, array, warm in crosses(strains, sizes.pop(0), codes, array_code, cold, rng):
                    printed, reading = measure(strains, unknown, query, array, warm, int(rng.integers(1 << 62)))
                    printed.write_csv(out, include_header=False, separator="\t", quote_style="never")
                    readings.append(reading)
    truth(readings).write_parquet(place / "truth.parquet")


def main() -> None:
    """Write the files and say what they cost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=PUBLISHED_ROWS, help="rows of the four Costanzo files together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    mirror = os.environ.get("TORCHCELL_MIRROR")
    with tempfile.TemporaryDirectory() as cache:
        sources = Sources(cache=Path(cache), mirror=Path(mirror) if mirror else None)
        wall, cpu = time.monotonic(), time.process_time()
        write_costanzo(options.folder, sources.path(COSTANZO_2016_SINGLES), options.rows, options.seed)
        print(
            f"costanzo2016: {options.rows:,} rows, {time.process_time() - cpu:.1f} CPU s, {time.monotonic() - wall:.1f} s"
        )


if __name__ == "__main__":
    main()
