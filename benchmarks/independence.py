"""What it costs to look for screens that are combinations of others, beside reading the same columns: CPU-seconds and memory.

    python benchmarks/independence.py [SCREENS] [STRAINS]        (1,500 x 3,800; the published size is 5,400 x 3,800)

One screen of the made-up table is a weighted mean of three others; it has to be found, and no other.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.steps.datasets.independence import combinations

MEAN, PARTS = 7, [20, 21, 22]
AT_ONCE = 250  # screens


def write(path: Path, screens: int, strains: int) -> None:
    """Crosses as Costanzo 2016 has them: what the array strain grows like, and noise of each screen."""
    draw = np.random.default_rng(0)
    of_strain = 1 - 0.15 * draw.random(strains)
    parts = 0.03 * draw.standard_normal((len(PARTS), strains))
    arrays = pl.select(array=pl.format("YAL{}W_dma{}", pl.int_range(strains), pl.int_range(strains))).to_series()
    folder = path.parent / "parts"
    folder.mkdir()
    for first in range(0, screens, AT_ONCE):
        rows = []
        for at in range(first, min(first + AT_ONCE, screens)):
            noise = parts[PARTS.index(at)] if at in PARTS else 0.03 * draw.standard_normal(strains)
            noise = np.array([0.2, 0.3, 0.5]) @ parts if at == MEAN else noise
            query = f"YBL{at}W_sn{at}"
            value = pl.Series("value", of_strain + noise)
            rows.append(pl.DataFrame({"value": value, "array": arrays}).select(
                "value", screen=pl.lit(f"made_up:{query}"), query=pl.lit(query), strain=pl.lit(f"{query} x ") + pl.col("array")
            ))  # fmt: skip
        pl.concat(rows).write_parquet(folder / f"{first:06d}.parquet")
    pl.scan_parquet(folder / "*.parquet").sink_parquet(path)


def cpu() -> float:
    """CPU-seconds of this process so far."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def main(screens: int, strains: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crosses.parquet"
        write(path, screens, strains)
        start = cpu()
        pl.read_parquet(path, columns=["screen", "query", "strain", "value"])
        read, start, wall = cpu() - start, cpu(), time.perf_counter()
        found, compared = combinations(path)
        spent, wall = cpu() - start, time.perf_counter() - wall
    assert [one.screen for one in found if one.is_mean] == [f"made_up:YBL{MEAN}W_sn{MEAN}"], found
    print(f"{screens:,} screens x {strains:,} strains = {screens * strains:,} records; {compared:,} screens compared")
    print(f"{'':28}{'CPU-s':>8}{'ratio':>8}")
    print(f"{'read the four columns':28}{read:8.1f}{1:8.1f}")
    print(f"{'look for combinations':28}{spent:8.1f}{spent / read:8.1f}   ({wall:.0f} s)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    main(*(given + [1_500, 3_800][len(given) :]))
