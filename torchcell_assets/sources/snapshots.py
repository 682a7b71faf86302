"""Weights of a model by name: in a folder of snapshots, or from the Hugging Face hub at a pinned revision.

Belongs here: what a snapshot is, where it is looked for, and whether its files are the right ones. Does not: which models there
are (beside what uses them, in the steps), loading them; single raw files (files.py).

In order: the cache of the data root, the folder that `TORCHCELL_WEIGHTS` names, the cache of Hugging Face, the hub. Each of these
folders has the layout of `huggingface_hub` (`models--ORG--NAME/snapshots/REVISION/`); the second may hold `ORG/NAME/` as well.
A file without a pinned sha256 is pinned when it is first used: what has other bytes afterwards is refused. Nothing but
safetensors, JSON and text is read, and no code of a snapshot is ever run. Weights that are published as a pickle alone are
converted once, by a command that a person gives (converted.py), and read from where it has put them.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchcell_assets.sources.files import Sources
from torchcell_assets.sources.source import Source, SourceUnavailable
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.hashing import known_sha256
from torchcell_assets.storage.locks import exclusive_lock

PINS = "first_use.json"
"""In the cache: sha256 of what no pin was known of, as it was when it was first used."""
CONVERTED = "converted.json"
"""In the folder of a converted snapshot: sha256 of what was published, and of what was made of it."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
WEIGHTS_VARIABLE = "TORCHCELL_WEIGHTS"


@dataclass(frozen=True)
class Snapshot:
    """The files of one model.

    repository: on the hub, such as `facebook/esm2_t6_8M_UR50D`.
    revision: the commit.
    files: name -> sha256, or None where none is published.
    bytes: of all files together, about: what a person has to wait for.
    url: of its only file, where it is published outside the hub.
    """

    repository: str
    revision: str
    files: Mapping[str, str | None]
    bytes: int
    licence: str
    citation: str
    doi: str
    url: str | None = None

    @property
    def pickles(self) -> tuple[str, ...]:
        """Those of its files that are pickles."""
        return tuple(name for name in self.files if name.endswith((".bin", ".pkl", ".pt")))

    @property
    def name(self) -> str:
        """Repository and revision, for people."""
        return f"{self.repository}@{self.revision[:12]}"

    @property
    def inside(self) -> Path:
        """Where it lies in a folder with the layout of `huggingface_hub`."""
        return Path(f"models--{self.repository.replace('/', '--')}", "snapshots", self.revision)


