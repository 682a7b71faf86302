"""What a person reads when something cannot be done: one sentence that says what happened, where, and what to do.

Belongs here: the base class, so that the command line prints the sentence alone and Dagster shows it on the run page; what
stands behind an error. Does not: the cases; each room raises its own subclass beside the code that notices.
"""

from collections.abc import Iterator


class TorchcellError(Exception):
    """A refusal addressed to a person; `str(error)` is the whole sentence."""


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
