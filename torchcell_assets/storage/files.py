"""The files that a materialization made: what is recorded of them, and how what is on the disk stands to that.

Belongs here: the form of the record, a look at the files, the reading of them. Does not: writing (storage/atomic.py), which
materialization is asked about (history.py), what follows from it (outdated.py).

A look is one `stat` a file: a file of another size is another file, one of the same size and time is the one that was made. A
copy of a data root that kept no times (`cp -r`) is read once: where a file holds what was recorded, its time is set back to the
recorded one, so that the next look is a `stat` again. What was edited in place and given its old time back only the reading
finds (`files_in_sync`, in the job `verify`).
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchcell_assets.storage.atomic import TEMPORARY_PREFIX
from torchcell_assets.storage.hashing import sha256_of

METADATA = "torchcell/files"
"""Name of the record among the metadata of a materialization."""


@dataclass(frozen=True)
class Lost:
    """Paths of a record that are gone, and paths that hold something else than what was made; relative to the data root."""

    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gone or self.changed)


def record(files: Mapping[Path, Path], present: Iterable[Path] = ()) -> str:
    """The record of some files, as JSON: a list of `[path, bytes, time in ns, sha256]`, or `[path]` for what is only there.

    Args:
        files: place of a file, or of a folder with all files in it -> where it is now, which may be a temporary path.
        present: paths that others write to, such as the store of a server, of which only the existence is recorded.

    """
    made = [_entry(place, now) for place, now in _single(files)]
    return json.dumps([*sorted(made), *([str(path)] for path in present)])


def relative_to(root: Path, text: str) -> str:
    """A record whose paths are relative to the data root, where they lie in it: a root may be moved."""
    return json.dumps([[_relative(root, path), *facts] for path, *facts in json.loads(text)])


def lost(root: Path, text: str) -> Lost:
    """What a look at the files finds: one `stat` a file."""
    return _compared(root, text, _as_made)


def read_through(root: Path, text: str) -> Lost:
    """What the reading of all files finds, whatever their times say."""
    return _compared(root, text, lambda path, told, size, _, sha256: told.st_size == size and sha256_of(path) == sha256)


def _compared(root: Path, text: str, same: Callable[..., bool]) -> Lost:
    gone, changed, base = [], [], str(root)
    for path, *facts in json.loads(text):
        # texts, and no Path: a Path for each of 100,000 files takes longer than all of their stats
        place = os.path.join(base, path)  # noqa: PTH118
        try:
            told = os.stat(place)  # noqa: PTH116
            if facts and not same(place, told, *facts):
                changed.append(path)
        except OSError:
            gone.append(path)
    return Lost(tuple(gone), tuple(changed))


def _as_made(path: str, told: os.stat_result, size: int, time: int, sha256: str) -> bool:
    if told.st_size != size:
        return False
    return told.st_mtime_ns == time or _accepted(path, time, sha256)


def _accepted(path: str, time: int, sha256: str) -> bool:
    """Whether a file with another time holds what was recorded; if so its time is set back."""
    with Path(path).open("rb") as file:
        before = os.fstat(file.fileno())
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return False
        if os.fstat(file.fileno()).st_mtime_ns == before.st_mtime_ns:  # else it was written to meanwhile
            with contextlib.suppress(OSError):  # a data root that is only read is read again
                os.utime(file.fileno(), ns=(before.st_atime_ns, time))
    return True


def _single(files: Mapping[Path, Path]) -> Iterator[tuple[Path, Path]]:
    for place, now in files.items():
        if now.is_dir():
            inside = ((one.relative_to(now), one) for one in now.rglob("*"))
            # another process may be writing beside it
            yield from ((place / name, one) for name, one in inside if one.is_file() and not _temporary(name))
        else:
            yield place, now


def _temporary(name: Path) -> bool:
    return name.parts[0].startswith(TEMPORARY_PREFIX)


def _entry(place: Path, now: Path) -> list:
    told = now.stat()
    return [str(place), told.st_size, told.st_mtime_ns, sha256_of(now)]


def _relative(root: Path, path: str) -> str:
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path
