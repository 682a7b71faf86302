"""The sign of life that a person sees while a file is fetched or a server starts, on standard error.

Belongs here: pooch's interface on top of rich, a bar that counts, a spinner. Does not: sentences (cli/console.py).

Data are printed as they are: a path may hold `[old]`, an error `[/data]`, an allele `:x:`. So no console here reads markup.
"""

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def said_beside() -> Console:
    """A console on standard error. One shows one living thing (a bar, a spinner) at a time: each such thing has its own."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def text_column(template: str) -> TextColumn:
    """A column of a progress bar that shows data: `template` is filled in with the task, and nothing in it is markup."""
    return TextColumn(template, markup=False)


def spinner(text: str) -> contextlib.AbstractContextManager[Any]:
    """A sign of life while the block runs, where somebody looks."""
    own = said_beside()
    return own.status(text) if own.is_terminal else contextlib.nullcontext()


@contextlib.contextmanager
def count_bar(what: str, total: int, shown: bool = True) -> Iterator[Callable[[], None]]:
    """A bar over `total` things while the block runs; what it gives is called after each of them."""
    console = said_beside()
    columns = (text_column("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


class DownloadBar:
    """A progress bar as pooch drives it (`total`, `update`, `reset`, `close`); silent where no person watches."""

    def __init__(self, name: str) -> None:
        console = said_beside()
        self._progress = Progress(
            text_column("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=None)
        self._total = 0

    def __enter__(self) -> "DownloadBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def total(self) -> int:
        """Bytes of the whole file; 0 where the server does not say."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = total
        self._progress.update(self._task, total=total or None, completed=0)

    def update(self, amount: int) -> None:
        """More bytes have come."""
        self._progress.update(self._task, advance=amount)

    def reset(self) -> None:
        """Start again at 0, as pooch does before it fills the bar."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """The download has ended; the context manager takes the bar away."""
