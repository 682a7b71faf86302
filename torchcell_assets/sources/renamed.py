"""A raw file under another name: publishers rename their files, and people save them as they like.

Belongs here: finding a file by its content in the folders of a person. Does not: which
folders those are, and when they are searched (files.py).

Sizes are compared before anything is read; where only the digest of a file is known, its ending has to be right.
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torchcell_assets.storage.hashing import known_sha256

MOST = 10_000
"""Files of a folder that are looked at: somebody may have named a home folder."""
_ENDINGS = ({".txt", ".tsv", ".csv", ".tab"}, {".xls", ".xlsx"})
"""Endings that people change into one another without changing the file."""


def find(folders: Iterable[Path], name: str, sha256: Sequence[str], size: int | None) -> Path | None:
    """The first file with one of the digests, whatever it is called.

    Args:
        folders: searched with all folders in them, hidden ones excepted.
        name: what it should be called, in which folder; what is called so in another case is read first.
        sha256: accepted digests.
        size: in bytes, where it is known; else the ending has to be right.

    Returns:
        A path; None if there is no such file, or none that can be read.
    """
    found = [path for folder in folders for path in itertools.islice(_files(folder), MOST)]
    fitting = [path for path in found if _may_be(path, name, size)]
    wanted = Path(name).name.casefold()
    for path in sorted(fitting, key=lambda path: (path.name.casefold() != wanted, str(path))):
        try:
            if known_sha256(path) in sha256:
                return path
        except OSError:
            continue
    return None


def _files(folder: Path) -> Iterator[Path]:
    for place, inside, names in os.walk(folder):
        inside[:] = sorted(one for one in inside if not one.startswith("."))
        yield from (Path(place, one) for one in sorted(names) if not one.startswith("."))


def _may_be(path: Path, name: str, size: int | None) -> bool:
    if size is not None:
        try:
            return path.stat().st_size == size
        except OSError:
            return False
    ending = Path(name).suffix.lower()
    like = next((endings for endings in _ENDINGS if ending in endings), {ending})
    return path.suffix.lower() in like
