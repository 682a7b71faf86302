"""What models may predict: the targets that a study may name, and their rows in the stored samples.

Belongs here: samples as trainers take them. Does not: which targets there are and what each is (steps/merged/phenotypes.py),
which rows and columns a sample has (steps/merged), the trainers, to which a target is no more than a name and a column of values.

Trainers, predictions, scores and figures take targets as they come: features are of the genes, and labels of `samples[target]`.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.errors import no_such
from torchcell_assets.steps.merged import sample_targets
from torchcell_assets.steps.merged.phenotypes import PHENOTYPES, Phenotype
from torchcell_assets.steps.trained.predictions import SubsetError, rows_to_predict
from torchcell_assets.steps.trained.trainer import Samples


def target(name: str) -> Phenotype:
    """The target of that name. Raises SubsetError where there is none."""
    if name not in PHENOTYPES:
        raise SubsetError(f"{no_such('target', name, PHENOTYPES)}.")
    return PHENOTYPES[name]


def read_samples(root: Path, size: str, names: Iterable[str]) -> Samples:
    """What models of one size predict of each target: the rows of its sample, and of the test set of all sizes, that have a value
    of it.

    root: the data root.

    Raises:
        SubsetError: a target that is not known, or a sample that cannot be trained on.
        SampleError: a sample is not stored, or knows nothing of a target.
    """
    wanted = [target(name).name for name in names]
    places = layout.subset_table(root, size), layout.test_set_table(root)
    return {name: rows_to_predict(*(sample_targets.read(place, name) for place in places)) for name in wanted}


def test_set(root: Path, name: str) -> pl.DataFrame:
    """What models of all sizes are scored on in one target, with the columns of its merged class; root: the data root.

    Raises:
        SampleError: it is not stored, or knows nothing of that target.
    """
    return sample_targets.read(layout.test_set_table(root), target(name).name)
