"""Compare a data root of the study `screens` with what follows from the raw files, and print what differs.

TORCHCELL_MIRROR=... python -m benchmarks.audit DATA_ROOT [datasets] [merged] [representations] [trained]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from . import crosses, held, printed, samples, singles
from .compare import Line
from .pooling import Between, Key, Record, merged

RECORDS: dict[str, Callable[[], list[Record]]] = {
    "fitness_costanzo2016": singles.costanzo,
    "fitness_baryshnikova2010": singles.baryshnikova,
    "fitness_breslow2008": singles.breslow,
    "fitness_deutschbauer2005": singles.deutschbauer,
    "fitness_sga": crosses.fitness,
    "interaction_sga": crosses.interaction,
    "viability_deutschbauer2005": singles.deutschbauer_viability,
    "viability_deletion_project": singles.deletion_project,
}


@cache
def _records(dataset: str) -> list[Record]:
    return RECORDS[dataset]()


@cache
def _merged() -> tuple[dict[Key, Record], Between]:
    fitness = [name for name in RECORDS if name.startswith("fitness_")]
    return merged(record for name in fitness for record in _records(name) if not record.get("quarantined"))


@cache
def _sampled() -> dict[str, Record]:
    calls = [record for name in RECORDS if name.startswith("viability_") for record in _records(name)]
    return samples.all_of(_merged()[0], frozenset(record["genes"] for record in calls if not record["viable"]))


def _lines(root: Path, parts: list[str]) -> Iterator[Line]:
    if "datasets" in parts:
        yield from held.datasets(root, {name: _records(name) for name in RECORDS})
    if "merged" in parts:
        yield from held.merged(root, *_merged())
        yield from held.subsets(root, _sampled())
    if "representations" in parts:
        yield from held.representations(root)
    if "trained" in parts:
        yield from held.fits(root, samples.singles(_sampled()))
        yield held.scoreboard(root)


PARTS = ["datasets", "merged", "representations", "trained"]


def main(arguments: list[str] | None = None) -> int:
    """0 if everything agrees."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("root", type=Path, help="data root of the study `screens`")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"some of {', '.join(PARTS)}; all by default")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    mirror = os.environ.get("TORCHCELL_MIRROR")
    printed.FOLDERS[:] = [*([Path(mirror)] if mirror else []), asked.root / "raw"]
    started, wrong, compared = time.monotonic(), 0, 0
    print(f"{'what':<58}{'stored':>9}{'recomputed':>12}{'differing':>11}{'largest':>10}{'tolerance':>11}")
    for line in _lines(asked.root, asked.parts or PARTS):
        numbers = (
            f"{line.stored:>9,}{line.recomputed:>12,}{line.differing:>11,}{line.largest:>10.1e}{line.tolerance:>11.0e}"
        )
        print(f"{line.what:<58}{numbers}{'' if line.agrees else '  <--'}", flush=True)
        if not line.agrees:
            print(f"    {line.example[:300]}")
        wrong, compared = wrong + (not line.agrees), compared + 1
    print(f"{wrong} of {compared} differ; {time.monotonic() - started:.0f} s")
    return int(bool(wrong) or not compared)


if __name__ == "__main__":
    sys.exit(main())
