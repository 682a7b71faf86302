"""A linear model fitted by gradient descent in torch: mini-batches or all rows at once, on a CPU or a GPU.

Belongs here: the loop, early stopping, what a checkpoint holds; torch is imported here and nowhere else, when it is called. Does
not: which rows are fitted (torch_trainer.py and cross_validation.py), the form of the model file (linear_model.py).

Numbers are float64, the weights start at zero, the order of mini-batches depends on seed and epoch alone, and on a CPU one thread
does the sums: so a fit that was killed and went on ends with the very weights of one that was not, and a GPU differs from a CPU
by last digits.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.trained.checkpoints import Checkpoints
from torchcell_assets.steps.trained.linear_model import LinearModel

EVERY = 50
"""Epochs between two checkpoints."""
LEAST_GAIN = 1e-5
"""By which the error in validation has to fall, relative to the best one, to count as better."""
POLICY = {"optimiser": "Adam", "start": "zero", "dtype": "float64", "least_gain": LEAST_GAIN}
"""What decides the numbers beside the settings."""


class TorchMissing(TorchcellError):
    """There is no torch here, or no GPU where one was asked for."""


@dataclass(frozen=True)
class Settings:
    """One candidate.

    weight_decay: times the sum of squared weights of scaled features, added to the mean squared error.
    batch_size: rows of a step; 0: all of them. epochs: at most. patience: epochs without a better error in validation after
    which it stops.
    """

    weight_decay: float = 0.0
    learning_rate: float = 0.01
    batch_size: int = 0
    epochs: int = 500
    patience: int = 50


@dataclass(frozen=True)
class Rows:
    """Scaled features, dense float64, and values."""

    X: np.ndarray
    y: np.ndarray


def import_torch() -> Any:
    """The module. Raises TorchMissing with what to do where this environment has none."""
    import sys

    try:
        import torch
    except ImportError as error:
        raise TorchMissing(
            f"{sys.executable} has no torch ({error}): install the extra `deep` into an environment of its own (`make test-deep` "
            "does) and name its python in TORCHCELL_DEEP_PYTHON."
        ) from error
    return torch


def device_of(wanted: str) -> str:
    """`cpu` or `cuda`; `auto` is a GPU where there is one.

    Raises:
        TorchMissing: there is no such device here.
    """
    torch = import_torch()
    there = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "auto":
        return there
    if wanted not in ("cpu", there):
        raise TorchMissing(f"There is no device {wanted!r} here: ask for `auto`, which is {there}.")
    return wanted


def fit(
    train: Rows,
    validation: Rows,
    settings: Settings,
    *,
    seed: int,
    device: str,
    checkpoints: Checkpoints | None = None,
    name: str = "fit",
) -> LinearModel:
    """The weights with the least error in validation.

    Args:
        train: what the gradient is taken of.
        validation: what stops it.
        settings: of the descent.
        seed: of the order of mini-batches.
        device: `cpu`, `cuda` or `auto`.
        checkpoints: where it goes on from and what it saves to.
        name: of this fit among those of one training.
    """
    torch = import_torch()
    checkpoints = checkpoints or Checkpoints()
    with _one_thread(torch):
        descent = _Descent(torch, train, validation, settings, device=device_of(device), seed=seed)
        if saved := checkpoints.found(f"{name}.safetensors"):
            descent.load(saved)
        while not descent.ended:
            descent.epoch()
            if descent.ended or descent.done % EVERY == 0:
                checkpoints.save(f"{name}.safetensors", descent.save)
        weight, intercept = descent.best[:-1].cpu().numpy(), float(descent.best[-1])
    return LinearModel(weight, intercept)


class _Descent:
    """A descent and where it stands. The weights are one vector, the intercept its last entry.

    done: epochs. waited: epochs since the best error in validation, `least`, which the weights `best` had.
    """

    def __init__(
        self, torch: Any, train: Rows, validation: Rows, settings: Settings, *, device: str, seed: int
    ) -> None:
        self.torch, self.settings, self.seed, self.device = torch, settings, seed, device
        self.X, self.y = self._on_device(train)
        self.held_X, self.held_y = self._on_device(validation)
        start = np.append(np.zeros(train.X.shape[1]), train.y.mean())
        self.weights = torch.tensor(start, dtype=torch.float64, device=device, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.weights], lr=settings.learning_rate)
        self.best, self.least, self.done, self.waited = self.weights.detach().clone(), math.inf, 0, 0

    def _on_device(self, rows: Rows) -> tuple[Any, Any]:
        X = np.hstack([rows.X, np.ones((len(rows.y), 1))])
        return tuple(self.torch.tensor(part, dtype=self.torch.float64, device=self.device) for part in (X, rows.y))

    @property
    def ended(self) -> bool:
        return self.done >= self.settings.epochs or self.waited >= self.settings.patience

    def epoch(self) -> None:
        """Every row once, then the error in validation."""
        for batch in self._batches():
            self.optimiser.zero_grad()
            error = (self.X[batch] @ self.weights - self.y[batch]).square().mean()
            loss = error + self.settings.weight_decay * self.weights[:-1].square().sum()
            loss.backward()
            self.optimiser.step()
        self.done += 1
        with self.torch.no_grad():
            error = float((self.held_X @ self.weights - self.held_y).square().mean().sqrt())
        if error < self.least * (1 - LEAST_GAIN):
            self.best, self.least, self.waited = self.weights.detach().clone(), error, 0
        else:
            self.waited += 1

    def _batches(self) -> Iterator[Any]:
        if not 0 < self.settings.batch_size < len(self.y):
            yield slice(None)
            return
        order = np.random.default_rng([self.seed, self.done]).permutation(len(self.y))
        for start in range(0, len(order), self.settings.batch_size):
            yield self.torch.as_tensor(order[start : start + self.settings.batch_size], device=self.device)

    def save(self, path: Path) -> None:
        """All that decides how it goes on."""
        from safetensors.numpy import save_file

        state = self.optimiser.state_dict()["state"][0]
        counts = {"least": self.least, "done": self.done, "waited": self.waited, "step": state["step"]}
        tensors = {
            "weights": self.weights,
            "best": self.best,
            **{name: state[name] for name in ("exp_avg", "exp_avg_sq")},
        }
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        save_file({**arrays, **{name: np.array(float(count)) for name, count in counts.items()}}, path)

    def load(self, path: Path) -> None:
        """Stand where `save` stood."""
        from safetensors.numpy import load_file

        saved = load_file(path)

        def tensor(name: str) -> Any:
            return self.torch.tensor(saved[name], dtype=self.torch.float64, device=self.device)

        with self.torch.no_grad():
            self.weights.copy_(tensor("weights"))
        state = {name: tensor(name) for name in ("exp_avg", "exp_avg_sq")}
        state["step"] = self.torch.tensor(float(saved["step"]), dtype=self.torch.float32)
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": {0: state}})
        self.best, self.least = tensor("best"), float(saved["least"])
        self.done, self.waited = int(saved["done"]), int(saved["waited"])


@contextlib.contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
