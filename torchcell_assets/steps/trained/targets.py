"""What models may predict: the targets that a study may name.

Belongs here: how a target is called in figures, and where its samples lie. Does not: which rows a sample has (steps/merged), the
trainers, to which a target is no more than a name and a column of values.

A second target is an entry here, with samples of its own: a table per size and a test set, in the form of those that are there.
Trainers, predictions, scores and figures take it as it comes: features are of the genes, and labels of `samples[target]`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.errors import no_such
from torchcell_assets.steps.trained.predictions import SubsetError, rows_to_predict
from torchcell_assets.steps.trained.trainer import Samples


@dataclass(frozen=True)
class Target:
    """One number of a genotype.

    title: what it is, in the title of the scoreboard. axis: what it is and where it is measured from, beside an axis of values.
    subset, test_set: where its samples lie, under a data root; of each size, and for all.
    multiplies: whether that of a mutant is, without interaction, the product of those of its single mutants.
    """

    name: str
    title: str
    axis: str
    subset: Callable[[Path, str], Path]
    test_set: Callable[[Path], Path]
    multiplies: bool


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            "fitness",
            title="growth",
            axis="fitness (wild type = 1)",
            subset=layout.subset_table,
            test_set=layout.test_set_table,
            multiplies=True,
        ),
    )
}
"""Name -> target."""


def target(name: str) -> Target:
    """The target of that name. Raises SubsetError where there is none."""
    if name not in TARGETS:
        raise SubsetError(f"{no_such('target', name, TARGETS)}.")
    return TARGETS[name]


def read_samples(root: Path, size: str, names: Iterable[str]) -> Samples:
    """What models of one size predict of each target: its sample, and the test set of all sizes.

    root: the data root.

    Raises:
        SubsetError: a target that is not known, or whose samples are not stored or cannot be trained on.
    """
    return {name: _rows(root, size, target(name)) for name in names}


def _rows(root: Path, size: str, wanted: Target) -> pl.DataFrame:
    tables = []
    for place in (wanted.subset(root, size), wanted.test_set(root)):
        if not place.is_file():
            raise SubsetError(
                f"There is no {place}: materialize merged/subset of size {size} and merged/test_set first."
            )
        tables.append(pl.read_parquet(place))
    return rows_to_predict(*tables)
