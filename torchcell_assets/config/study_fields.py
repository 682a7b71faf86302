"""What a field of a study may hold: names that there are, sizes as they are written, the file of a query.

Belongs here: types of fields with the sentence of each refusal. Does not: which fields a study has (study.py), which names there
are (steps/vocabulary.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictStr, ValidationInfo

from torchcell_assets.errors import no_such

QUERIES = Path(__file__).parents[1] / "steps" / "graph" / "queries"
SIZE = re.compile(r"[1-9](\.[0-9]*[1-9])?e[1-9]")
"""How a size is written, beside `all`: one way for each number, because a size is a partition key."""
_KINDS = {"families": "model family"}
"""Names of a Vocabulary whose singular is irregular."""


@dataclass(frozen=True)
class Vocabulary:
    """The names that a study may use, by what they are names of. measured: dataset -> the targets that it measures."""

    datasets: Sequence[str]
    representations: Sequence[str]
    targets: Sequence[str]
    families: Sequence[str]
    grids: Sequence[str]
    merge_keys: Sequence[str]
    medium_classes: Sequence[str]
    assays: Sequence[str]
    references: Sequence[str]
    evidences: Sequence[str]
    measured: Mapping[str, Sequence[str]]


def known_name(names: str) -> AfterValidator:
    """Refuses what is none of `names` of the Vocabulary that the validation is given; where it is given none, nothing."""
    kind = _KINDS.get(names) or names.removesuffix("es" if names.endswith("sses") else "s").replace("_", " ")

    def known(name: str, info: ValidationInfo) -> str:
        if info.context is not None and name not in getattr(info.context, names):
            raise ValueError(no_such(kind, name, getattr(info.context, names)))
        return name

    return AfterValidator(known)


def written_size(written: Any) -> Any:
    """A size as it has to be written; raises ValueError with the right way."""
    try:
        number = 0.0 if isinstance(written, bool) else float(written)
    except (TypeError, ValueError):
        number = 0.0
    if written == "all" or (isinstance(written, str) and SIZE.fullmatch(written)):
        return written
    if 1 <= number < 1e10:
        mantissa, exponent = f"{number:e}".split("e")
        raise ValueError(f'write "{mantissa.rstrip("0").rstrip(".")}e{int(exponent)}" for {written!r}')
    raise ValueError(f'There is no size {written!r}: write "1e3", "1.5e4" ... or "all"')


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of which none stands there twice; raises ValueError."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} stands there twice")
    return names


def query_file(query: Path, info: ValidationInfo) -> Path:
    """The file of a query: one of ours, or one that lies beside the study."""
    beside: Path = info.data["folder"] / query.expanduser()
    found = next((path for path in (QUERIES / query, beside) if path.is_file()), None)
    if found is None:
        missing = no_such("query", str(query), [path.name for path in QUERIES.glob("*.cypher")])
        raise ValueError(f"{missing.removesuffix('?')}; a query of your own would be {beside}")
    return found


Text = Annotated[StrictStr, Field(min_length=1)]
DatasetName = Annotated[StrictStr, known_name("datasets")]
RepresentationName = Annotated[StrictStr, known_name("representations")]
TargetName = Annotated[StrictStr, known_name("targets")]
FamilyName = Annotated[StrictStr, known_name("families")]
EvidenceName = Annotated[StrictStr, known_name("evidences")]
Size = Annotated[StrictStr, BeforeValidator(written_size)]
NAMES = (Field(min_length=1), AfterValidator(distinct))
"""Of a list of names: at least one, and none twice."""
STRICT = ConfigDict(extra="forbid", frozen=True)
