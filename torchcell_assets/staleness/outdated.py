"""Which assets and partitions are out of date, and why: the one comparison that all share (the check, the command line, the
rebuild condition, the nightly job).

An asset or partition is outdated when its code version differs from the deployed one, when the data version of an
input is another than the one it was made from, when a dependency was added or removed, or when the recipe of its partition
is another. What is stored is compared with what is deployed: no memory of earlier questions.

Causes are direct ones. What follows an outdated asset is in sync until that is made again with other data.

Dagster's own judgement is not asked: it calls every partitioned asset fresh at asset level, looks at no edge onto 100 or more
partitions, takes some 10 ms a partition, and cannot tell which field of a class has changed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from torchcell_assets.staleness import provenance, reasons
from torchcell_assets.staleness.history import Attempt, History
from torchcell_assets.staleness.provenance import Remembered
from torchcell_assets.staleness.upstream import Upstream, partitions_of, upstream_of

Wanted = Mapping[dg.AssetKey, Sequence[str | None]]
"""Asset -> partitions to look at; `[None]` for an unpartitioned one."""


class State(StrEnum):
    """How what is stored stands to what is deployed."""

    MISSING = "missing"
    OUTDATED = "outdated"
    FAILED = "failed since"  # in sync, and a person's attempt to make it again has failed
    IN_SYNC = "in sync"


@dataclass(frozen=True)
class Standing:
    """One asset, or one partition of it: its state, why it is in it, and how long its making took last time."""

    key: dg.AssetKey
    partition: str | None
    state: State
    why: str = ""
    seconds: float | None = field(default=None, compare=False)

    @property
    def missing(self) -> bool:
        """Never made."""
        return self.state is State.MISSING

    @property
    def cell(self) -> str:
        """Its name: see `cell_name`."""
        return cell_name(self.key, self.partition)

    def __str__(self) -> str:
        return f"{self.cell}: {self.why or self.state}"


def cell_name(key: dg.AssetKey, partition: str | None) -> str:
    """`merged/fitness`, or with its partition `merged/subset (1e3)`."""
    return key.to_user_string() + (f" ({partition})" if partition else "")


Outdated = Standing
"""A standing that is missing or outdated: not what today's code and inputs would give."""


def outdated(instance: dg.DagsterInstance, graph: BaseAssetGraph, wanted: Wanted | None = None) -> list[Outdated]:
    """Everything in `wanted` (asset -> partitions; default: all) that is missing or outdated, upstream first."""
    return [s for s in survey(instance, graph, wanted) if s.state in (State.MISSING, State.OUTDATED)]


def survey(instance: dg.DagsterInstance, graph: BaseAssetGraph, wanted: Wanted | None = None) -> list[Standing]:
    """The standing of everything in `wanted` (asset -> partitions; default: all), upstream first, in one pass."""
    keys = [key for key in graph.toposorted_asset_keys if graph.get(key).is_materializable]
    asked = [key for key in keys if wanted is None or key in wanted]
    parents = {parent for key in asked for parent in graph.get(key).parent_keys}
    history = History(instance, graph, {*asked, *parents})
    stored = {key: history.stored(key) for key in asked}
    versions = {parent.to_user_string(): history.data_versions(parent) for parent in parents}
    standings: list[Standing] = []
    for key in asked:
        made, failed = stored[key], history.failed_since(key)
        judge = _Judge.of(graph, key, versions)
        partitions = partitions_of(graph, key) if wanted is None else wanted[key]
        standings += [judge.standing(partition, made.get(partition), failed.get(partition)) for partition in partitions]
    return standings


@dataclass
class _Judge:
    """What is deployed of one asset, and what its inputs hold now: judges one stored partition after the other."""

    key: dg.AssetKey
    code_version: str | None
    uses: Mapping[str, Any]
    recipes: Mapping[str, Any]
    upstream: Mapping[str, Upstream]
    versions: Mapping[str, Mapping[str | None, str]]
    told: dict[tuple, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: BaseAssetGraph, key: dg.AssetKey, versions: Mapping) -> "_Judge":
        node = graph.get(key)
        return cls(
            key,
            node.code_version,
            _value(node.metadata.get(provenance.USES_METADATA)),
            _value(node.metadata.get(provenance.RECIPES_METADATA)),
            {parent.to_user_string(): upstream_of(graph, key, parent) for parent in sorted(node.parent_keys)},
            versions,
        )

    def standing(self, partition: str | None, made: Remembered | None, failed: Attempt | None) -> Standing:
        attempt = [f"the last attempt failed (run {failed.run[:8]})"] if failed else []
        if made is None:
            return Standing(self.key, partition, State.MISSING, "; ".join(["never made", *attempt]))
        causes = [*self._code(made), *self._inputs(partition, made), *self._recipe(partition, made)]
        if not causes and failed and failed.was_outdated:
            attempt = []  # what had outdated it was taken back, and the mistake with it
        state = State.OUTDATED if causes else State.FAILED if attempt else State.IN_SYNC
        return Standing(self.key, partition, state, "; ".join([*causes, *attempt]), made.seconds)

    def _code(self, made: Remembered) -> list[str]:
        if self.code_version is None or made.code_version == self.code_version:
            return []
        memo = (made.code_version, made.uses)
        if memo not in self.told:  # many partitions were made by the same code
            used = None if made.uses is None else json.loads(made.uses)
            self.told[memo] = reasons.code_changes(made.code_version, self.code_version, used, self.uses)
        return self.told[memo]

    def _inputs(self, partition: str | None, made: Remembered) -> Iterator[str]:
        read, many = made.inputs, made.many_inputs
        for parent, upstream in self.upstream.items():
            if parent not in read:
                yield f"now depends on {parent}"
                continue
            reason = self._moved(parent, upstream(partition), read[parent], many.get(parent))
            if reason:
                yield reason
        for gone in sorted(read.keys() - self.upstream.keys()):
            yield f"no longer depends on {gone}"

    def _moved(
        self, parent: str, consumed: Sequence[str | None], read: str | None, many: Mapping[str, str] | None
    ) -> str | None:
        versions = self.versions[parent]
        if consumed == (None,):
            now = versions.get(None)
        else:
            holds = {str(p): versions[p] for p in consumed if p in versions}
            if many is not None:
                return reasons.data_moved(parent, many, holds) if holds != many else None
            now = provenance.as_dagster_hashes(holds)
        if now == read:
            return None
        return f"{parent} is gone" if now is None else f"{parent} has {'data now' if read is None else 'other data'}"

    def _recipe(self, partition: str | None, made: Remembered) -> Iterator[str]:
        deployed = self.recipes.get(partition or "")
        if deployed is not None and made.recipe != deployed:
            yield reasons.recipe_changes(made.recipe, deployed)


def _value(metadata: Any) -> Mapping[str, Any]:
    value = metadata.value if isinstance(metadata, dg.MetadataValue) else metadata
    return value or {}
