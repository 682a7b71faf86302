"""What a person reads when something cannot be done: one sentence that says what happened, where, and what to do.

Belongs here: the base class, so that the command line prints the sentence alone and Dagster shows it on the run page.
Does not: the cases; each room raises its own subclass beside the code that notices.
"""


class TorchcellError(Exception):
    """A refusal addressed to a person; `str(error)` is the whole sentence."""
