"""The plan of a rebuild: what is made again, in which order, why, and how long it took last time.

Belongs here: standings -> plan. Does not: which standing an asset has (staleness), making anything (engine.py).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from torchcell_assets.staleness import Standing, State
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph


@dataclass(frozen=True)
class Planned:
    """One asset of a plan: its outdated partitions, why, and how long they took last time.

    may_follow: it is in sync, and something before it is outdated: made again only if that gets other data.
    seconds: sum over the partitions; None where no last run is known.
    """

    key: dg.AssetKey
    partitions: tuple[str | None, ...]
    why: str
    seconds: float | None
    may_follow: bool = False


def plan(standings: Sequence[Standing], graph: BaseAssetGraph) -> list[Planned]:
    """What a rebuild makes, in order, and then what may follow it."""
    outdated = _by_asset(s for s in standings if s.stale)
    kept = _by_asset(s for s in standings if s.state in (State.IN_SYNC, State.FAILED))
    sure = [_planned(key, found, summary(found)) for key, found in outdated.items()]
    after = [key for key in kept if ancestors(graph, key) & outdated.keys()]
    return [*sure, *(_planned(key, kept[key], "", may_follow=True) for key in after)]


def summary(standings: Sequence[Standing]) -> str:
    """The reasons of many partitions in one sentence, the commonest first."""
    ordered = Counter(standing.why for standing in standings).most_common()
    if len(ordered) == 1:
        return ordered[0][0]
    rest = sum(count for _, count in ordered[2:])
    told = [f"{count} x {why or 'no reason'}" for why, count in ordered[:2]]
    return "; ".join([*told, f"{rest} x other reasons"] if rest else told)


def _by_asset(standings: Iterable[Standing]) -> dict[dg.AssetKey, list[Standing]]:
    found: dict[dg.AssetKey, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.key, []).append(standing)
    return found


def _planned(key: dg.AssetKey, found: Sequence[Standing], why: str, may_follow: bool = False) -> Planned:
    known = [standing.seconds for standing in found if standing.seconds is not None]
    seconds = sum(known) / len(known) * len(found) if known else None
    return Planned(key, tuple(standing.partition for standing in found), why, seconds, may_follow)


def ancestors(graph: BaseAssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    """All assets that `key` depends on, directly or not."""
    found: set[dg.AssetKey] = set()
    todo = [key]
    while todo:
        parents = graph.get(todo.pop()).parent_keys - found
        found |= parents
        todo += parents
    return found
