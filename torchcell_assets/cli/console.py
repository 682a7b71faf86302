"""Where the command line writes: what is asked for to standard output, what is said beside it to standard error.

Belongs here: the two consoles, one sentence in a colour, and the sign that something takes its time. Does not: what is written.

Data are printed as they are: a path may hold `[old]`, an error `[/data]`, an allele `:x:`. So no console here reads markup, and
colours are given beside the text, never inside it.
"""

import io
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from torchcell_assets.sources.progress import said_beside

WIDE = 132  # columns that the tables take without wrapping; taken where no terminal says how many it has


console = said_beside()


def say(text: str, style: str | None = None) -> None:
    """A sentence on standard error, as it is, in one line however long.

    Args:
        text: What is said; nothing in it is markup.
        style: How the whole of it looks, such as `bold red`.

    """
    console.print(text, style=style, soft_wrap=True)


def output() -> Console:
    """Standard output, as wide as its terminal, or WIDE where it goes to a file."""
    return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False, emoji=False)


def few(names: Sequence[str]) -> str:
    """The first of some names, and a sign that there are others."""
    return names[0] if len(names) == 1 else f"{names[0]} ..."


def unbroken(table: Table) -> str:
    """A table as text, each row in one line however long: an address that is broken into lines cannot be copied."""
    page = Console(width=10_000, file=io.StringIO(), color_system=None, markup=False, highlight=False, emoji=False)
    page.print(table)
    return "\n".join(line.rstrip() for line in page.file.getvalue().strip("\n").splitlines())  # type: ignore[attr-defined]
