"""Raw file -> typed table: one module per publication, and the list of them.

Belongs here: the list `DATASETS`, from which the assets of `datasets` and `graph` and the inputs of `merged` are made. A new
dataset is a new module and one line here; see docs/add_a_dataset.md. Does not: what is in a raw file (the modules).
"""

from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.genome import GENOME
from torchcell_assets.steps.datasets.publications import (
    costanzo2016_pairs,
    deutschbauer2005,
    fitness_baryshnikova2010,
    fitness_breslow2008,
    fitness_costanzo2016,
    fitness_flux_balance,
    kuzmin2018,
    kuzmin2020,
    sga,
    viability_deletion_project,
)

DATASETS: tuple[Dataset, ...] = (
    fitness_baryshnikova2010.DATASET,
    fitness_breslow2008.DATASET,
    fitness_costanzo2016.DATASET,
    costanzo2016_pairs.FITNESS,
    costanzo2016_pairs.INTERACTION,
    deutschbauer2005.FITNESS,
    fitness_flux_balance.DATASET,
    kuzmin2018.FITNESS,
    kuzmin2018.QUERIES,
    kuzmin2020.FITNESS,
    kuzmin2020.QUERIES,
    sga.FITNESS,
    kuzmin2018.INTERACTION,
    kuzmin2020.INTERACTION,
    sga.INTERACTION,
    viability_deletion_project.DATASET,
    deutschbauer2005.VIABILITY,
)
"""Every dataset of records. The genome is no record: it stands beside them as `GENOME`."""

__all__ = ["DATASETS", "GENOME", "Dataset", "Parsed"]
