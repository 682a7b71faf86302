"""kill -9 at random moments of the main job over the tiny study: where the kills fell, and whether the next run ended with
the content of an undisturbed one and left nothing behind. Up to three kills hit one data root before it is let finish.

TORCHCELL_MIRROR=... PYTHONPATH=. python benchmarks/faults.py [kills]
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from torchcell_assets_tests import main_job

ROUND = 3


def undisturbed(root: Path) -> float:
    started = time.monotonic()
    code, said = main_job.run(root)
    if code:
        sys.exit(said)
    return time.monotonic() - started


def main(kills: int) -> int:
    fell: Counter[str] = Counter()
    wrong: list[str] = []
    rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "undisturbed"
        seconds = undisturbed(first)
        versions, tables = main_job.versions(first), main_job.tables(first)
        while fell.total() < kills:
            rounds += 1
            root = Path(folder) / str(rounds)
            moments = main_job.moments(rounds, seconds, min(ROUND, kills - fell.total()))
            fell.update(main_job.kill_again_and_again(root, moments))
            code, said = main_job.run(root)
            found = [] if code == 0 else [f"ended with {code}: {said.splitlines()[-1]}"]
            found += [] if main_job.versions(root) == versions else ["other data versions"]
            found += [] if main_job.tables(root) == tables else ["other bytes"]
            wrong += [f"root {rounds}: {what}" for what in [*found, *main_job.left_behind(root)]]
    table = Table(
        "where the kill fell", "kills", title=f"kill -9 of a main job of {seconds:.0f} s, {rounds} data roots"
    )
    for where, count in fell.most_common():
        table.add_row(where, str(count))
    table.add_row("all", str(fell.total()))
    table.add_row("all equal, nothing left behind", "yes" if not wrong else "NO")
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    print("\n".join(wrong))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)))
