"""What a materialization remembers of how it was made.

Belongs here: what is written beside Dagster's own tags, and reading both from one materialization. Does not: fetching
materializations (history.py), the judgement (outdated.py), its wording (reasons.py).

Dagster itself stores the code version and, per input, a data version. That is exact where one partition of the input is
consumed. Where many are (a scoreboard over all cells) it hashes the versions without their names, and from 100 partitions on
it stores the version of whichever came last; so there we store `partition -> data version` ourselves.
"""

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg

from torchcell_assets.config.resources import DataRoot
from torchcell_assets.errors import TorchcellError
from torchcell_assets.staleness.dagster_internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    INPUT_DATA_VERSION_TAG_PREFIX,
)
from torchcell_assets.staleness.inputs import partition_of, require_inputs
from torchcell_assets.staleness.upstream import made_before, upstream_of
from torchcell_assets.storage import files

USES_METADATA = "torchcell/uses"
"""Metadata of an asset and of each materialization: what it was declared to depend on, described (JSON)."""
MEMBERS = "members "
"""How a description in USES_METADATA begins of which a name that goes outdates what is stored, and one that comes does not."""
INPUTS_METADATA = "torchcell/inputs"
"""Metadata of a materialization: input -> partition -> data version, for inputs of which many partitions are read."""
LEFT_OUT_METADATA = "torchcell/left_out"
"""Metadata of a materialization: input -> partitions that are stored and that it did not take (JSON). They stand for not
read: once such a partition is made again, even with the same data, the asset is outdated."""
SECONDS_METADATA = "torchcell/seconds"
"""Metadata of a materialization: how long it took; the plan of a rebuild estimates from it, the UI plots it."""

RECIPES_METADATA = "torchcell/recipes"
"""Metadata of an asset: partition -> the recipe that is deployed, described (JSON)."""
RECIPE_METADATA = "torchcell/recipe"
"""Metadata of a materialization: the recipe that made the partition, described (JSON)."""

FILES_METADATA = files.METADATA
"""Metadata of a materialization: the files that it made (files.py), relative to the data root."""

RETRIES, RETRY_SECONDS = 2, 20.0
"""Of a step whose refusal may pass: further tries unless it says otherwise, and the time before each."""

NOTES = (USES_METADATA, INPUTS_METADATA, SECONDS_METADATA, RECIPE_METADATA, FILES_METADATA)

_INPUT = len(INPUT_DATA_VERSION_TAG_PREFIX) + 1
_NOTHING = {"", DEFAULT_DATA_VERSION.value, sha256(b"").hexdigest()}  # what Dagster stores of an input never made


def recorded(function: Callable[..., Any], uses: Mapping[str, Any], retries: int = RETRIES) -> Callable[..., Any]:
    """`function`, an asset's body, whose result remembers what it used, what it read, what it made and how long it took.

    retries: how often a refusal that may pass is tried again.
    """
    used = dg.MetadataValue.json(dict(uses))

    @functools.wraps(function)
    def make(*arguments: Any, **named: Any) -> dg.MaterializeResult:
        context = dg.AssetExecutionContext.get()
        root = _data_root(arguments, named)
        require_inputs(context, root)
        # before the body: if an input moves while it runs, the result counts as made from the older one
        inputs = _many_inputs(context)
        started = time.monotonic()
        with _tried_again(context, retries):
            made = function(*arguments, **named)
        seconds = round(time.monotonic() - started, 3)
        notes: dict[str, Any] = {USES_METADATA: used, SECONDS_METADATA: seconds}
        for parent, partitions in _left_out(made).items():
            inputs[parent] = {p: version for p, version in inputs.get(parent, {}).items() if p not in partitions}
        if inputs:
            notes[INPUTS_METADATA] = dg.MetadataValue.json(inputs)
        metadata = made.metadata or {}
        if FILES_METADATA in metadata:
            text = files.relative_to(root, metadata[FILES_METADATA].value)
            notes[FILES_METADATA] = dg.MetadataValue.text(text)
        return made._replace(metadata={**metadata, **notes})

    return make


@contextlib.contextmanager
def _tried_again(context: dg.AssetExecutionContext, retries: int) -> Iterator[None]:
    """A refusal that may pass asks for another try, in a run that the instance has launched; at a terminal a person decides."""
    try:
        yield
    except TorchcellError as error:
        if error.may_pass and _is_launched(context):
            raise dg.RetryRequested(max_retries=retries, seconds_to_wait=RETRY_SECONDS) from error
        raise


