"""How one batch is executed: in this process, or as a run of its own that is submitted to the instance.

Belongs here: one run and what came of it, as the event log tells it. Does not: which batch comes next (engine.py).

A terminal executes in its own process. Where a run was launched from a code location, what it starts is submitted to the same
one: so the queue, its limits and pools, run monitoring and the run launcher see it, and who terminates the one run terminates the
other.
"""

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError, chain
from torchcell_assets.orchestration.graph_server import serve_graph
from torchcell_assets.staleness import Standing
from torchcell_assets.staleness.checks import NO_NETWORK, WHOLE_ASSET
from torchcell_assets.staleness.dagster_internals import (
    BaseAssetGraph,
    DagsterAssetCheckFailedError,
    make_new_run_id,
    opened_workspace,
    partition_tags,
    submit_run,
)
from torchcell_assets.staleness.history import WAS_OUTDATED

if TYPE_CHECKING:
    from torchcell_assets.staleness.dagster_internals import WorkspaceProcessContext

PARENT = "dagster/parent_run_id"
"""Tag of a submitted run: the run that has submitted it, which its page then names."""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_LOOK = 1.0  # seconds between two looks at a run that somebody else executes


@dataclass(frozen=True)
class Executed:
    """What came of one run: the assets that it made, the checks that it executed, and the sentence of each step that failed."""

    made: frozenset[dg.AssetKey] = frozenset()
    checked: frozenset[dg.AssetCheckKey] = frozenset()
    failures: Mapping[str, str] = field(default_factory=dict)

    def why(self, key: dg.AssetKey | dg.AssetCheckKey) -> str:
        """Why an asset was not made, or a check not executed."""
        return self.failures.get(_step(key), "was not reached")

    def fails(self, key: dg.AssetKey | dg.AssetCheckKey) -> bool:
        """Whether it was tried and failed."""
        return _step(key) in self.failures


def _step(key: dg.AssetKey | dg.AssetCheckKey) -> str:
    """The key of the step that makes an asset, or executes a check."""
    asset = key.asset_key if isinstance(key, dg.AssetCheckKey) else key
    return asset.to_python_identifier() + (f"_{key.name}" if isinstance(key, dg.AssetCheckKey) else "")


class Executor(Protocol):
    """Executes one batch, and waits for it."""

    def make(self, batch: Sequence[Standing]) -> Executed:
        """Assets that share a partition key, with their checks."""
        ...

    def check(self, checks: Collection[dg.AssetCheckKey]) -> Executed:
        """Checks alone."""
        ...


def checks_of(graph: BaseAssetGraph, keys: Collection[dg.AssetKey]) -> set[dg.AssetCheckKey]:
    """The checks that belong into the run that makes assets: what looks at all partitions is asked once, at the end."""
    return {key for key in graph.asset_check_keys if key.asset_key in keys and key.name not in WHOLE_ASSET}


@dataclass(frozen=True)
class InProcess:
    """In this process, one run after the other, without Dagster's own lines.

    tags: of every run. raises: an asset that fails ends all, and is not told in what `make` returns.
    """

    instance: dg.DagsterInstance
    job: dg.JobDefinition
    tags: Mapping[str, str] = field(default_factory=dict)
    raises: bool = False

    def make(self, batch: Sequence[Standing]) -> Executed:
        """One run.

        Where it `raises`, a refusal inside it comes out as itself, any other error as it is. A blocking check that fails ends the
        run, and is no error.
        """
        run = make_new_run_id()
        try:
            self._execute(batch, run)
        except dg.DagsterExecutionInterruptedError:  # what Dagster makes of a SIGTERM
            if self.raises:
                raise KeyboardInterrupt from None
            raise
        except Exception as error:
            behind = list(chain(error))
            refused = next((one for one in behind if isinstance(one, TorchcellError)), None)
            if refused is not None:
                raise refused from None
            if not any(isinstance(one, DagsterAssetCheckFailedError) for one in behind):
                made = executed(self.instance, run).made
                cells = [one.cell for one in batch if one.key not in made] or [one.cell for one in batch]
                error.add_note(f"It happened while {', '.join(cells)} was made or checked.")
                raise
        return executed(self.instance, run)

    def _execute(self, batch: Sequence[Standing], run: str) -> None:
        keys = {standing.key for standing in batch}
        checks = checks_of(self.job.asset_layer.asset_graph, keys)
        self.job.get_subset(asset_selection=keys, asset_check_selection=checks).execute_in_process(
            instance=self.instance,
            partition_key=batch[0].partition,
            tags={**self.tags, **NO_NETWORK, WAS_OUTDATED: "true"},
            run_config=_QUIET,
            run_id=run,
            raise_on_error=self.raises,
        )

    def check(self, checks: Collection[dg.AssetCheckKey]) -> Executed:
        """One run; the local graph server runs as long if one of them asks it."""
        run = make_new_run_id()
        with contextlib.ExitStack() as servers:
            if any(layout.step_of(one.asset_key) == "graph" and one.name not in WHOLE_ASSET for one in checks):
                serve_graph(servers)
            self.job.get_subset(asset_selection=set(), asset_check_selection=set(checks)).execute_in_process(
                instance=self.instance,
                tags={**self.tags, **NO_NETWORK},
                run_config=_QUIET,
                run_id=run,
                raise_on_error=False,
            )
        return executed(self.instance, run)


