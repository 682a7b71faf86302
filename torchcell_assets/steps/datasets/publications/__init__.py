"""One module per publication: raw file -> typed table. The import below is the list of them, one line each.

Belongs here: that list. Does not: anything that two of them share (crosses/, and the modules beside this folder).
"""

from types import ModuleType

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

MODULES: tuple[ModuleType, ...] = tuple(one for one in list(vars().values()) if isinstance(one, ModuleType))
"""The modules of the list. Each has `DATASETS`, a tuple."""
