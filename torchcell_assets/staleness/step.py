"""The `step` decorator: declares an asset. The only abstraction that a newcomer has to learn.

It turns the folder of the module into group and key prefix, and `uses` into a code version, and lets the result remember
both (provenance.py); it does nothing else.
"""

import inspect
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy

from torchcell_assets.config.step_resources import op_tags as resources_of
from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.fingerprint import describe, digest
from torchcell_assets.sources import Source
from torchcell_assets.staleness.condition import REBUILD
from torchcell_assets.staleness.provenance import MEMBERS, RETRIES, USES_METADATA, recorded, without_members
from torchcell_assets.staleness.queries import words

OWNER = "team:torchcell-assets"
PACKAGE = Path(__file__).parents[1]


class DeclarationError(TorchcellError):
    """An asset cannot be declared."""


@dataclass(frozen=True)
class Policy:
    """A decision that stored data depend on and that is no class, file or source: name and JSON-able content."""

    name: str
    content: Any


@dataclass(frozen=True)
class Members:
    """Names of which one that goes outdates what is stored, and one that comes does not; it is no part of the code version."""

    name: str
    content: Sequence[str]


Use = type[dy.Schema] | Source | Path | Policy | Members
"""A record class (its fingerprint), a source (its sha256), a query file (its words, without comments), a policy, or members."""


def describe_uses(uses: Sequence[Use]) -> dict[str, Any]:
    """`{"class Fitness": {...}, "source ...": [...]}`: what an asset depends on beside its inputs, JSON-able.

    A file is called by its path in the package; one from elsewhere, such as the query of a person's study, by its name, so
    that the folder in which it lies decides nothing.

    Raises:
        DeclarationError: two of `uses` have one name, so that a change of one would not be seen.
    """
    described: dict[str, Any] = {}
    for name, content in map(_describe, uses):
        if name in described:
            raise DeclarationError(f"Two entries of `uses` are called {name!r}: give one of them another name.")
        described[name] = content
    return dict(sorted(described.items()))


def _describe(use: Use) -> tuple[str, Any]:
    if isinstance(use, Source):
        return f"source {use.name}", list(use.sha256)
    if isinstance(use, Path):
        return f"file {_name_of(use)}", digest(words(use))
    if isinstance(use, Members):
        return f"{MEMBERS}{use.name}", sorted(use.content)
    if isinstance(use, Policy):
        return f"policy {use.name}", json.loads(json.dumps(use.content))  # as it is read back: a tuple is a list
    return f"class {use.__name__}", describe(use)


def _name_of(path: Path) -> str:
    own = path.resolve()
    return str(own.relative_to(PACKAGE)) if own.is_relative_to(PACKAGE) else path.name


def _code_references(functions: Sequence[Callable[..., Any]], uses: Sequence[Use]) -> dg.CodeReferencesMetadataValue:
    """Where an asset is written: Dagster's own search ends at the wrapper of `recorded`."""
    places = [(inspect.getsourcefile(one), one.__code__.co_firstlineno, one.__name__) for one in functions]
    places += [(str(use), 1, use.name) for use in uses if isinstance(use, Path)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # pinned by the version, driven by a test
        return dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=path or "", line_number=line, label=label)
                for path, line, label in places
            ]
        )


def code_version(uses: Mapping[str, Any], logic: str) -> str:
    """`<logic>-<fingerprint of all that the asset uses>`, but for members; uses: what `describe_uses` gives."""
    return f"{logic}-{digest(without_members(uses))}"


def step(
    *,
    uses: Sequence[Use] = (),
    logic: str = "1",
    name: str | None = None,
    description: str | None = None,
    kinds: set[str] | None = None,
    deps: Sequence[Any] = (),
    partitions_def: dg.PartitionsDefinition | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    pool: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    retries: int = RETRIES,
    rebuilds: bool = False,
    prefix: Sequence[str] = (),
    code: Sequence[Callable[..., Any]] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset of the step in whose folder the module lies.

    uses: what the stored data depend on beside the inputs; a change of any of them makes the asset outdated. Constants that
        decide numbers belong here, as policies. No two may have one name.
    logic: raise it when the code changes what is stored and nothing in `uses` shows it; a test of the recorded code asks.
    pool: which steps wait for each other; it also says what the step asks of a machine (config/step_resources.py).
    op_tags: further tags of the step, for whoever executes it.
    retries: how often a launched run tries again what may pass (`TorchcellError.may_pass`): a server that does not answer.
        A `RetryPolicy` of Dagster would try every refusal again, the wrong file and the wrong password too.
    prefix: before the key, where several studies share one Dagster instance.
    rebuilds: the automation sensor makes it again once it is outdated; else it turns amber and waits for a person.
    code: functions beside the asset's own that its page points at; the files in `uses` are pointed at anyway.
    The other arguments are those of `dagster.asset`. A backfill policy is none of them: a run makes one cell (see
    docs/decisions/one_run_a_cell.md).
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        group = function.__module__.split(".")[-2]
        described = describe_uses(uses)
        return dg.asset(
            name=name or function.__name__,
            key_prefix=[*prefix, group],
            group_name=group,
            description=description or inspect.cleandoc(function.__doc__ or ""),
            code_version=code_version(described, logic),
            kinds=kinds,
            deps=deps,
            partitions_def=partitions_def,
            owners=[OWNER],
            tags={"organism": "s_cerevisiae", **(tags or {})},
            metadata={
                **(metadata or {}),
                "dagster/code_references": _code_references([function, *code], uses),
                USES_METADATA: dg.MetadataValue.json(described),
            },
            pool=pool,
            op_tags={**resources_of(pool), **(op_tags or {})},
            automation_condition=REBUILD if rebuilds else None,
        )(recorded(function, described, retries))

    return declare
