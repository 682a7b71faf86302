"""The jars of the local Neo4j: fetched once per user, each checked against the lock file beside this module.

Belongs here: where the jars lie, how they come there, and how a complete folder is recognised without the network.
Does not: starting a server (`local_server`), or what is stored in one (the load).

`neo4j.lock.toml` holds coordinates and sha256 only; which registry is asked is the Maven client's own default.
"""

import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from torchcell_assets import environment
from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources.progress import count_bar
from torchcell_assets.storage.hashing import sha256_of
from torchcell_assets.storage.locks import locked

LOCK_FILE = Path(__file__).with_name("neo4j.lock.toml")
COMPLETE = "complete.sha256"  # written last; holds the sha256 of the lock file that the folder was filled by
DOWNLOADS = 12  # nearly all of the time is connection set-up: 217 small files
ATTEMPTS = 3  # one lost connection in 217 must not cost the other 216


class GraphUnavailable(TorchcellError):
    """The local graph server, or what it is made of, cannot be had."""


def neo4j_version(lock_file: Path = LOCK_FILE) -> str:
    """The version of Neo4j that the lock file pins."""
    return _version(_dependencies(lock_file))


def fetch_jars(progress: bool = True, *, lock_file: Path = LOCK_FILE) -> Path:
    """The folder that holds every jar of the lock file, verified; fetched on first use (140 MB, about half a minute).

    It is `neo4j-<version>` in `$TORCHCELL_CACHE`, or in the per-user cache where that is not set, and is shared by
    all homes. A complete folder is recognised by its marker and its file names alone.
    """
    lock = lock_file.read_bytes()
    dependencies = _dependencies(lock_file)
    folder = _cache() / f"neo4j-{_version(dependencies)}"
    fingerprint = hashlib.sha256(lock).hexdigest()
    if _is_complete(folder, fingerprint, dependencies):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "fetch.lock"):
            # a second process waited here while the first one fetched
            if not _is_complete(folder, fingerprint, dependencies):
                _fetch_missing(dependencies, folder, progress)
                _write_marker(folder / COMPLETE, fingerprint)
    except OSError as error:
        raise GraphUnavailable(
            f"The jars of Neo4j cannot be kept in {folder} ({error.strerror or error}): make room there or let "
            "TORCHCELL_CACHE name another folder."
        ) from error
    return folder


def _cache() -> Path:
    if chosen := environment.path(environment.CACHE):
        return chosen
    import pooch

    try:
        return Path(pooch.os_cache("torchcell_assets"))
    except RuntimeError:  # a user without home, as containers have them
        return environment.data_root() / "cache"


def _dependencies(lock_file: Path) -> list[dict[str, Any]]:
    return tomllib.loads(lock_file.read_text())["dependencies"]


def _version(dependencies: list[dict[str, Any]]) -> str:
    return next(d["version"] for d in dependencies if (d["groupId"], d["artifactId"]) == ("org.neo4j", "neo4j"))


def _jar_name(dependency: dict[str, Any]) -> str:
    parts = (dependency["artifactId"], dependency["version"], dependency.get("classifier"))
    return "-".join(part for part in parts if part) + "." + dependency.get("packaging", "jar")


def _is_complete(folder: Path, fingerprint: str, dependencies: list[dict[str, Any]]) -> bool:
    try:
        if (folder / COMPLETE).read_text().strip() != fingerprint:
            return False
        present = {entry.name for entry in os.scandir(folder)}
    except OSError:
        return False
    return present.issuperset(map(_jar_name, dependencies))


def _fetch_missing(dependencies: list[dict[str, Any]], folder: Path, progress: bool) -> None:
    # jgo writes a download in place under its final name, so it works in a folder of its own that is thrown away: what
    # a broken connection left there can never pass for a jar. A Maven cache of the user's is only read.
    wanted = {_jar_name(dependency) for dependency in dependencies}
    for jar in folder.glob("*.jar"):
        if jar.name not in wanted:  # of an older lock file: everything in the folder is on the class path
            jar.unlink()
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as downloads:
        projects = _maven_sources(Path(downloads))
        with (
            ThreadPoolExecutor(DOWNLOADS) as pool,
            count_bar("fetching Neo4j (once)", len(dependencies), progress) as advance,
        ):
            tasks = [pool.submit(_fetch, dependency, projects, folder) for dependency in dependencies]
            try:
                for task in as_completed(tasks):
                    task.result()
                    advance()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _maven_sources(downloads: Path) -> list[Callable[[str, str], Any]]:
    """First the Maven cache that the user may have, then the registry."""
    from jgo.maven import MavenContext

    own = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    return [
        MavenContext(repo_cache=downloads, local_repos=[own], offline=True).project,
        *[MavenContext(repo_cache=downloads, timeout=30).project] * ATTEMPTS,
    ]


def _fetch(dependency: dict[str, Any], projects: list[Callable[[str, str], Any]], folder: Path) -> None:
    target = folder / _jar_name(dependency)
    if target.exists() and sha256_of(target) == dependency["sha256"]:
        return
    refused, cause = "", None
    for project in projects:
        artifact = project(dependency["groupId"], dependency["artifactId"]).at_version(dependency["version"])
        artifact = artifact.artifact(dependency.get("classifier") or "", dependency.get("packaging", "jar"))
        try:
            jar = artifact.resolve()
        except Exception as error:  # jgo's RuntimeError, or whatever its HTTP client raises
            cause = error
            artifact.cached_path.unlink(missing_ok=True)
            continue
        if sha256_of(jar) == dependency["sha256"]:
            _place(jar, target)
            return
        refused = f"its sha256 is not the one in {LOCK_FILE.name}"
        artifact.cached_path.unlink(missing_ok=True)
    raise GraphUnavailable(
        f"{target.name} of the local Neo4j was not taken: {refused or 'it could not be fetched'}. Try again with a "
        f"working connection, or copy the folder {folder} from a machine that has it."
    ) from cause


def _place(jar: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(jar, part)
    except OSError:  # another file system, or one without links
        shutil.copyfile(jar, part)
    part.replace(target)


def _write_marker(marker: Path, fingerprint: str) -> None:
    part = marker.with_name(f"{marker.name}.part")
    part.write_text(fingerprint + "\n")
    part.replace(marker)
