"""Dagster's own folder in the data root: its databases, and `dagster.yaml`, which follows the version that is installed.

Belongs here: DAGSTER_HOME and the two files of Dagster that this project brings. Does not: starting the UI (cli/ui.py).
"""

import hashlib
import os
from pathlib import Path

from torchcell_assets.config import study
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.locks import exclusive_lock

_PACKAGE = Path(__file__).parents[1]
_MARK = "# as it came with torchcell_assets, sha256 "
"""Begins the first line of our copy: with the digest of the other lines it tells whether a person has edited them."""


def shipped(name: str) -> Path:
    """A file that lies at the top of a checkout, and inside the package once it is installed."""
    inside = _PACKAGE / name
    return inside if inside.is_file() else _PACKAGE.parent / name


def is_ours(home: Path) -> bool:
    """Whether a DAGSTER_HOME is that of the data root; another may have other launchers, and a configuration of its own."""
    return home == study.data_root() / "dagster"


def prepare() -> str | None:
    """Set DAGSTER_HOME, unless it is set, and bring its `dagster.yaml` to this version.

    Returns:
        A sentence, where a person has edited the file and this version brings another.
    """
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(study.data_root() / "dagster")
    home = Path(os.environ["DAGSTER_HOME"])
    place, text = home / "dagster.yaml", shipped("dagster.yaml").read_text()
    if not place.exists():
        _create(home, text)
    elif is_ours(home) and (there := place.read_text()) != _marked(text):
        if _edited(there, text):
            return f"{place} was edited and is kept; this version brings another one: {shipped('dagster.yaml')}."
        with exclusive_lock(home), atomic_write(place) as temporary:
            temporary.write_text(_marked(text))
    return None


def _create(home: Path, text: str) -> None:
    """The file comes after the databases: two first commands at once would each number the tables of a new one, and no
    command could open it again.
    """
    import dagster as dg

    with exclusive_lock(home), atomic_write(home / "dagster.yaml") as temporary:
        temporary.write_text(_marked(text))
        with dg.DagsterInstance.from_config(str(home), str(temporary.relative_to(home))):
            pass


def _marked(text: str) -> str:
    return f"{_MARK}{_digest(text)}\n{text}"


def _edited(there: str, text: str) -> bool:
    """Whether a file is neither what a version wrote nor what this one brings, which older ones wrote without a mark."""
    mark, _, rest = there.partition("\n")
    return there != text and mark != f"{_MARK}{_digest(rest)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
