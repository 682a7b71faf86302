"""What Dagster does not promise: every private name of it that this project uses, imported here and nowhere else.

Belongs here: imports. A new version of Dagster that moves one of them breaks this module, in one place, when it is loaded.
"""

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
from dagster._core.execution.execute_in_process_result import ExecuteInProcessResult
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.event_log.base import AssetEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster._core.utils import make_new_run_id

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
    "ExecuteInProcessResult",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "make_new_run_id",
]
