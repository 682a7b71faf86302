"""The real raw files, parsed and validated once per session.

Belongs here: what the tests of several datasets share. Does not: damaged copies (damage.py).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.config.study import load
from torchcell_assets.schema import validate
from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets import DATASETS, GENOME, Dataset, registered
from torchcell_assets.steps.datasets.publications import fitness_flux_balance
from torchcell_assets.steps.datasets.retired_names import Found
from torchcell_assets_tests.conftest import made_once
from torchcell_assets_tests.steps.datasets import few_genes, trigenic_tables

AT_HAND = [dataset for dataset in DATASETS if dataset.name in {*load("screens").datasets, *load("starter").datasets}]
"""Datasets whose raw files anybody can have; those of the others are brought by the user."""


@dataclass(frozen=True)
class Read:
    """A dataset as it comes out of its real raw files: what is kept, what is quarantined, how many cells are blank, and which
    names are no genes of today.
    """

    kept: pl.DataFrame
    quarantined: pl.DataFrame
    blank: int
    names: Found
    repeated: int

    @property
    def genes(self) -> set[str]:
        """Every perturbed gene."""
        return set(self.kept["perturbations"].explode().struct.field("gene"))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Register rows for the time of a test: takes what is written below those of registered.toml."""

    def with_rows(text: str) -> None:
        path = tmp_path / registered.FILE.name
        path.write_text(f"{registered.FILE.read_text()}\n{text}")
        monkeypatch.setattr(registered, "FILE", path)
        registered.registered.cache_clear()

    yield with_rows
    monkeypatch.undo()
    registered.registered.cache_clear()


@pytest.fixture(scope="session")
def sources(raw_files: None, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The raw files, from the mirror where there is one; continuous integration downloads the others.

    For those that no program may download, small tables of their layout stand in.
    """
    mirror = os.environ.get("TORCHCELL_MIRROR")
    made = trigenic_tables.write(tmp_path_factory.mktemp("published"))
    cache = tmp_path_factory.mktemp("raw")
    return trigenic_tables.WithStandIns(cache=cache, mirror=Path(mirror) if mirror else None, stand_ins=made)


@pytest.fixture(scope="session")
def read(sources: Sources) -> Callable[[Dataset], Read]:
    """Parse and validate a dataset from its real raw files."""

    known: dict[str, Read] = {}

    def parsed(dataset: Dataset) -> Read:
        if dataset.name not in known:
            found = dataset.read(sources.path)
            kept, failure = validate(dataset.record, found.records.collect())
            known[dataset.name] = Read(kept, failure.invalid(), found.blank, found.names, found.repeated)
        return known[dataset.name]

    return parsed


@pytest.fixture(scope="session")
def genes(read: Callable[[Dataset], Read]) -> pl.DataFrame:
    """The genes of the reference strain."""
    return read(GENOME).kept


@pytest.fixture(scope="session")
def few_simulated(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Simulated growth where the metabolic model has few genes; simulated by one worker for all."""

    def make(folder: Path) -> None:
        few_genes.simulated(sources.path).write_parquet(folder / "simulated.parquet")

    folder = made_once(tmp_path_factory, "few-genes", make)
    return fitness_flux_balance.DATASET.record.validate(pl.read_parquet(folder / "simulated.parquet"), cast=True)
