"""The bar that a person sees while a raw file is downloaded or unpacked.

Belongs here: pooch's interface on top of rich, no more.
"""

from types import TracebackType

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from torchcell_assets.terminal import said_beside, text_column


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
