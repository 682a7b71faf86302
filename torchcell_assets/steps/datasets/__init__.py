"""Raw file -> typed table: one module per publication, and what all of them together give.

Belongs here: `DATASETS`, from which the assets of `datasets` and `graph` and the inputs of `merged` are made. Does not: the list
of the publications (publications/__init__.py: a new dataset is a new module and one line there, see docs/add_a_dataset.md), what
is in a raw file (the modules).
"""

from torchcell_assets.steps.datasets import publications
from torchcell_assets.steps.datasets.chromosomes import CHROMOSOME_SEQUENCES
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.genome import GENOME

DATASETS: tuple[Dataset, ...] = tuple(
    sorted((one for module in publications.MODULES for one in module.DATASETS), key=lambda one: one.name)
)
"""Every dataset of records, by name. The genome is no record: it stands beside them as `GENOME`."""

REFERENCE: tuple[Dataset, ...] = (GENOME, CHROMOSOME_SEQUENCES)
"""What every study has: the genes, and the DNA on which they lie. Only the genes are in the graph."""

__all__ = ["CHROMOSOME_SEQUENCES", "DATASETS", "GENOME", "REFERENCE", "Dataset", "Parsed"]