def _is_launched(context: dg.AssetExecutionContext) -> bool:
    """Whether the instance has launched the run, and no process that waits for it."""
    return context.run.remote_job_origin is not None


def _data_root(arguments: Sequence[Any], named: Mapping[str, Any]) -> Path:
    """The data root that an asset's body was given."""
    given = (one for one in (*arguments, *named.values()) if isinstance(one, DataRoot))
    return next(given, DataRoot()).folder


def _left_out(made: dg.MaterializeResult) -> Mapping[str, Sequence[str]]:
    said = (made.metadata or {}).get(LEFT_OUT_METADATA)
    value = said.value if isinstance(said, dg.JsonMetadataValue) else None
    return value if isinstance(value, Mapping) else {}


def _many_inputs(context: dg.AssetExecutionContext) -> dict[str, dict[str, str]]:
    """Input -> partition -> data version, where more or less than one partition of the input is read."""
    graph = context.job_def.asset_layer.asset_graph
    partition = partition_of(context)
    found = {}
    for parent in made_before(graph, context.asset_key):
        consumed = upstream_of(graph, context.asset_key, parent)(partition)
        if len(consumed) != 1:
            versions = data_versions(context.instance, parent)
            found[parent.to_user_string()] = {str(p): versions[p] for p in consumed if p in versions}
    return found


def without_members(uses: Mapping[str, Any]) -> dict[str, Any]:
    """The descriptions that a code version covers."""
    return {name: content for name, content in uses.items() if not name.startswith(MEMBERS)}


def members_gone(used: Mapping[str, Any], uses: Mapping[str, Any]) -> dict[str, list[str]]:
    """What of -> the members that have gone since; used, uses: the descriptions then and now."""
    both = [name for name in sorted(used.keys() & uses.keys()) if name.startswith(MEMBERS)]
    gone = {name.removeprefix(MEMBERS): sorted(set(used[name]) - set(uses[name])) for name in both}
    return {name: lost for name, lost in gone.items() if lost}


def recipe_note(description: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Metadata by which a materialization remembers the recipe that made its partition."""
    return {RECIPE_METADATA: dg.MetadataValue.json(dict(description))}


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one materialization remembers: its tags, and our notes among its metadata."""

    tags: Mapping[str, str]
    notes: Mapping[str, Any]

    @classmethod
    def of(cls, made: dg.AssetMaterialization) -> "Remembered":
        """From an event as Dagster gives it."""
        return cls(made.tags or {}, {name: made.metadata[name].value for name in NOTES if name in made.metadata})

    @property
    def code_version(self) -> str | None:
        """The code version that it was made by."""
        return self.tags.get(CODE_VERSION_TAG)

    @property
    def data_version(self) -> str:
        """Its data version; empty where none was stored."""
        return self.tags.get(DATA_VERSION_TAG, "")

    @property
    def uses(self) -> Mapping[str, Any] | None:
        """What it used, described; None if it was made before notes were kept, or reported by hand."""
        return _content(self.notes.get(USES_METADATA))

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return self.notes.get(SECONDS_METADATA)

    @property
    def many_inputs(self) -> Mapping[str, Mapping[str, str]]:
        """Input -> partition -> data version, for the inputs of which many partitions were read."""
        return _content(self.notes.get(INPUTS_METADATA)) or {}

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe that made it, described; empty where its asset has none."""
        return _content(self.notes.get(RECIPE_METADATA)) or {}

    @property
    def files(self) -> str | None:
        """The record of the files that it made; None if it was made before they were recorded, or makes none."""
        return self.notes.get(FILES_METADATA)

    @property
    def inputs(self) -> dict[str, str | None]:
        """Input -> data version as Dagster stored it; None where the input had never been made."""
        return {
            name[_INPUT:]: None if value in _NOTHING else value
            for name, value in self.tags.items()
            if name.startswith(INPUT_DATA_VERSION_TAG_PREFIX)
        }


def _content(note: Any) -> Any:
    """What a note says; an older version of this code wrote JSON as text, which the UI shows as a page of it."""
    return json.loads(note) if isinstance(note, str) else note


def as_dagster_hashes(versions: Mapping[str, str]) -> str | None:
    """Data version that Dagster gives to an input of which these partitions are read; None if there are none."""
    return (
        sha256("".join(version for _, version in sorted(versions.items())).encode()).hexdigest() if versions else None
    )


def data_versions(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str | None, str]:
    """Partition -> data version of a partitioned asset, in one statement that reads no event."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
    )
    return {partition: values[DATA_VERSION_TAG] for partition, values in tags.items()}
