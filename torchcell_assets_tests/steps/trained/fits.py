"""Fitting families of scikit-learn in a test: one aggregation, or all of a cell."""

from torchcell_assets.steps.trained import cross_validation, families
from torchcell_assets.steps.trained.cross_validation import FittedAggregation
from torchcell_assets.steps.trained.design import Design
from torchcell_assets.steps.trained.grids import GRIDS, Grid
from torchcell_assets.steps.trained.trainer import Config

TARGET = "fitness"


def config(family: str, grid: str | Grid, **how) -> Config:
    """What a trainer is told. how: seed, threads, tick."""
    grid = GRIDS[grid] if isinstance(grid, str) else grid
    warning = grid.warnings.get(family)
    return Config(family, "1e3", grid.candidates[family], grid.folds, grid.choose_by, warning, **how)


def fit_cell(rows, embedding, family: str, grid, aggregation: str, **how) -> FittedAggregation:
    told = config(family, grid, **how)
    design = Design.of(rows, embedding, TARGET, aggregation, told)
    return families.family(family).trainer.fit_aggregation(design, told)


def fit_aggregations(rows, embedding, family: str, grid, **how) -> list[FittedAggregation]:
    trainer = families.family(family).trainer
    return cross_validation.fit_aggregations(
        rows, embedding, TARGET, config(family, grid, **how), trainer.fit_aggregation, aliases=trainer.aliases
    )
