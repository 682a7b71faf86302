"""What this deployment works on: its datasets, query, sizes and representations. One process serves one study.

Belongs here: reading `studies/*.toml`, choosing the study, remembering the choice in the data root. Does not: what a
dataset or a representation is.

`TORCHCELL_STUDY` names a study or a TOML file; without it the study that the data root remembers; without that, `screens`.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torchcell_assets.errors import TorchcellError
from torchcell_assets.storage import replacing

STUDIES = Path(__file__).parent / "studies"
QUERIES = Path(__file__).parent / "steps" / "graph" / "queries"
DEFAULT = "screens"
FALLBACK = "starter"


class StudyError(TorchcellError):
    """The study cannot be used."""


@dataclass(frozen=True)
class Condition:
    """The standard condition: one row per genotype is taken at it.

    temperature: degrees Celsius, -1 where there is none (simulated growth).
    """

    medium_class: str
    temperature: float
    reference: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """One `studies/*.toml`, field by field.

    place: the name of a bundled study, or the absolute path of a TOML file: what the data root remembers.
    """

    name: str
    place: str
    title: str
    datasets: tuple[str, ...]
    query: Path
    sizes: tuple[str, ...]
    representations: tuple[str, ...]
    run_sizes: tuple[str, ...]
    grid: str
    seed: int
    merge_key: str
    larger: str
    condition: Condition


def data_root() -> Path:
    """The folder in which everything is kept: `TORCHCELL_DATA`, or `data` in the working directory."""
    return Path(os.environ.get("TORCHCELL_DATA") or "data").absolute()


def load(name: str) -> Study:
    """Read a study by name, or by the path of a TOML file."""
    path = Path(name).absolute() if name.endswith(".toml") else STUDIES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in STUDIES.glob("*.toml")))
        raise StudyError(f"There is no study {name!r}: set TORCHCELL_STUDY to one of {known}, or to a TOML file.")
    try:
        raw = tomllib.loads(path.read_text())
        return _study(path, raw)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise StudyError(
            f"The study {path} cannot be read: {error}; compare it with {STUDIES / 'screens.toml'}."
        ) from error


def _study(path: Path, raw: dict[str, Any]) -> Study:
    condition = raw.pop("condition")
    query = Path(raw.pop("query"))
    bundled = QUERIES / query
    lists = {key: tuple(value) for key, value in raw.items() if isinstance(value, list)}
    return Study(
        **{**raw, **lists},
        name=path.stem,
        place=path.stem if path.parent == STUDIES else str(path),
        query=bundled if bundled.is_file() else path.parent / query,
        condition=Condition(**{**condition, "evidence": tuple(condition["evidence"])}),
    )


def chosen() -> str | None:
    """The study that `TORCHCELL_STUDY` names or the data root remembers; None on a fresh data root."""
    if os.environ.get("TORCHCELL_STUDY"):
        return os.environ["TORCHCELL_STUDY"]
    memory = data_root() / "study"
    return memory.read_text().strip() if memory.is_file() else None


def remember(name: str) -> None:
    """Note the study in the data root, so that a later run without network does not switch to another."""
    memory = data_root() / "study"
    known = memory.read_text().strip() if memory.is_file() else None
    if known == name:
        return
    if known is not None:
        raise StudyError(
            f"The data root {data_root()} belongs to the study {known!r}, not {name!r}: "
            f"set TORCHCELL_DATA to another folder for {name!r}."
        )
    with replacing(memory) as temporary:
        temporary.write_text(name + "\n")


@cache
def current() -> Study:
    """The study of this process."""
    return load(chosen() or DEFAULT)
