"""What must hold of the representations: the raw files of their recipes are still the pinned ones."""

from torchcell_assets.config.study import current
from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets.steps.representations.assets import gene_embedding
from torchcell_assets.steps.representations.recipes import RECIPES

_FILES = dict.fromkeys(source for key in current().representations for source in RECIPES[key].files)
CHECKS = [raw_files_as_pinned(gene_embedding.key, list(_FILES))] if _FILES else []
