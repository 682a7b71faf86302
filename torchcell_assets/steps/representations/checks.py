"""What must hold of the representations: the raw files of their recipes are still the pinned ones."""

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets.steps.representations.recipes import RECIPES


def checks(study: Study) -> list[dg.AssetChecksDefinition]:
    """One check of all raw files that the representations of a study read; none where they read none."""
    files = dict.fromkeys(source for key in study.representations for source in RECIPES[key].files)
    return [raw_files_as_pinned(layout.key(study, "representations", "gene_embedding"), list(files))] if files else []
