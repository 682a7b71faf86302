"""Where the command line writes: what is asked for to standard output, what is said beside it to standard error.

Belongs here: the two consoles, and the sign that something takes its time. Does not: what is written.
"""

import contextlib
import io
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

WIDE = 125  # columns that the tables take without wrapping; taken where no terminal says how many it has

console = Console(stderr=True)


def output() -> Console:
    """Standard output, as wide as its terminal, or WIDE where it goes to a file."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def unbroken(table: Table) -> str:
    """A table as text, each row in one line however long: an address that is broken into lines cannot be copied."""
    page = Console(width=10_000, file=io.StringIO(), color_system=None)
    page.print(table)
    return "\n".join(line.rstrip() for line in page.file.getvalue().strip("\n").splitlines())  # type: ignore[attr-defined]


def spinner(text: str) -> contextlib.AbstractContextManager[Any]:
    """A sign of life while the block runs, where somebody looks."""
    own = Console(stderr=True)  # one console shows one living thing at a time
    return own.status(text) if own.is_terminal else contextlib.nullcontext()
