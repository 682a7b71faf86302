"""Where the command line writes: what is asked for to standard output, what is said beside it to standard error.

Belongs here: the two consoles. Does not: what is written.
"""

import sys

from rich.console import Console

WIDE = 125  # columns that the tables take without wrapping; taken where no terminal says how many it has

console = Console(stderr=True)


def output() -> Console:
    """Standard output, as wide as its terminal, or WIDE where it goes to a file."""
    return Console(width=None if sys.stdout.isatty() else WIDE)
