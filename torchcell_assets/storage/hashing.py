"""SHA-256 of files.

Belongs here: reading a file for its digest, once where nothing has touched it. Does not: the hash of a table's rows (content.py).
"""

import functools
import hashlib
from pathlib import Path

KEPT = 40_000
"""Digests that `known_sha256` keeps."""


def sha256_of(path: Path | str) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; read once in a process as long as its size and time of change stay."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@functools.lru_cache(maxsize=KEPT)
def _digest(path: Path, *_: int) -> str:
    return sha256_of(path)
