"""What Dagster does not promise: every private name of it that this project uses, imported here and nowhere else.

Belongs here: imports, and the acts that have no public name: opening the workspace in which a run stands, submitting a run to it,
looking at an input anew. A new version of Dagster that moves one of them breaks this module, in one place.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    INPUT_DATA_VERSION_TAG_PREFIX,
)
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster._core.utils import make_new_run_id

if TYPE_CHECKING:
    from dagster._core.remote_origin import CodeLocationOrigin
    from dagster._core.storage.event_log.base import AssetEntry
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from dagster._core.workspace.context import WorkspaceProcessContext

__all__ = [
    "CODE_VERSION_TAG",
    "DATA_VERSION_TAG",
    "DEFAULT_DATA_VERSION",
    "INPUT_DATA_VERSION_TAG_PREFIX",
    "SENSOR_NAME_TAG",
    "AssetCheckExecutionRecord",
    "AssetEntry",
    "AssetGraph",
    "AssetGraphView",
    "AssetKeyPartitionKey",
    "BaseAssetGraph",
    "DagsterAssetCheckFailedError",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "WorkspaceProcessContext",
    "forget_input",
    "make_new_run_id",
    "opened_workspace",
    "partition_tags",
    "submit_run",
]

_LATE = {"SqlEventLogStorageTable": "schema", "SqlEventLogStorage": "sql_event_log"}
"""What brings sqlalchemy and alembic, an eighth of what it costs to load a code location: imported once it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"dagster._core.storage.event_log.{_LATE[name]}"), name)
    globals()[name] = found
    return found


@contextlib.contextmanager
def opened_workspace(instance: dg.DagsterInstance, run: dg.DagsterRun) -> "Iterator[WorkspaceProcessContext]":
    """The code location from which a run was launched, for as long as the block runs.

    Raises:
        ValueError: the run was launched from none: it is executed in the process that made it.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceLoadTarget

    if run.remote_job_origin is None:
        raise ValueError(f"The run {run.run_id} was launched from no code location.")
    origin = run.remote_job_origin.repository_origin.code_location_origin

    class OneLocation(WorkspaceLoadTarget):
        def create_origins(self) -> "Sequence[CodeLocationOrigin]":
            return [origin]

    with WorkspaceProcessContext(instance, OneLocation()) as workspace:
        yield workspace


def submit_run(instance: dg.DagsterInstance, workspace: "WorkspaceProcessContext", request: dg.RunRequest) -> str:
    """Create the run that a request asks for and hand it to the run coordinator; returns its id."""
    from dagster._core.execution.submit_asset_runs import submit_asset_run

    asked = workspace.create_request_context()
    logger = logging.getLogger(__name__)
    made = asyncio.run(submit_asset_run(None, request, 0, instance, workspace, asked, {}, {}, logger))
    return made.run_id


def forget_input(context: dg.OpExecutionContext, key: dg.AssetKey) -> None:
    """Let the result of a step remember an input as it is when the step ends: Dagster looks at all of them before it begins."""
    context.get_step_execution_context().wipe_input_asset_version_info(key)


def partition_tags(partition: str | None) -> dict[str, Any]:
    """The tags by which a run knows its partition; none for what has none."""
    from dagster._core.definitions.partitions.utils import get_tags_from_multi_partition_key
    from dagster._core.storage.tags import PARTITION_NAME_TAG

    if partition is None:
        return {}
    if isinstance(partition, dg.MultiPartitionKey):
        return dict(get_tags_from_multi_partition_key(partition))
    return {PARTITION_NAME_TAG: partition}
