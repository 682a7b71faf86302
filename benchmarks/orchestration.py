"""What orchestration itself costs: one tick of the rebuild condition over 10,000 stored cells, and one partition made by a run of
its own in this process.

    python benchmarks/orchestration.py [cells]

The tick stands beside Dagster's `eager()` over the same history; a tenth of the cells is outdated. The run stands beside an
asset without declarations, records or checks, on an instance in memory and on SQLite.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from outdated import code_location, store
from rich.console import Console
from rich.table import Table

from torchcell_assets.schema import Score
from torchcell_assets.staleness import step
from torchcell_assets.staleness.checks import schema_in_sync
from torchcell_assets.staleness.condition import REBUILD
from torchcell_assets.storage.publish import publish

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PARTITIONS = dg.StaticPartitionsDefinition([f"p{i}" for i in range(20)])


# ---- the tick -----------------------------------------------------------------------------------------------------------
def ticks(condition: dg.AutomationCondition, cells: int) -> tuple[float, float, int]:
    """CPU-s of the first and of the second tick, and how many cells the first asks for."""
    bare = code_location(cells)
    [everything] = bare.assets
    location = dg.Definitions(assets=[everything.map_asset_specs(lambda spec: _with(spec, condition))])
    with dg.DagsterInstance.ephemeral() as instance:
        store(instance, location.resolve_asset_graph(), cells)
        spent, cursor, asked = [], None, []
        for _ in range(2):
            started = time.process_time()
            found = dg.evaluate_automation_conditions(location, instance, cursor=cursor)
            spent.append(time.process_time() - started)
            asked.append(found.total_requested)
            cursor = found.cursor
    return spent[0], spent[1], asked[0]


def _with(spec: dg.AssetSpec, condition: dg.AutomationCondition) -> dg.AssetSpec:
    return spec.replace_attributes(automation_condition=condition)


# ---- the run ------------------------------------------------------------------------------------------------------------
@dg.asset(partitions_def=PARTITIONS)
def bare() -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion("A"))


def as_here(folder: Path) -> dg.Definitions:
    """An asset as the steps declare it: a validated table of 100 rows, stored, with the check of its standing."""
    rows = Score.sample(100)

    def scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return publish(folder / f"{context.partition_key}.parquet", Score, rows)

    scores.__module__ = "torchcell_assets.steps.trained.assets"  # the folder says which step an asset belongs to
    asset = step(uses=[Score], partitions_def=PARTITIONS)(scores)
    made = dg.Definitions(assets=[asset], asset_checks=[schema_in_sync(asset, lambda: made.resolve_asset_graph())])  # noqa: PLW0108
    return made


def per_partition(location: dg.Definitions, instance: dg.DagsterInstance) -> tuple[float, float]:
    """CPU-ms and ms of one run that makes one partition; the first run, which warms up, is not counted."""
    job = location.resolve_implicit_global_asset_job_def()
    keys = PARTITIONS.get_partition_keys()
    job.execute_in_process(partition_key=keys[0], instance=instance, run_config=QUIET)
    cpu, started = time.process_time(), time.perf_counter()
    for key in keys[1:]:
        job.execute_in_process(partition_key=key, instance=instance, run_config=QUIET)
    runs = len(keys) - 1
    return (time.process_time() - cpu) / runs * 1000, (time.perf_counter() - started) / runs * 1000


@contextmanager
def instances() -> Iterator[dict[str, Callable[[], dg.DagsterInstance]]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {
            "in memory": dg.DagsterInstance.ephemeral,
            "SQLite": lambda: dg.DagsterInstance.local_temp(tempfile.mkdtemp(dir=folder)),
        }


def main() -> None:
    warnings.simplefilter("ignore", dg.BetaWarning)
    console = Console(width=None if sys.stdout.isatty() else 100)
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    table = Table(
        "condition", "first tick (CPU-s)", "second (CPU-s)", "asked for", title=f"A tick over {cells:,} cells"
    )
    for name, condition in {"rebuild": REBUILD, "Dagster's eager()": dg.AutomationCondition.eager()}.items():
        first, second, asked = ticks(condition, cells)
        table.add_row(name, f"{first:.2f}", f"{second:.2f}", f"{asked:,}")
    console.print(table)
    table = Table("asset", "instance", "CPU-ms", "ms", title="A run that makes one partition, in this process")
    with instances() as made, tempfile.TemporaryDirectory() as folder:
        for place, instance in made.items():
            for name, location in {"bare": dg.Definitions(assets=[bare]), "as here": as_here(Path(folder))}.items():
                with instance() as here:
                    cpu, wall = per_partition(location, here)
                table.add_row(name, place, f"{cpu:.0f}", f"{wall:.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
