"""Which assets and partitions are out of date, and why: the one comparison that all share (the check, the command line, the
rebuild condition, the nightly job).

What was made is looked at where it is stored: a file that is gone or was changed is named before anything else, and so is what a
caller knows of stores elsewhere, such as a graph server (`elsewhere`).

An asset or partition is outdated when its code version differs from the deployed one, when what it lists has lost a member, when
the data version of an input is another than the one it was made from, when a dependency was added or removed, or when the recipe
of its partition is another. What is stored is compared with what is deployed: no memory of earlier questions.

A raw file is no such input: its pinned sha256 is part of the code version, and what a publisher gives today outdates nothing
until a person has pinned it.

Causes are direct ones. What follows an outdated asset is in sync until that is made again with other data.

Dagster's own judgement is not asked: it calls every partitioned asset fresh at asset level, looks at no edge onto 100 or more
partitions, takes some 10 ms a partition, and cannot tell which field of a class has changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.staleness import provenance, reasons
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.history import Attempt, History
from torchcell_assets.staleness.provenance import Remembered
from torchcell_assets.staleness.upstream import Upstream, made_before, partitions_of, upstream_of
from torchcell_assets.storage import files

Wanted = Mapping[dg.AssetKey, Sequence[str | None]]
"""Asset -> partitions to look at; `[None]` for an unpartitioned one."""


class State(StrEnum):
    """How what is stored stands to what was recorded, and to what is deployed."""

    NEVER_MADE = "never made"
    MISSING = "missing"  # it was made, and is gone
    CHANGED = "changed"  # it was made, and something else stands in its place
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
    def never_made(self) -> bool:
        """It was never made: people start it."""
        return self.state is State.NEVER_MADE

    @property
    def stale(self) -> bool:
        """It was made, and is not what was recorded, or not what today's code and inputs give: to be made again."""
        return self.state in (State.MISSING, State.CHANGED, State.OUTDATED)

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
"""A standing that is never made or stale: not what today's code and inputs would give."""

Elsewhere = Mapping[dg.AssetKey, tuple[State, str]]
"""Asset -> MISSING or CHANGED and why, for what is stored where no file tells of it."""


def outdated(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,
    wanted: Wanted | None = None,
    *,
    root: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> list[Outdated]:
    """Everything in `wanted` that was never made or is stale, upstream first; arguments as those of `survey`."""
    found = survey(instance, graph, wanted, root=root, elsewhere=elsewhere)
    return [standing for standing in found if standing.never_made or standing.stale]


def survey(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph,
    wanted: Wanted | None = None,
    *,
    root: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> list[Standing]:
    """The standing of everything in `wanted`, upstream first, in one pass.

    Args:
        instance: what was made.
        graph: what is deployed.
        wanted: asset -> partitions; by default all.
        root: the data root whose files are looked at; by default that of this process.
        elsewhere: what the caller found out about stores that are no files.

    """
    keys = [key for key in graph.toposorted_asset_keys if graph.get(key).is_materializable]
    asked = [key for key in keys if wanted is None or key in wanted]
    parents = {parent for key in asked for parent in made_before(graph, key)}
    history = History(instance, graph, {*asked, *parents})
    stored = {key: history.stored(key) for key in asked}
    versions = {parent.to_user_string(): history.data_versions(parent) for parent in parents}
    standings: list[Standing] = []
    for key in asked:
        made, failed = stored[key], history.failed_since(key)
        judge = _Judge.of(graph, key, versions, root or DataRoot().folder, (elsewhere or {}).get(key))
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
    root: Path
    elsewhere: tuple[State, str] | None
    changes: dict[tuple, list[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        graph: BaseAssetGraph,
        key: dg.AssetKey,
        versions: Mapping,
        root: Path,
        elsewhere: tuple[State, str] | None,
    ) -> "_Judge":
        node = graph.get(key)
        return cls(
            key,
            node.code_version,
            _value(node.metadata.get(provenance.USES_METADATA)),
            _value(node.metadata.get(provenance.RECIPES_METADATA)),
            {parent.to_user_string(): upstream_of(graph, key, parent) for parent in made_before(graph, key)},
            versions,
            root,
            elsewhere,
        )

    def standing(self, partition: str | None, made: Remembered | None, failed: Attempt | None) -> Standing:
        attempt = [f"the last attempt failed (run {failed.run[:8]})"] if failed else []
        if made is None:
            return Standing(self.key, partition, State.NEVER_MADE, "; ".join(["never made", *attempt]))
        lost = [*self._files(made), *([self.elsewhere] if self.elsewhere else [])]
        causes = [
            *self._code(made),
            *self._members(made),
            *self._inputs(partition, made),
            *self._recipe(partition, made),
        ]
        if not causes and not lost and failed and failed.was_outdated:
            attempt = []  # what had outdated it was taken back, and the mistake with it
        state = State.OUTDATED if causes else State.FAILED if attempt else State.IN_SYNC
        if lost:
            state = State.MISSING if State.MISSING in dict(lost) else State.CHANGED
        causes = [*(why for _, why in lost), *causes]
        return Standing(self.key, partition, state, "; ".join([*causes, *attempt]), made.seconds)

    def _files(self, made: Remembered) -> Iterator[tuple[State, str]]:
        found = files.Lost() if made.files is None else files.lost(self.root, made.files)
        if found.gone:
            yield State.MISSING, reasons.files_gone(found.gone)
        if found.changed:
            yield State.CHANGED, reasons.files_changed(found.changed)

    def _code(self, made: Remembered) -> list[str]:
        if self.code_version is None or made.code_version == self.code_version:
            return []
        used = made.uses
        memo = (made.code_version, used is None)
        if memo not in self.changes:  # many partitions were made by the same code, which a code version names
            used = None if used is None else provenance.without_members(used)
            now = provenance.without_members(self.uses)
            self.changes[memo] = reasons.code_changes(made.code_version, self.code_version, used, now)
        return self.changes[memo]

    def _members(self, made: Remembered) -> list[str]:
        gone = provenance.members_gone(made.uses or {}, self.uses)
        return [reasons.members_left(of, names) for of, names in gone.items()]

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
            if not layout.is_raw(dg.AssetKey.from_user_string(gone)):
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
