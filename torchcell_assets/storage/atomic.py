"""How a file comes to be: in a temporary folder beside its place, then renamed. A killed step leaves the old version.

Belongs here: that one act, for one file and for several that belong together, what a killed one leaves behind, one writer at
a time, and why a disk refuses.
Does not: where things live (resources), what is in them (the steps).
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from torchcell_assets.errors import TorchcellError, chain

TEMPORARY_PREFIX = ".writing-"

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run it again",
    errno.EDQUOT: "the quota is used up; free some space and run it again",
    errno.EFBIG: "it is larger than this process may write; raise the limit (`ulimit -f`) and run it again",
    errno.EROFS: "it is read-only; set TORCHCELL_DATA to a folder that can be written",
    errno.ENOTDIR: "a part of its path is a file; set TORCHCELL_DATA to a folder",
    errno.EIO: "the disk is full or broken; free some space and run it again",
    errno.EACCES: "it is not allowed; set TORCHCELL_DATA to a folder that you may write",
}
# polars, DuckDB, safetensors and SQLite put the reason of the system into the text of an error of their own
_TEXTS = {
    **{os.strerror(number): number for number in _REASONS},
    "database or disk is full": errno.ENOSPC,
    "readonly database": errno.EROFS,
    "disk I/O error": errno.EIO,  # what SQLite says of a full disk when it cannot even open its log
    "unable to open database file": errno.EACCES,
}


class StorageError(TorchcellError):
    """A file cannot be written."""


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path; when the block ends well, what was written there takes the place of `path`.

    If the block fails, the temporary file is removed and `path` is as it was. Raises StorageError with one sentence
    for a full disk, a read-only or a forbidden folder.
    """
    with atomic_write_together(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def atomic_write_together(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Give a temporary path for each of `paths`; when the block ends well, all that was written takes their places as one.

    For what belongs together, so that an old part never stands beside a new one, whenever the process is killed: all old
    parts leave their places before the first new one comes. A kill in between leaves parts missing, which the survey
    names; a single file changes places in one act, and is never missing. If the block or a rename fails, all of `paths`
    are as they were. Who opens the parts one by one meanwhile may find one missing.

    Args:
        paths: files or folders, of one file system; the block writes each of them. A folder is replaced with all that is
            in it.

    Raises:
        StorageError: as `atomic_write` does.
    """
    with one_sentence(paths[0]):
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(paths[0].parent) as folder:
            new = tuple(folder / str(at) / path.name for at, path in enumerate(paths))
            for one in new:
                one.parent.mkdir()
            yield new
            for one in new:
                _make_durable(one)
            if len(new) == 1 and not new[0].is_dir() and not paths[0].is_dir():
                new[0].replace(paths[0])
            else:
                _change_places(new, paths, folder)


def _make_durable(written: Path) -> None:
    """A rename that outlives its content would be a half-written file."""
    for one in (written, *written.rglob("*")) if written.is_dir() else (written,):
        if not one.is_dir():
            with one.open("rb") as file:
                os.fsync(file.fileno())
        one.chmod(0o755 if one.is_dir() else 0o644)


def _change_places(new: Sequence[Path], places: Sequence[Path], folder: Path) -> None:
    """The old parts go into `folder` and the new ones come; a failure in between is undone."""
    done: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        done.append((source, target))  # before it: an interrupt may come right after the rename
        source.rename(target)

    try:
        for at, place in enumerate(places):
            if place.exists():
                move(place, folder / f"old-{at}")
        for one, place in zip(new, places, strict=True):
            move(one, place)
    except BaseException:
        for source, target in reversed(done):
            if target.exists() and not source.exists():
                target.rename(source)
        raise


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`, which exists; what is left of it at the end is removed.

    Those whose writer was killed are removed first. A living writer holds a lock on its own, so two writers of one
    place do not harm each other. Raises StorageError as `atomic_write` does.
    """
    with one_sentence(folder):
        for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
            _remove_unless_held(left)
        temporary, held = _temporary(folder)
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            os.close(held)


def refusal(error: BaseException | None) -> str | None:
    """Why the disk refused, with what to do; None if `error` and its causes tell of nothing like that."""
    for one in chain(error):
        number = one.errno if isinstance(one, OSError) else None
        if number not in _REASONS:
            number = next((number for text, number in _TEXTS.items() if text in str(one)), None)
        if number is not None:
            return _REASONS[number]
    return None


@contextlib.contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Where the disk refuses what the block does: StorageError with why and what to do, instead of the error of the system."""
    try:
        yield
    except TorchcellError:
        raise
    except Exception as error:
        if why := refusal(error):
            raise StorageError(f"{path} cannot be written: {why}. What was there before is still there.") from error
        raise


def _temporary(folder: Path) -> tuple[Path, int]:
    """A new temporary folder and the descriptor that holds its lock."""
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder))
        held = _held(temporary)
        if held is not None:  # else a neighbour took it for one that was left, in the moment before it was locked
            return temporary, held


def _held(folder: Path) -> int | None:
    """A descriptor that holds the lock on `folder`; None if another process was faster, or has removed it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.exists():
            return descriptor
    except BlockingIOError:
        pass  # its writer lives
    os.close(descriptor)
    return None


def _remove_unless_held(left: Path) -> None:
    with contextlib.suppress(OSError):  # where it cannot be told, it stays
        held = _held(left)
        if held is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(held)