@dataclass(frozen=True)
class Snapshots:
    """Snapshots as local folders. cache: of the data root. folder: of `TORCHCELL_WEIGHTS`. offline: the hub is not asked."""

    cache: Path
    folder: Path | None = None
    offline: bool = False

    def verified(self, snapshot: Snapshot) -> tuple[Path, dict[str, str]]:
        """The folder from which a model is loaded, and the sha256 of each published file; fetched from the hub if need be.

        Raises:
            SourceUnavailable: it is nowhere, is not converted yet, or a file of it is another one: one sentence with what to do.
        """
        if snapshot.pickles:
            return self._converted(snapshot)
        return self.published(snapshot)

    def published(self, snapshot: Snapshot) -> tuple[Path, dict[str, str]]:
        """The folder with all published files of a snapshot, and the sha256 of each. Raises SourceUnavailable."""
        for place in self.places(snapshot):
            if all((place / name).is_file() for name in snapshot.files):
                return place, self._checked(snapshot, place)
        place = self._fetched(snapshot)
        return place, self._checked(snapshot, place)

    def places(self, snapshot: Snapshot) -> list[Path]:
        """The folders in which its files may lie, in the order in which they are looked at."""
        folders = [self.cache, *([self.folder] if self.folder else []), _hub_cache()]
        found = [_in_layout(folder, snapshot) for folder in folders]
        return [*found, self.cache / snapshot.repository, *([self.folder / snapshot.repository] if self.folder else [])]

    def converted(self, snapshot: Snapshot) -> Path:
        """Where a snapshot lies once its pickles were converted."""
        return self.cache / "converted" / f"{snapshot.repository.replace('/', '--')}@{snapshot.revision}"

    def _converted(self, snapshot: Snapshot) -> tuple[Path, dict[str, str]]:
        place = self.converted(snapshot)
        if not (place / CONVERTED).is_file():
            raise SourceUnavailable(
                f"The weights {snapshot.repository} at revision {snapshot.revision} ({snapshot.bytes / 1e9:.2g} GB, licence "
                f"{snapshot.licence}) are published as a pickle, which is never loaded as it is: `make weights "
                f"MODEL={snapshot.repository}` converts it once, into {place}."
            )
        said = json.loads((place / CONVERTED).read_text())
        changed = [name for name, digest in said["made"].items() if known_sha256(place / name) != digest]
        other = [name for name, pin in snapshot.files.items() if pin is not None and said["published"].get(name) != pin]
        if changed or other:
            raise SourceUnavailable(
                f"{place / (changed or other)[0]} is not what was converted: delete {place}, and convert it again; vectors that "
                "were computed before stay as they are."
            )
        return place, said["published"]

    def _checked(self, snapshot: Snapshot, place: Path) -> dict[str, str]:
        """sha256 of every file; those without a pin are pinned now."""
        digests = {name: known_sha256(place / name) for name in snapshot.files}
        known = self._first_used(snapshot)
        for name, digest in digests.items():
            pinned, since = snapshot.files[name], "the published one"
            if pinned is None and name in known:
                pinned, since = known[name], "the one that was first used here"
            if pinned is not None and digest != pinned:
                raise SourceUnavailable(
                    f"{place / name} is not {since} (sha256 {digest[:12]}..., not {pinned[:12]}...): it is truncated or changed. "
                    "Delete it, and it is fetched again; vectors that were computed before stay as they are."
                )
        new = {name: digests[name] for name, pinned in snapshot.files.items() if pinned is None and name not in known}
        if new:
            self._pin(snapshot, new)
        return digests

    def _first_used(self, snapshot: Snapshot) -> dict[str, str]:
        place = self.cache / PINS
        return (
            json.loads(place.read_text()).get(f"{snapshot.repository}@{snapshot.revision}", {})
            if place.exists()
            else {}
        )

    def _pin(self, snapshot: Snapshot, digests: Mapping[str, str]) -> None:
        place = self.cache / PINS
        with exclusive_lock(self.cache):
            pins = json.loads(place.read_text()) if place.exists() else {}
            pins.setdefault(f"{snapshot.repository}@{snapshot.revision}", {}).update(digests)
            with atomic_write(place) as temporary:
                temporary.write_text(json.dumps(pins, indent=1, sort_keys=True))

    def _fetched(self, snapshot: Snapshot) -> Path:
        offline = self.offline or any(
            os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE
        )
        if offline:
            raise self._absent(snapshot, "the hub is not asked, because this runs offline")
        if snapshot.url:
            return self._downloaded(snapshot, snapshot.url)
        try:
            from huggingface_hub import snapshot_download
        except ModuleNotFoundError as error:
            raise self._absent(snapshot, "the hub is not asked, because the extra `deep` is not installed") from error
        return self._asked(snapshot, snapshot_download)

    def _asked(self, snapshot: Snapshot, download: Callable[..., str | list]) -> Path:
        """The hub's answer, in the cache. huggingface_hub shows the bar, goes on with what it has, and renames at the end."""
        try:
            download(
                snapshot.repository,
                revision=snapshot.revision,
                cache_dir=self.cache,
                allow_patterns=list(snapshot.files),
            )
        except Exception as error:  # requests, httpx and the hub each raise their own
            why = f"the hub was asked and did not give it ({type(error).__name__})"
            raise self._absent(snapshot, why) from error
        place = _in_layout(self.cache, snapshot)
        if lacking := [name for name in snapshot.files if not (place / name).is_file()]:
            raise self._absent(snapshot, f"the hub has no {lacking[0]} at this revision")
        return place

    def _downloaded(self, snapshot: Snapshot, url: str) -> Path:
        """The only file of a snapshot that is published outside the hub, in the cache."""
        place, (name,) = self.cache / snapshot.repository, snapshot.files
        file = Source(name, (str(snapshot.files[name]),), None, url, snapshot.licence, snapshot.citation, snapshot.doi)
        Sources(cache=place).path(file)
        return place

    def _absent(self, snapshot: Snapshot, why: str) -> SourceUnavailable:
        """One sentence: what is missing, how large it is, its licence, where to put it."""
        place = (self.folder or Path(f"${WEIGHTS_VARIABLE}")) / snapshot.repository
        return SourceUnavailable(
            f"The weights {snapshot.repository} at revision {snapshot.revision} ({snapshot.bytes / 1e9:.2g} GB, licence "
            f"{snapshot.licence}) are not here: {why}. Put {', '.join(snapshot.files)} into {place}"
            f"{'' if self.folder else f', a folder that {WEIGHTS_VARIABLE} names'}, or let this machine reach the hub."
        )


def _in_layout(folder: Path, snapshot: Snapshot) -> Path:
    """Where a snapshot lies in a folder with the layout of `huggingface_hub`; a branch is looked up in its `refs`."""
    named = folder / snapshot.inside.parts[0] / "refs" / snapshot.revision
    commit = named.read_text().strip() if named.is_file() else snapshot.revision
    return folder / snapshot.inside.parts[0] / "snapshots" / commit


def _hub_cache() -> Path:
    """The cache of Hugging Face, as its own library decides (docs of huggingface_hub, environment variables)."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    try:
        return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    except RuntimeError:  # no home folder
        return home / "hub"
