"""The genes without which a strain does not live, as the datasets of a study call them: their deletions are in no sample.

Belongs here: which datasets of a study, and where they are stored. Does not: what a call is, and who is right where datasets
disagree (viability.py).
"""

from collections.abc import Set

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import Study
from torchcell_assets.schema import Viability
from torchcell_assets.steps.merged import subsets, viability
from torchcell_assets.steps.merged.page import datasets_of


def calls(study: Study, root: DataRoot) -> viability.Calls:
    """Which genes the viability datasets of the study call essential; what is not materialized says nothing."""
    names = [dataset.name for dataset in datasets_of(study, Viability)]
    tables = {name: layout.dataset_table(root.folder, name) for name in names}
    return viability.read({name: path for name, path in tables.items() if path.is_file()})


def left_out(study: Study, root: DataRoot) -> Set[str]:
    """The genes whose deletions are in no sample.

    Raises:
        SubsetError: the study leaves out what does not live, and there is no record of that.
    """
    if not study.condition.viable_only:
        return frozenset()
    essential = calls(study, root).essential.keys()
    if not essential:
        raise subsets.SubsetError(
            f"The condition of the study {study.name} is `viable_only`, and no dataset says which genes are essential: add one "
            "such as viability_deletion_project to its datasets and materialize it."
        )
    return essential
