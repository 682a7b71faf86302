"""What this deployment works on: its datasets, query, sizes and representations. One process serves one study.

Belongs here: reading `studies/*.toml` and holding them against what there is, choosing the study, remembering the choice in
the data root. Does not: what a dataset or a representation is; which names there are (steps/vocabulary.py).

`TORCHCELL_STUDY` names a study or a TOML file; without it the study that the data root remembers; without that, `screens`.
"""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from torchcell_assets import environment
from torchcell_assets.config.study_fields import (
    NAMES,
    STRICT,
    DatasetName,
    EvidenceName,
    FamilyName,
    RepresentationName,
    Size,
    TargetName,
    Text,
    Vocabulary,
    distinct,
    known_name,
    query_file,
)
from torchcell_assets.environment import data_root
from torchcell_assets.errors import TorchcellError, no_such
from torchcell_assets.storage.atomic import atomic_write

STUDIES = Path(__file__).parent / "studies"
DEFAULT = "screens"
FALLBACK = "starter"
_OF_THE_FILE = {"name", "place", "folder", "prefix"}
"""Fields of a study that stand in no file."""


class StudyError(TorchcellError):
    """The study cannot be used."""


class Condition(BaseModel):
    """The standard condition: one row per genotype is taken at it.

    temperature: degrees Celsius, -1 where there is none (simulated growth). assumed_from: other temperatures at which a genotype
        without conditional alleles may have been measured: such a value is assumed to hold at `temperature` too.
    consistency: rows whose measurements differ with a smaller p-value (Cochran's Q) are left out; 0 leaves none out.
    viable_only: genotypes of deletions that lack a gene which a viability dataset of the study calls essential are left out: that
        such a strain was measured says that it is not what it is called.
    """

    model_config = STRICT
    medium_class: Annotated[StrictStr, known_name("medium_classes")]
    assay: Annotated[StrictStr, known_name("assays")]
    temperature: float = Field(ge=-1, le=60, strict=True)
    assumed_from: tuple[Annotated[float, Field(ge=0, le=60, strict=True)], ...] = ()
    consistency: float = Field(default=0.0, ge=0, lt=1, strict=True)
    viable_only: bool = Field(default=False, strict=True)
    reference: Annotated[StrictStr, known_name("references")]
    evidence: Annotated[tuple[EvidenceName, ...], *NAMES]


