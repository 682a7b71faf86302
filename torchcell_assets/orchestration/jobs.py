"""What runs without a person: jobs by name, schedules, and the sensor that makes again what is outdated.

One job per step, cut where the partitions differ, in the order of the flow; `rebuild_outdated` makes again what is stored
and outdated; `verify` runs the checks alone. The sensor and the schedules are stopped unless TORCHCELL_AUTOMATION=on: one that
was left running would start work at the next boot, with whatever code is then deployed.
"""

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.step_resources import NEO4J_WRITE
from torchcell_assets.config.study import Study
from torchcell_assets.orchestration import graph_server, waves
from torchcell_assets.orchestration.execution import executor_of
from torchcell_assets.staleness import Standing, cell_name

FLOW = ("datasets", "graph", "merged", "representations", "baselines", "trained", "figure")
"""The jobs that make everything, upstream first."""


def _selections(study: Study) -> dict[str, tuple[dg.AssetSelection, str]]:
    """Job -> what it makes, and what a person reads of it."""
    baselines = dg.AssetSelection.assets(layout.key(study, "trained", "baselines"))
    scoreboard = dg.AssetSelection.assets(layout.key(study, "trained", "scoreboard"))
    return {
        "datasets": (dg.AssetSelection.groups("datasets"), "Raw files -> validated records."),
        "graph": (dg.AssetSelection.groups("graph"), "Records -> bundles -> Neo4j."),
        "merged": (
            dg.AssetSelection.groups("merged"),
            "Cypher -> de-duplicated table -> one sample -> its key-value store.",
        ),
        "representations": (dg.AssetSelection.groups("representations"), "Genes -> vectors, one representation."),
        "baselines": (baselines, "What every model has to beat, on one sample."),
        "trained": (
            dg.AssetSelection.groups("trained") - baselines - scoreboard,
            "Every model family on one sample and one representation.",
        ),
        "figure": (scoreboard, "All scores in one table and one figure."),
    }


_VERIFY = dg.define_asset_job(
    "verify",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Checks only: raw files as pinned, here and at their URLs; counts as published; stores and schema in sync.",
)


def sensor(on: bool) -> dg.AutomationConditionSensorDefinition:
    """Makes again what is outdated, as its condition says.

    on: whether it runs before anybody has started it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # `use_user_code_server`: pinned, driven by a test
        return dg.AutomationConditionSensorDefinition(
            "rebuild_when_outdated",
            target=dg.AssetSelection.groups("datasets", "graph", "merged"),
            use_user_code_server=True,  # the condition is a class of ours, which the daemon does not know
            default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
            description="Makes again what is stored and outdated of datasets, graph and merged, upstream first. "
            "Representations and models turn amber and wait for a person.",
        )


def rebuild_outdated(location: Callable[[], dg.Definitions]) -> dg.JobDefinition:
    """The job that makes again all that is stored and outdated; each batch is a run of its own, which the instance
    queues and launches like any other.

    location: gives the code location, once that is whole.
    """

    @dg.op(
        name="rebuild",
        pool="rebuild",  # one at a time: two that wait for their runs would hold all slots of a small queue
        description="Makes again what is outdated, batch by batch, upstream first.",
    )
    def op(context: dg.OpExecutionContext) -> None:
        with contextlib.ExitStack() as servers:

            def before(batch: Sequence[Standing]) -> None:
                context.log.info("\n".join(str(standing) for standing in batch))

            serve = lambda: graph_server.serve_graph(servers)  # noqa: E731
            executor = servers.enter_context(executor_of(context.instance, location(), context.run))
            done = waves.rebuild(context.instance, location(), executor=executor, before=before, serve=serve)
        told = [f"{cell_name(*cell)}: {why}" for cell, why in done.failed.items()]
        told += [str(verdict) for verdict in done.checks if verdict.error]
        context.add_output_metadata({"made": len(done.made), "failed": len(done.failed), "left": len(done.left)})
        if told:
            raise dg.Failure("\n".join(told), allow_retries=False)

    @dg.job(
        name="rebuild_outdated",
        description="Makes again what is stored and outdated, upstream first, and stops where the data did not change.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        op()

    return job


def _rebuild_graph(study: Study) -> dg.JobDefinition:
    @dg.op(
        name="import_bundles",
        pool=NEO4J_WRITE,
        description="Imports all current bundles into a new graph, verifies it, and lets it serve.",
    )
    def op(context: dg.OpExecutionContext) -> None:
        manifests = graph_server.rebuild_graph(context.instance, study, context.log.info)
        context.add_output_metadata({manifest.dataset: manifest.build for manifest in manifests})

    @dg.job(
        name="rebuild_graph",
        description="All bundles into a new local graph, beside the one that serves; the two change places once it is verified.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        op()

    return job


def jobs(study: Study) -> list[Any]:
    """One job per step, `verify` and `rebuild_graph`."""
    steps = [
        dg.define_asset_job(name, selection=selection, description=description)
        for name, (selection, description) in _selections(study).items()
    ]
    return [*steps, _VERIFY, _rebuild_graph(study)]


def schedules(rebuild: dg.JobDefinition, on: bool) -> list[dg.ScheduleDefinition]:
    """Nightly `rebuild_outdated`, weekly `verify`.

    on: whether they run before anybody has started them.
    """
    status = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(name="nightly_rebuild", job=rebuild, cron_schedule="0 2 * * *", default_status=status),
        dg.ScheduleDefinition(name="weekly_verify", job=_VERIFY, cron_schedule="0 6 * * 1", default_status=status),
    ]
