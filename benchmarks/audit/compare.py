"""What differs between what is stored and what was computed again.

Belongs here: one line of the printed table, and comparing rows by their key. Does not: reading stored files (stored.py).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of the table. largest: difference of a number, within the tolerance too; example: the first that is beyond it."""

    what: str
    stored: int
    recomputed: int
    differing: int
    largest: float = 0.0
    tolerance: float = 0.0
    example: str = ""

    @property
    def agrees(self) -> bool:
        return not self.differing and self.stored == self.recomputed


def apart(stored: object, again: object) -> float:
    """By how much two cells differ: of numbers the difference, of lists the largest one; infinity where they are no numbers."""
    if stored is None or again is None or isinstance(stored, str | bool | dict) or isinstance(again, str | bool | dict):
        return 0.0 if stored == again else math.inf
    if isinstance(stored, list | tuple) and isinstance(again, list | tuple):
        if len(stored) != len(again):
            return math.inf
        return max((apart(one, other) for one, other in zip(stored, again, strict=True)), default=0.0)
    difference = abs(stored - again)  # type: ignore[operator]
    return 0.0 if stored == again else math.inf if math.isnan(difference) else difference


Rows = Mapping[object, Mapping[str, object]]


def rows(what: str, stored: Rows, again: Rows, tolerance: float = 1e-12, unread: Iterable[str] | None = None) -> Line:
    """Compare rows of one key, column by column of what was computed again; a row or a column that one side lacks differs.

    tolerance: of numbers, in their units; everything else has to be equal. unread: columns that are stored and were not computed;
    by default whatever else there is.
    """
    largest, differing, example = 0.0, 0, ""
    for key in stored.keys() | again.keys():
        if key not in stored or key not in again:
            found = [f"{key}: {'not computed' if key in stored else 'not stored'}"]
        else:
            lacking = set() if unread is None else stored[key].keys() - again[key].keys() - set(unread)
            lacking |= again[key].keys() - stored[key].keys()
            found = [f"{key}: one side has no {name}" for name in sorted(lacking)]
            for name, value in again[key].items():
                difference = apart(stored[key].get(name), value)
                if difference <= tolerance:
                    largest = max(largest, difference)
                else:
                    largest = max(largest, difference if math.isfinite(difference) else largest)
                    found.append(f"{key}: {name} {stored[key].get(name)!r} for {value!r}")
        differing += bool(found)
        example = min(filter(None, (example, *found)), default="")
    return Line(what, len(stored), len(again), differing, largest, tolerance, example)
