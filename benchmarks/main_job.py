"""The main job by step: `make run` on a fresh data root, its runs timed by Dagster, and a second run that finds all in sync.

TORCHCELL_MIRROR=... python benchmarks/main_job.py
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

from rich.console import Console
from rich.table import Table


def main_job() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "torchcell_assets", "run"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        os.environ |= {"TORCHCELL_DATA": root, "DAGSTER_HOME": f"{root}/dagster"}
        first, second = main_job(), main_job()
        import dagster as dg

        table = Table("job", "runs", "seconds", title="make run on a fresh data root")
        spent: dict[str, list[float]] = defaultdict(list)
        with dg.DagsterInstance.get() as instance:
            for record in instance.get_run_records():
                spent[record.dagster_run.job_name].append((record.end_time or 0) - (record.start_time or 0))
        for job, seconds in reversed(spent.items()):
            table.add_row(job, str(len(seconds)), f"{sum(seconds):.1f}")
        table.add_row("all, with start-up and planning", "", f"{first:.1f}")
        table.add_row("again, all in sync", "", f"{second:.1f}")
        Console().print(table)
