"""Flux balance of few genes of the metabolic model, all kinds among them: seconds instead of a minute of linear programs.

Belongs here: which genes, and their simulation by the real code. Does not: what has to hold of it (its tests).
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.publications import fitness_flux_balance

SLOW = ["Q0045", "YBR196C", "YCR012W", "YDL093W", "YDR050C", "YKL060C", "YLR180W", "YNL169C", "YOR175C"]
DEAD = ["YKL211C", "YOR176W"]
AS_WILD_TYPE = ["YAL038W", "YHR123W", "YOR375C", "YAL054C", "YAL062W", "YBR006W", "YCL025C", "YDL022W", "YAL060W"]
PER_ORDER = 20
"""Genotypes of each order."""


class _OfFewGenes(fitness_flux_balance._RelativeGrowth):
    def __init__(self, model):
        super().__init__(model)
        assert {*SLOW, *DEAD, *AS_WILD_TYPE} < set(self.genes)
        self.genes = sorted([*SLOW, *DEAD, *AS_WILD_TYPE])


def simulated(path_of: Callable[[Source], Path]) -> pl.DataFrame:
    """What the dataset reads out of the model where that has these genes alone; not validated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitness_flux_balance, "PER_ORDER", PER_ORDER)
        patch.setattr(fitness_flux_balance, "_RelativeGrowth", _OfFewGenes)
        return fitness_flux_balance.DATASET.read(path_of).records.collect()
