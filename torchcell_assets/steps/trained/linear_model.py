"""A linear model as one safetensors file: weights, intercept and manifest; read and asked without torch.

Belongs here: the form of the file, and the product. Does not: fitting (torch_linear.py), what the manifest says
(model_store.py).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUFFIX = ".safetensors"
_TENSORS = {"weight", "intercept"}


@dataclass(frozen=True)
class LinearModel:
    """`X @ weight + intercept`, in the units of the features as they are.

    weight: one number per feature, float64.
    """

    weight: np.ndarray
    intercept: float

    def predict(self, X: Any) -> np.ndarray:
        """One number per row of X: rows x features, dense or CSR."""
        return np.asarray(X @ self.weight).ravel() + self.intercept

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """What the file holds."""
        return {"weight": np.ascontiguousarray(self.weight, dtype=np.float64), "intercept": np.array([self.intercept])}

    @property
    def content(self) -> str:
        """SHA-256 over the numbers, as hex."""
        digest = hashlib.sha256()
        for name, values in sorted(self.tensors.items()):
            digest.update(f"{name}\x00{values.size}\x00".encode() + values.astype("<f8").tobytes())
        return digest.hexdigest()


def dump(path: Path, model: LinearModel, manifest: dict[str, Any]) -> None:
    """Write numbers, and the manifest in the header, to a path at which nothing is yet."""
    from safetensors.numpy import save_file

    said = json.dumps({**manifest, "content": model.content}, sort_keys=True)
    save_file(model.tensors, path, metadata={"manifest": said})


def load_manifest(path: Path) -> dict[str, Any]:
    """The manifest alone. Raises ValueError where the file is none of `dump`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            return dict(json.loads((stored.metadata() or {})["manifest"]))
    except (SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error


def load(path: Path) -> LinearModel:
    """The numbers alone. Raises ValueError where the file is none of `dump`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if tensors.keys() != _TENSORS or tensors["weight"].ndim != 1 or tensors["intercept"].shape != (1,):
        raise ValueError(f"it holds {', '.join(sorted(tensors))}")
    return LinearModel(tensors["weight"], float(tensors["intercept"][0]))
