"""kill -9 at random moments of the main job over the tiny study: where the kills fell, and whether the next run ended with
the content of an undisturbed one and left nothing behind. Up to six kills hit one data root before it is let finish.
Ctrl-C ends it with the table of the data roots that were finished.

TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/faults.py [--kills 200]
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from torchcell_assets_tests import main_job

ROUND = 6


def undisturbed(root: Path) -> float:
    started = time.monotonic()
    code, said = main_job.run(root)
    if code:
        sys.exit(said)
    return time.monotonic() - started


def main(kills: int, seed: int) -> int:
    fell: list[main_job.Kill] = []
    wrong: list[str] = []
    rounds = 0
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        contextlib.suppress(KeyboardInterrupt),
    ):  # Ctrl-C shows what there is
        first = Path(folder) / "undisturbed"
        seconds = undisturbed(first)
        versions, tables = main_job.versions(first), main_job.tables(first)
        while len(fell) < kills:
            root = Path(folder) / str(rounds + 1)
            moments = main_job.moments(seed + rounds, seconds, min(ROUND, kills - len(fell)))
            here = main_job.kill_again_and_again(root, moments)
            code, said = main_job.run(root)
            found = [] if code == 0 else [f"ended with {code}: {said.splitlines()[-1]}"]
            found += [] if main_job.versions(root) == versions else ["other data versions"]
            found += [] if main_job.tables(root) == tables else ["other bytes"]
            rounds += 1
            wrong += [f"root {rounds}: {what}" for what in [*found, *main_job.left_behind(root)]]
            fell += here
            print(f"{len(fell)} kills, {len(wrong)} wrong:", *(kill.job for kill in here), file=sys.stderr, flush=True)
            shutil.rmtree(root)
    if fell:
        show(fell, f"kill -9 of a main job of {seconds:.0f} s, {rounds} data roots")
        print("\n".join(wrong) or "Every data root ended with equal content, and nothing was left behind.")
    return len(wrong)


def show(fell: Sequence[main_job.Kill], title: str) -> None:
    table = Table("where the kill fell", "kills", "share", title=title)
    for where, count in Counter(kill.job for kill in fell).most_common():
        table.add_row(where, str(count), f"{count / len(fell):.0%}")
    table.add_section()
    for where, count in {
        "all": len(fell),
        "while the graph server ran": sum(kill.graph for kill in fell),
        "while a file was being written": sum(kill.writing for kill in fell),
    }.items():
        table.add_row(where, str(count), f"{count / len(fell):.0%}")
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments; each data root takes the next one")
    sys.exit(min(1, main(**vars(parser.parse_args()))))