@dataclass(frozen=True)
class Submitted:
    """As runs of their own, submitted to the code location from which `parent` was launched."""

    instance: dg.DagsterInstance
    workspace: "WorkspaceProcessContext"
    graph: BaseAssetGraph
    parent: str

    def make(self, batch: Sequence[Standing]) -> Executed:
        """One run of the instance's launcher; returns once it has ended."""
        keys = sorted({standing.key for standing in batch})
        partition = batch[0].partition
        dimensions = self.graph.get(keys[0]).partitions_def
        if partition is not None and isinstance(dimensions, dg.MultiPartitionsDefinition):
            partition = dimensions.get_partition_key_from_str(partition)
        return self._run(keys, checks_of(self.graph, keys), {**partition_tags(partition), WAS_OUTDATED: "true"})

    def check(self, checks: Collection[dg.AssetCheckKey]) -> Executed:
        """One run of checks alone."""
        return self._run([], set(checks), {})

    def _run(
        self, keys: Sequence[dg.AssetKey], checks: Collection[dg.AssetCheckKey], tags: Mapping[str, str]
    ) -> Executed:
        request = dg.RunRequest(
            asset_selection=list(keys),
            asset_check_keys=sorted(checks),
            tags={**tags, **NO_NETWORK, PARENT: self.parent},
        )
        run = submit_run(self.instance, self.workspace, request)
        try:
            while not self.instance.get_run_by_id(run).is_finished:  # type: ignore[union-attr]
                time.sleep(_LOOK)
        except BaseException:  # who terminates the parent means all of it
            self.instance.run_coordinator.cancel_run(run)
            raise
        return executed(self.instance, run)


@contextlib.contextmanager
def executor_of(
    instance: dg.DagsterInstance, location: dg.Definitions, run: dg.DagsterRun
) -> Iterator[InProcess | Submitted]:
    """How a run executes what it starts: submitted to the code location from which it was launched, else in its process.

    In its process too where the queue lets one run through at a time: it would wait for itself.
    """
    queue = instance.get_concurrency_config().run_queue_config
    alone = queue is not None and queue.max_concurrent_runs == 1
    if run.remote_job_origin is None or alone:
        yield InProcess(instance, location.resolve_implicit_global_asset_job_def())
        return
    with opened_workspace(instance, run) as workspace:
        yield Submitted(instance, workspace, location.resolve_asset_graph(), run.run_id)


def executed(instance: dg.DagsterInstance, run: str) -> Executed:
    """What came of a run, from the event log: it is the same whoever has executed it."""
    made, checked, failures = set(), set(), {}
    for entry in instance.all_logs(run):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            made.add(event.asset_key)
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checked.add(event.asset_check_evaluation_data.asset_check_key)
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE and event.step_key:
            failures[event.step_key] = _innermost(event.step_failure_data.error)
    return Executed(frozenset(made), frozenset(checked), failures)


def _innermost(error: object) -> str:
    """The sentence of the innermost cause of an error that Dagster has written down."""
    while getattr(error, "cause", None) is not None:
        error = error.cause  # type: ignore[attr-defined]
    message = getattr(error, "message", None)
    return message.split(": ", 1)[-1].strip() if message else "failed"
