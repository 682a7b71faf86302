"""How a file comes to be: under a temporary name beside its place, then renamed. A killed step leaves the old version.

Belongs here: that one act. Does not: where things live (resources), what is in them (the steps).
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from torchcell_assets.errors import TorchcellError

TEMPORARY_PREFIX = ".writing-"


class StorageError(TorchcellError):
    """A file cannot be written."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path; when the block ends well, what was written there takes the place of `path`.

    If the block fails, the temporary file is removed and `path` is as it was. Raises StorageError with one sentence
    for a full disk, a read-only or a forbidden folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _refusal(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # a rename that outlives its content would be a half-written file
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _refusal(path: Path, error: OSError) -> Exception:
    reasons = {
        errno.ENOSPC: "the disk is full; free some space and run it again",
        errno.EDQUOT: "the quota is used up; free some space and run it again",
        errno.EROFS: "the file system is read-only; set TORCHCELL_DATA to a folder that can be written",
        errno.EACCES: "it is not allowed; set TORCHCELL_DATA to a folder that you may write",
    }
    if error.errno not in reasons:
        return error
    return StorageError(f"{path} cannot be written: {reasons[error.errno]}. What was there before is still there.")
