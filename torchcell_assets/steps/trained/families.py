"""The model families that a study may name: each an entry of one registry.

Belongs here: name, title and colour of a family, its trainer, the environment that it needs. Assets, jobs, scoreboard and figures
derive from it, and nothing else names a family but the grids. Does not: fitting (the trainers), hyper-parameters (grids.py).

A new family is an entry here, its candidates in grids.py and, if none of the trainers fits it, a class with the method `fit`: see
docs/add_a_model_family.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchcell_assets.errors import no_such
from torchcell_assets.steps.trained import cross_validation, design, estimators, scikit_learn, torch_linear
from torchcell_assets.steps.trained.cells import Cell
from torchcell_assets.steps.trained.features import AGGREGATIONS
from torchcell_assets.steps.trained.torch_trainer import TorchLinear
from torchcell_assets.steps.trained.trainer import Trainer, TrainingError


@dataclass(frozen=True)
class Family:
    """One family of models.

    colour: of its marks in figures. kind: what Dagster's UI shows it is made with.
    policy: what decides the numbers of a fit beside its candidate, JSON-able.
    aliases: aggregation -> another one from which it provably predicts the same.
    environment: the extra that its trainer needs; it then trains in a process of its own, which has that extra. None: this one.
    """

    name: str
    title: str
    colour: str
    trainer: Trainer
    kind: str
    policy: Mapping[str, Any]
    aliases: Mapping[str, str]
    environment: str | None = None

    @property
    def drawn(self) -> list[str]:
        """Aggregations that are not provably another one."""
        return [name for name in AGGREGATIONS if name not in self.aliases]

    def cells(self, root: Path, sizes: Iterable[str], representations: Iterable[str]) -> Iterator[Cell]:
        """All cells of it that could be trained."""
        keys = list(representations)
        return (Cell(root, self.name, size, key) for size in sizes for key in keys)


SHARED = {"aliases": cross_validation.ALIASES, "samples": design.SAMPLES}
"""What decides the numbers of every family."""
_SCIKIT_LEARN: dict[str, Any] = {"kind": "scikitlearn", "policy": {**estimators.POLICY, **SHARED}}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "elastic_net",
            "Elastic net",
            "#0072B2",
            scikit_learn.ELASTIC_NET,
            aliases=cross_validation.ALIASES,
            **_SCIKIT_LEARN,
        ),
        Family(
            "support_vector",
            "Support vector regression",
            "#009E73",
            scikit_learn.SUPPORT_VECTOR,
            aliases=cross_validation.ALIASES,
            **_SCIKIT_LEARN,
        ),
        Family("random_forest", "Random forest", "#D55E00", scikit_learn.RANDOM_FOREST, aliases={}, **_SCIKIT_LEARN),
        Family(
            "torch_linear",
            "Linear model by gradient descent",
            "#CC79A7",
            TorchLinear(),
            kind="pytorch",
            policy={**torch_linear.POLICY, **SHARED},
            aliases=cross_validation.ALIASES,
            environment="deep",
        ),
    )
}
"""Name -> family, in the order in which they are shown."""


def family(name: str) -> Family:
    """The family of that name. Raises TrainingError where there is none."""
    if name not in FAMILIES:
        raise TrainingError(f"{no_such('model family', name, FAMILIES)}.")
    return FAMILIES[name]


def chosen(names: Iterable[str] = ()) -> list[Family]:
    """The families that a study names; where it names none, all that need no environment of their own."""
    wanted = set(names)
    return [one for one in FAMILIES.values() if (one.name in wanted if wanted else one.environment is None)]
