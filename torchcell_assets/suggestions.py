"""The nearest right word for one that does not exist.

Belongs here: the end of a sentence about a misspelt name. Does not: which names there are.
"""

import difflib
from collections.abc import Iterable

CLOSE = 0.6
"""Of difflib's ratio; 1 is the same word."""
LISTED = 12
"""Names that a sentence still lists when none of them is near."""


def no_such(kind: str, name: object, known: Iterable[str]) -> str:
    """Say that a name does not exist, and which one may have been meant.

    Args:
        kind: what it should be the name of, such as `dataset`.
        name: what was written.
        known: the names that there are.

    Returns:
        A sentence without its full stop.

    Examples:
        >>> no_such("dataset", "fitness_costanzo_2016", ["fitness_costanzo2016", "fitness_sga"])
        "There is no dataset 'fitness_costanzo_2016': did you mean fitness_costanzo2016?"
        >>> no_such("grid", "huge", ["quick", "paper"])
        "There is no grid 'huge': it can be paper, quick"
    """
    sentence = f"There is no {kind} {name!r}"
    names = sorted(known)
    folded = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=CLOSE)
    if near:
        return f"{sentence}: did you mean {folded[near[0]]}?"
    return f"{sentence}: it can be {', '.join(names)}" if 0 < len(names) <= LISTED else sentence
