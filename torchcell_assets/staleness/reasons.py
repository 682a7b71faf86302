"""Saying why something is outdated, in words that a person can act on.

Belongs here: wording only. Does not: deciding whether it is (outdated.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torchcell_assets.schema.fingerprint import difference

_SHOWN = 3  # partitions named in one sentence


def code_changes(before: str | None, now: str, used: Mapping[str, Any] | None, uses: Mapping[str, Any]) -> list[str]:
    """What differs between two code versions: by field for a record class, by name for the rest.

    before, now: code versions, `<logic>-<fingerprint of uses>`.
    used, uses: the descriptions of `uses` then (None: not stored) and now.
    """
    changes = []
    logic = ((before or "").rsplit("-", 1)[0], now.rsplit("-", 1)[0])
    if before and logic[0] != logic[1]:
        changes.append(f"logic {logic[0]} -> {logic[1]}")
    if used is not None:
        names = sorted(name for name in used.keys() | uses.keys() if used.get(name) != uses.get(name))
        changes += [_use_change(name, used.get(name), uses.get(name)) for name in names]
    return changes or [f"code version {before} -> {now}"]


def _use_change(name: str, before: Any, now: Any) -> str:
    kind, _, title = name.partition(" ")
    if before is None or now is None:
        return f"{'now' if before is None else 'no longer'} uses {name}"
    if kind == "class":
        return f"{title}: {', '.join(difference(before, now))}"
    if kind == "source":
        return f"another raw file {title}"
    changed = (
        sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k)) if _both_dicts(before, now) else []
    )
    return f"{name} changed" + (f" ({', '.join(changed)})" if changed else "")


def _both_dicts(before: Any, now: Any) -> bool:
    return isinstance(before, dict) and isinstance(now, dict)


def data_moved(parent: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which partitions of an input have other data, are new, or are gone."""
    told = []
    for verb, found in (
        ("other data", [p for p in now if p in then and then[p] != now[p]]),
        ("new", [p for p in now if p not in then]),
        ("gone", [p for p in then if p not in now]),
    ):
        if found:
            told.append(f"{verb}: {_named(sorted(found))}")
    return f"{parent} has {'; '.join(told)}"


def _named(partitions: Sequence[str]) -> str:
    rest = len(partitions) - _SHOWN
    return ", ".join(partitions[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
