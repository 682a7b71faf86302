"""The last materializations and the last failures of whole assets, in a few SQL statements however many partitions they have.

Belongs here: what the instance is asked. Does not: what a materialization remembers (provenance.py), the judgement
(outdated.py).
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from pydantic_core import from_json

from torchcell_assets.staleness.dagster_internals import SENSOR_NAME_TAG, BaseAssetGraph
from torchcell_assets.staleness.provenance import NOTES, Remembered, data_versions

if TYPE_CHECKING:
    from torchcell_assets.staleness.dagster_internals import AssetEntry

_CHUNK = 500  # events per statement: SQLite takes a limited number of parameters, and Dagster gives at most 1,000

_FORMS = ("data", "text")
"""Where Dagster keeps the content of JSON and of a text; all else stands in `value`."""

Partition = str | None
Stored = Mapping[Partition, Remembered]


WAS_OUTDATED = "torchcell/was_outdated"
"""Tag of a run that was started because its cells were missing or outdated: it fails with what was deployed then."""


class Attempt(NamedTuple):
    """A failed run. was_outdated: it was started because the cell was outdated, and not by a person who wanted it again."""

    run: str
    was_outdated: bool


class History:
    """What an instance holds of some assets: one statement for all that have no partitions, three for each that has."""

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph, keys: Iterable[dg.AssetKey]) -> None:
        """keys: all assets that will be asked for."""
        self._instance = instance
        self._graph = graph
        found = instance.get_asset_records(sorted(keys))
        self._entries: dict[dg.AssetKey, AssetEntry] = {r.asset_entry.asset_key: r.asset_entry for r in found}
        self._made: dict[dg.AssetKey, Mapping[str, int]] = {}
        self._stored: dict[dg.AssetKey, Stored] = {}

    def stored(self, key: dg.AssetKey) -> Stored:
        """Partition -> last materialization."""
        if key not in self._stored:
            self._stored[key] = self._partitions(key) if self._is_partitioned(key) else self._whole(key)
        return self._stored[key]

    def data_versions(self, key: dg.AssetKey) -> Mapping[Partition, str]:
        """Partition -> data version of what is stored; reads no event unless that was done before."""
        if key not in self._entries:
            return {}
        if self._is_partitioned(key) and key not in self._stored:
            return data_versions(self._instance, key)
        return {partition: made.data_version for partition, made in self.stored(key).items()}

    def failed_since(self, key: dg.AssetKey) -> Mapping[Partition, Attempt]:
        """Partition -> the last attempt, where it came after the last materialization and failed."""
        if key not in self._entries:
            return {}
        attempts = self._open_attempts(key) if self._is_partitioned(key) else self._open_attempt(key)
        failed = _failed_runs(self._instance, set(attempts.values()))
        return {partition: failed[run] for partition, run in attempts.items() if run in failed}

    def _is_partitioned(self, key: dg.AssetKey) -> bool:
        return self._graph.get(key).partitions_def is not None

    def _whole(self, key: dg.AssetKey) -> Stored:
        record = self._entries[key].last_materialization_record if key in self._entries else None
        # an asset that once had partitions still has their materializations
        made = record.asset_materialization if record else None
        return {None: Remembered.of(made)} if made is not None and made.partition is None else {}

    def _partitions(self, key: dg.AssetKey) -> Stored:
        if key not in self._entries:
            return {}
        ids = list(self._made_ids(key).values())
        found: dict[Partition, Remembered] = {}
        for start in range(0, len(ids), _CHUNK):
            found |= _events(self._instance, key, ids[start : start + _CHUNK])
        return found

    def _made_ids(self, key: dg.AssetKey) -> Mapping[str, int]:
        if key not in self._made:
            event = dg.DagsterEventType.ASSET_MATERIALIZATION
            self._made[key] = self._instance.get_latest_storage_id_by_partition(key, event)
        return self._made[key]

    def _open_attempt(self, key: dg.AssetKey) -> dict[Partition, str]:
        entry = self._entries[key]
        done = entry.last_materialization_record
        open_ = entry.last_run_id and (done is None or done.run_id != entry.last_run_id)
        return {None: entry.last_run_id} if open_ and entry.last_run_id else {}

    def _open_attempts(self, key: dg.AssetKey) -> dict[Partition, str]:
        event = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        planned, made = self._instance.get_latest_storage_id_by_partition(key, event), self._made_ids(key)
        if all(attempt <= made.get(partition, 0) for partition, attempt in planned.items()):
            return {}
        log = self._instance.event_log_storage
        found = log.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        return {partition: run for partition, (run, _) in found.items()}


def _events(instance: dg.DagsterInstance, key: dg.AssetKey, ids: Sequence[int]) -> dict[Partition, Remembered]:
    """Partition -> what these materializations remember.

    Where the event log is SQL, tags and notes are picked from the stored JSON: building Dagster's objects for all metadata
    (column schemas, previews, plots) takes ten times as long, and would be most of the time for 10,000 partitions.
    """
    # here and not above: they are a tenth of the time that loading the code location takes
    import sqlalchemy

    from torchcell_assets.staleness.dagster_internals import SqlEventLogStorage, SqlEventLogStorageTable

    log = instance.event_log_storage
    if isinstance(log, SqlEventLogStorage):
        wanted = sqlalchemy.select(SqlEventLogStorageTable.c.event).where(SqlEventLogStorageTable.c.id.in_(ids))
        with log.index_connection() as connection:
            rows = connection.execute(wanted).fetchall()
        with contextlib.suppress(KeyError, TypeError):  # another Dagster stores another form: then ask it
            return dict(picked(from_json(event)) for (event,) in rows)
    records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key, storage_ids=ids), limit=len(ids))
    events = [record.asset_materialization for record in records.records]
    return {made.partition: Remembered.of(made) for made in events if made is not None}


def picked(event: Mapping[str, Any]) -> tuple[Partition, Remembered]:
    """(partition, what it remembers) from the stored JSON of a materialization event."""
    made = event["dagster_event"]["event_specific_data"]["materialization"]
    notes = {}
    for entry in made["metadata_entries"]:
        if entry["label"] in NOTES:
            data = entry["entry_data"]
            notes[entry["label"]] = data[next((form for form in _FORMS if form in data), "value")]
    return made["partition"], Remembered(made["tags"], notes)


def _failed_runs(instance: dg.DagsterInstance, runs: Iterable[str]) -> dict[str, Attempt]:
    ids: list[str] = sorted(runs)
    found: dict[str, Attempt] = {}
    for start in range(0, len(ids), _CHUNK):
        failed = dg.RunsFilter(run_ids=ids[start : start + _CHUNK], statuses=[dg.DagsterRunStatus.FAILURE])
        for run in instance.get_runs(failed):
            asked_for = {WAS_OUTDATED, SENSOR_NAME_TAG} & run.tags.keys()  # the sensor asks for what is outdated, too
            found[run.run_id] = Attempt(run.run_id, bool(asked_for))
    return found
