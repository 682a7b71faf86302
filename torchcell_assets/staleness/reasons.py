"""Saying why something is outdated, in words that a person can act on.

Belongs here: wording only. Does not: deciding whether it is (outdated.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torchcell_assets.schema.fingerprint import difference
from torchcell_assets.storage.files import Lost

_SHOWN = 3  # partitions or files named in one sentence


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
        changes += [_use_change(name, used.get(name), uses.get(name)) for name in _differing(used, uses)]
    return changes or [f"code version {before} -> {now}"]


def _use_change(name: str, before: Any, now: Any) -> str:
    kind, _, title = name.partition(" ")
    if before is None or now is None:
        return f"{'now' if before is None else 'no longer'} uses {name}"
    if kind == "class":
        return f"{title}: {', '.join(difference(before, now))}"
    if kind == "source":
        return f"another raw file {title}"
    changed = _differing(before, now) if isinstance(before, dict) and isinstance(now, dict) else []
    return f"{name} changed" + (f" ({', '.join(changed)})" if changed else "")


def members_left(of: str, gone: Sequence[str]) -> str:
    """That names are no longer among those that were listed."""
    return f"{_named(gone)} left the {of}"


def recipe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two recipes: raw files by name, parameters and the rest by value.

    before: empty where the recipe was not stored.
    """
    if not before:
        return "another recipe"
    files = (before.get("files", {}), now.get("files", {}))
    told = [f"another raw file {name}" for name in _differing(*files)]
    flat = [{**recipe, **recipe.get("parameters", {})} for recipe in (before, now)]
    told += [
        f"{name} {flat[0].get(name, 'none')} -> {flat[1].get(name, 'none')}"
        for name in _differing(*flat)
        if name not in ("files", "parameters")
    ]
    return f"another recipe: {', '.join(told)}"


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


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


def files_lost(lost: Lost) -> str:
    """Both, in one sentence."""
    told = [files_gone(lost.gone)] if lost.gone else []
    return "; ".join([*told, *([files_changed(lost.changed)] if lost.changed else [])])


def files_gone(paths: Sequence[str]) -> str:
    """That files which were made are not there any more. paths: relative to the data root."""
    return f"missing: {_named(paths)} {'is' if len(paths) == 1 else 'are'} gone"


def files_changed(paths: Sequence[str]) -> str:
    """That files hold something else than what was made. paths: relative to the data root."""
    many = len(paths) > 1
    return f"{_named(paths)} {'were' if many else 'was'} changed after {'they were' if many else 'it was'} made"


def _named(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