class Study(BaseModel):
    """One `studies/*.toml`, field by field.

    targets: what models predict of a genotype; one of the datasets measures each. families: the model families that are trained;
        where none is named, all that need no environment of their own.
    run_sizes, run_representations: what the main job makes and trains on; where no representation is named there, all of them.
    folder: where the TOML file lies; a query of its own is looked for there.
    place: the name of a bundled study, or the absolute path of a TOML file: what the data root remembers.
    prefix: before the keys of its assets, where several studies share one Dagster instance.
    """

    model_config = STRICT
    name: str
    place: str
    folder: Path
    prefix: tuple[str, ...] = ()
    title: Text
    datasets: Annotated[tuple[DatasetName, ...], *NAMES]
    query: Annotated[Path, AfterValidator(query_file)]
    sizes: Annotated[tuple[Size, ...], *NAMES]
    representations: Annotated[tuple[RepresentationName, ...], *NAMES]
    run_sizes: Annotated[tuple[Size, ...], *NAMES]
    run_representations: Annotated[tuple[RepresentationName, ...], AfterValidator(distinct)] = ()
    targets: Annotated[tuple[TargetName, ...], *NAMES] = Field(default=("fitness",), validate_default=True)
    families: Annotated[tuple[FamilyName, ...], AfterValidator(distinct)] = ()
    grid: Annotated[StrictStr, known_name("grids")]
    seed: StrictInt
    merge_key: Annotated[StrictStr, known_name("merge_keys")]
    larger: Text
    condition: Condition

    @field_validator("run_sizes")
    @classmethod
    def _are_sizes(cls, wanted: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        sizes = info.data.get("sizes")  # not there where the sizes themselves are refused
        if sizes and (others := [size for size in wanted if size not in sizes]):
            raise ValueError(f"{', '.join(others)} is none of the sizes: {', '.join(sizes)}")
        return wanted

    @field_validator("run_representations")
    @classmethod
    def _are_representations(cls, wanted: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        own = info.data.get("representations")
        if own and (others := [key for key in wanted if key not in own]):
            raise ValueError(f"{', '.join(others)} is none of the representations: {', '.join(own)}")
        return wanted

    @property
    def made_by_the_main_job(self) -> tuple[str, ...]:
        """The sizes and the representations, as keys of partitions."""
        return (*self.run_sizes, *(self.run_representations or self.representations))

    @field_validator("targets")
    @classmethod
    def _are_measured(cls, wanted: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        datasets = info.data.get("datasets")  # not there where they are refused themselves
        if info.context is None or not datasets:
            return wanted
        by_dataset: Mapping[str, Sequence[str]] = info.context.measured
        measured = {target for name in datasets for target in by_dataset[name]}
        if lacking := [target for target in wanted if target not in measured]:
            would = [name for name, targets in by_dataset.items() if lacking[0] in targets]
            raise ValueError(f"no dataset of the study measures {', '.join(lacking)}: add one such as {would[0]}")
        return wanted


def load(name: str, known: Vocabulary | None = None) -> Study:
    """Read a study and hold it against what there is.

    Args:
        name: of a bundled study, or the path of a TOML file.
        known: the names that it may use; without them, names are not looked at.

    Raises:
        StudyError: it is not there, or cannot be used; every reason at once, with file, key and the nearest right word.
    """
    path = Path(name).expanduser().absolute() if name.endswith(".toml") else STUDIES / f"{name}.toml"
    raw = _read(path, name)
    place = path.stem if path.parent == STUDIES else str(path)
    problems = [f"{key}: the place of the file says that" for key in _OF_THE_FILE if key in raw]
    try:
        study = Study.model_validate(raw | {"name": path.stem, "place": place, "folder": path.parent}, context=known)
    except ValidationError as error:
        problems += filter(None, map(_problem, error.errors()))
    if problems:
        raise StudyError(f"The study {path} cannot be used:{_listed(problems)}")
    return study


def _listed(problems: list[str]) -> str:
    return f" {problems[0]}" if len(problems) == 1 else "".join(f"\n  {problem}" for problem in problems)


def _read(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        if name.endswith(".toml"):
            raise StudyError(f"There is no study file {path}: set TORCHCELL_STUDY to where it is.")
        known = [p.stem for p in STUDIES.glob("*.toml")]
        raise StudyError(
            f"{no_such('study', name, known)}; set TORCHCELL_STUDY to a study or to a file that ends in .toml."
        )
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows' editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise StudyError(f"The study {path} is not written in UTF-8: save it again with that encoding.") from error
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            f"The study {path} is no TOML: {error}; compare it with {STUDIES / 'screens.toml'}."
        ) from error
    except OSError as error:
        raise StudyError(f"The study {path} cannot be read: {error.strerror or error}.") from error


def _problem(error: ErrorDetails) -> str:
    """One line: the key, what is wrong with it, the nearest right word; empty where another line says it already."""
    place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    text = _wrong(error)
    return f"{place}: {text}" if text else ""


def _wrong(error: ErrorDetails) -> str:
    written, kind = error["input"], error["type"]
    fields = Condition.model_fields if error["loc"][0] == "condition" else Study.model_fields
    if kind == "tuple_type":
        return f"write a list, [{json.dumps(written, default=str)}]"
    if kind == "string_type" and isinstance(written, int | float):
        return f'write "{written}", with quotes'
    told = {
        "extra_forbidden": no_such("key", error["loc"][-1], fields.keys() - _OF_THE_FILE),
        "missing": "the key is missing",
        "value_error": str(error.get("ctx", {}).get("error")),
        "too_short": "" if written else "the list is empty",
    }
    return told.get(kind, f"{written!r} cannot be taken ({error['msg'][:1].lower()}{error['msg'][1:]})")


def chosen() -> str | None:
    """The study that `TORCHCELL_STUDY` names or the data root remembers; None on a fresh data root.

    Raises:
        StudyError: the study file that the data root remembers is gone.
    """
    if os.environ.get(environment.STUDY):
        return os.environ[environment.STUDY]
    known = _remembered()
    if known is not None and _is_gone(known):
        raise StudyError(
            f"The study of the data root {data_root()}, {known}, is gone: put it back, or name its new place once "
            f"(TORCHCELL_STUDY=.../{Path(known).name})."
        )
    return known


def remember(name: str) -> None:
    """Note the study in the data root, so that a later run without network does not switch to another.

    A study file that was moved is followed: its old place is gone, and the new one has its name.

    Raises:
        StudyError: the data root belongs to another study.
    """
    known = _remembered()
    if known == name:
        return
    if known is not None and not (_is_gone(known) and Path(known).name == Path(name).name):
        renamed = (
            f", or, if it is the same study under a new name, write {name} into {_memory()}" if _is_gone(known) else ""
        )
        raise StudyError(
            f"The data root {data_root()} belongs to the study {known!r}, not {name!r}: "
            f"set TORCHCELL_DATA to another folder for {name!r}{renamed}."
        )
    with atomic_write(_memory()) as temporary:
        temporary.write_text(name + "\n")


def _memory() -> Path:
    return data_root() / "study"


def _remembered() -> str | None:
    return _memory().read_text().strip() or None if _memory().is_file() else None


def _is_gone(place: str) -> bool:
    return place.endswith(".toml") and not Path(place).is_file()


@cache
def current() -> Study:
    """The study of this process."""
    return load(chosen() or DEFAULT)
