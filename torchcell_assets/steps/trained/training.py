"""One cell, from a request to its files: the same in the process of an asset, in one of its own, and on another machine.

Belongs here: the request, reading what it names from the data root, storing what the trainer hands over. Does not: fitting (the
trainers), Dagster (assets.py), the command line (cli/worker.py). It needs the data root and nothing else.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Prediction
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import families, targets
from torchcell_assets.steps.trained.aggregated import input_hashes
from torchcell_assets.steps.trained.cells import Cell
from torchcell_assets.steps.trained.checkpoints import Checkpoints
from torchcell_assets.steps.trained.grids import Grid
from torchcell_assets.steps.trained.trainer import Config, Fitted, Inputs, Samples, Tick
from torchcell_assets.storage.atomic import atomic_write_together
from torchcell_assets.storage.content import content_hash

_Name = Annotated[str, Field(pattern=r"^\w[\w.]*$")]


class RequestError(TorchcellError):
    """A request cannot be understood, or the cell that it names is not there."""


class Request(BaseModel):
    """One cell to be trained: all that decides it, and where its inputs and its files lie.

    root: the data root, as an absolute path. candidates, folds, choose_by, warning, seed, threads, device: of `Config`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    root: Path
    family: _Name
    size: _Name
    representation: _Name
    targets: Annotated[tuple[_Name, ...], Field(min_length=1)]
    candidates: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    choose_by: Literal["rmse", "spearman"] = "rmse"
    warning: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @classmethod
    def read(cls, text: str) -> "Request":
        """Raises RequestError with every reason in one sentence."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            told = [
                f"{'.'.join(map(str, one['loc'])) or 'the text'}: {one['msg'][:1].lower()}{one['msg'][1:]}"
                for one in error.errors()
            ]
            raise RequestError(f"The request cannot be used: {'; '.join(told)}.") from error

    @property
    def cell(self) -> Cell:
        """Where its files lie."""
        return Cell(layout.trained_folder(self.root), self.family, self.size, self.representation)

    def config(self, tick: Tick | None = None) -> Config:
        """What a trainer is told."""
        own = self.model_dump(exclude={"root", "targets", "representation"})
        return Config(**own, tick=tick)


def request_of(
    study: Study, family: families.Family, grid: Grid, *, root: Path, size: str, representation: str
) -> Request:
    """The cell of a study, to be trained on all cores of this process. root: the data root."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Request.model_validate({
        **{"root": root, "family": family.name, "size": size, "representation": representation},
        **{"targets": study.targets, "seed": study.seed, "threads": cores},
        **{"folds": grid.folds, "choose_by": grid.choose_by, "candidates": grid.candidates[family.name]},
        "warning": grid.warnings.get(family.name),
    })  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A cell with its files. predictions: columns of `Prediction`. files: place of each file -> where it is now."""

    cell: Cell
    predictions: pl.DataFrame
    manifest: Mapping[str, Any]
    files: Mapping[Path, Path]

    @property
    def own(self) -> pl.DataFrame:
        """Predictions of the models themselves, without those of their controls."""
        return self.predictions.filter(pl.col("training_sample") == 0, ~pl.col("permuted"))

    @property
    def version(self) -> str:
        """The data version: a hash of the predictions."""
        return content_hash(self.predictions, list(Prediction.primary_key()))


@contextmanager
def training(request: Request, tick: Tick | None = None) -> Iterator[Made]:
    """Train a cell; when the block ends well, its files take their places, all as one.

    A training that was killed goes on from its checkpoints, which are removed once the cell is stored.

    Raises:
        TorchcellError: something that the request names is not there, or cannot be trained.
    """
    trainer = families.family(request.family).trainer
    samples = targets.read_samples(request.root, request.size, request.targets)
    inputs = Inputs(table.read(layout.embedding_file(request.root, request.representation)))
    checkpoints = Checkpoints.of(request.cell.root, request.cell.name, _key(request, samples, inputs))
    fitted = trainer.fit(samples, inputs, request.config(tick), checkpoints)
    with _storing(request.cell, fitted) as made:
        yield made
    checkpoints.clear()


def _key(request: Request, samples: Samples, inputs: Inputs) -> str:
    """Hash of all that decides the numbers."""
    decides = request.model_dump(mode="json", exclude={"root", "threads", "device"})
    policy = families.family(request.family).policy
    said = json.dumps([decides, dict(policy), input_hashes(samples, inputs)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@contextmanager
def _storing(cell: Cell, fitted: Fitted) -> Iterator[Made]:
    """Write all files of a cell, which take their places as one: predictions never stand beside a model of another training."""
    manifest = {**fitted.manifest, "files": sorted(fitted.artefact)}
    predictions = Prediction.validate(fitted.predictions, cast=True)
    places = [cell.predictions, cell.manifest, *(cell.folder / name for name in fitted.artefact)]
    with atomic_write_together(*places) as (first, second, *others):
        predictions.write_parquet(first, compression="zstd")
        second.write_text(json.dumps(manifest, indent=1, sort_keys=True))
        for path, write in zip(others, fitted.artefact.values(), strict=True):
            write(path)
        yield Made(cell, predictions, manifest, dict(zip(places, [first, second, *others], strict=True)))


def stored(cell: Cell) -> Made:
    """A cell as it lies in the data root. Raises RequestError where it is not whole."""
    if not (cell.predictions.is_file() and cell.manifest.is_file()):
        raise RequestError(f"There is no trained cell {cell.name} in {cell.root}: train it first.")
    manifest = json.loads(cell.manifest.read_text())
    places = [cell.predictions, cell.manifest, *(cell.folder / name for name in manifest["files"])]
    return Made(cell, pl.read_parquet(cell.predictions), manifest, {place: place for place in places})
