"""What a person reads when something cannot be done: one sentence that says what happened, where, and what to do.

Belongs here: the base class, so that the command line prints the sentence alone and Dagster shows it on the run page; what
stands behind an error; the end of a sentence about a misspelt name. Does not: the cases; each room raises its own subclass
beside the code that notices.
"""

import difflib
from collections.abc import Iterable, Iterator

CLOSE = 0.6
"""Of difflib's ratio; 1 is the same word."""
LISTED = 12
"""Names that a sentence still lists when none of them is near."""


class TorchcellError(Exception):
    """A refusal addressed to a person; `str(error)` is the whole sentence.

    may_pass: whether it may be otherwise a little later, without anybody doing anything: a network, a server that starts again. A
        run that nobody watches tries again.
    """

    may_pass = False


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, the nearest first, each once: what a traceback shows.

    The one way to go along a chain: Dagster raises the error of an asset again inside an error of its own, whose cause is
    that same error, so that following `__cause__` and `__context__` by hand never ends.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


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
