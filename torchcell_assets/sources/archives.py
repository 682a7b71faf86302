"""Raw files inside zips, as a person downloaded them: looked for by name, checked by sha256, unpacked one at a time.

Belongs here: how a zip is read, and what can be wrong with one. Does not: which folders are looked at, and when (files.py).

A zip is somebody's download. It may have broken off, want a password or be another release: each of these ends as
`NotTaken`, and never as an error of the reader. A member is read in pieces, because published tables have gigabytes.
"""

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources.progress import DownloadBar
from torchcell_assets.storage.atomic import atomic_write

_PIECE = 1 << 20  # bytes
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Python's readers of bzip2 and LZMA unpack whatever a piece holds at once, however much that is; deflate64 has none."""
_ENCRYPTED = 0x1  # bit of the flags
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError)
"""What zipfile raises where the bytes make no sense: a version or an offset that does not exist is also one of these."""


class NotTaken(TorchcellError):
    """Why a zip, or a member of it, does not give the wanted file; a clause of the sentence that a person reads."""


@dataclass(frozen=True)
class Member:
    """One file of a zip."""

    archive: Path
    info: zipfile.ZipInfo

    def __str__(self) -> str:
        return f"{self.info.filename} in the zip {self.archive}"


def find(folders: Iterable[Path], name: str) -> tuple[list[Member], list[str]]:
    """The members called `name`, in whatever case, folder and zip, and one clause for each zip that has none.

    Only the directories of the zips are read.
    """
    found: list[Member] = []
    problems = []
    for archive in (archive for folder in folders for archive in _zips(folder)):
        try:
            with _told(archive), zipfile.ZipFile(archive) as opened:
                members = [Member(archive, info) for info in opened.infolist() if _is_called(info, name)]
        except NotTaken as error:
            problems.append(str(error))
        else:
            found += members
            problems += [] if members else [f"the zip {archive} has no {name}"]
    return found, problems


def first_good(members: Iterable[Member], take: Callable[[Member], None]) -> tuple[bool, list[str]]:
    """Whether `take` accepted one of the members, the first that it did; else a clause for each."""
    problems = []
    for member in members:
        try:
            take(member)
        except NotTaken as error:
            problems.append(str(error))
        else:
            return True, []
    return False, problems


def check(
    member: Member, sha256: Sequence[str], *, copy: BinaryIO | None = None, bar: DownloadBar | None = None
) -> None:
    """Read a member to its end; raise NotTaken unless it is whole and has one of the digests.

    copy: where what is read is written as well.
    """
    if bar:
        bar.total = member.info.file_size
    digest = hashlib.sha256()
    with contextlib.closing(_pieces(member)) as pieces:
        for piece in pieces:
            digest.update(piece)
            if copy:
                copy.write(piece)
            if bar:
                bar.update(len(piece))
    if digest.hexdigest() not in sha256:
        raise NotTaken(f"{member} {another_file(digest.hexdigest(), sha256)}")


def unpack(member: Member, sha256: Sequence[str], place: Path, bar: DownloadBar | None = None) -> None:
    """Write a member to `place`, where it appears whole and checked or not at all; raises what `check` does.

    Raises StorageError if the disk refuses.
    """
    with atomic_write(place) as temporary, temporary.open("wb") as copy:
        check(member, sha256, copy=copy, bar=bar)


def another_file(digest: str, sha256: Sequence[str]) -> str:
    """The end of a clause about a file whose sha256 is not one of those accepted."""
    return f"is another file (sha256 {digest[:12]}..., not {sha256[0][:12]}...)"


def _zips(folder: Path) -> list[Path]:
    try:  # a hidden file is what macOS writes beside a zip on a foreign disk
        inside = [path for path in folder.iterdir() if path.suffix.lower() == ".zip" and path.name[0] != "."]
        return sorted(path for path in inside if path.is_file())
    except OSError:  # of a folder that cannot be read, the search for the plain file has told already
        return []


def _is_called(info: zipfile.ZipInfo, name: str) -> bool:
    # old Windows programs write backslashes; __MACOSX holds attributes under the names of the files
    *folders, last = info.filename.replace("\\", "/").split("/")
    return last.casefold() == name.casefold() and "__MACOSX" not in folders


def _pieces(member: Member) -> Generator[bytes, None, None]:
    """The unpacked bytes. Its own function, so that an error of reading is not taken for one of writing."""
    if member.info.flag_bits & _ENCRYPTED:
        raise NotTaken(f"{member} wants a password: unpack it by hand")
    if member.info.compress_type not in _METHODS:
        raise NotTaken(f"{member} is packed by a method that is not read here: unpack it by hand")
    with (
        _told(member.archive),
        zipfile.ZipFile(member.archive) as archive,
        archive.open(member.info) as file,
    ):
        while piece := file.read(_PIECE):
            yield piece


@contextlib.contextmanager
def _told(archive: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotTaken(f"the zip {archive} cannot be read ({error.strerror or error})") from error
    except _DAMAGED as error:
        why = str(error).rstrip(".") or "it ends too early"
        raise NotTaken(f"the zip {archive} is truncated or damaged ({why})") from error
