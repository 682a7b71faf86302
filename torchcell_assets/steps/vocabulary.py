"""The names that a study may use: here the study and the steps are both known.

Belongs here: collecting the lists from the rooms that own them. Does not: holding a study against them (study.py), or what
is behind a name.
"""

from torchcell_assets.config.study_fields import Vocabulary
from torchcell_assets.schema import records
from torchcell_assets.steps.datasets import DATASETS
from torchcell_assets.steps.datasets.registered import words
from torchcell_assets.steps.merged.merge import KEYS
from torchcell_assets.steps.merged.phenotypes import PHENOTYPES, merged_by
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.trained.families import FAMILIES
from torchcell_assets.steps.trained.grids import GRIDS

KNOWN = Vocabulary(
    datasets=tuple(dataset.name for dataset in DATASETS),
    representations=tuple(RECIPES),
    targets=tuple(PHENOTYPES),
    families=tuple(FAMILIES),
    grids=tuple(GRIDS),
    merge_keys=KEYS,
    medium_classes=words("medium_class"),
    assays=words("assay"),
    references=words("reference"),
    evidences=tuple(records.EVIDENCES),
    measured={dataset.name: [one.name for one in merged_by({dataset.record})] for dataset in DATASETS},
)
"""Everything that `studies/*.toml` may name."""
