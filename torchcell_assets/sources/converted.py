"""Weights that are published as a pickle alone, made into safetensors, once.

Belongs here: that one act. Does not: looking for snapshots (snapshots.py), loading a model.

The pickle has a pinned sha256, and torch reads it with `weights_only`: it builds tensors, and refuses whatever else a pickle
can ask for. Afterwards nothing of this product reads it again.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torchcell_assets.sources.snapshots import CONVERTED, Snapshot, Snapshots
from torchcell_assets.sources.source import SourceUnavailable
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.hashing import sha256_of

WEIGHTS = "model.safetensors"


Translate = Callable[[dict[str, Any]], dict[str, Any]]


def convert(
    snapshots: Snapshots,
    snapshot: Snapshot,
    translate: Translate = lambda tensors: tensors,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Convert the pickles of a snapshot; gives the folder of what was made.

    Args:
        snapshots: where snapshots are.
        snapshot: the one that is converted.
        translate: gives the tensors that are written, of those that were read; by default the same.
        config: of the model, where none is published.

    Raises:
        SourceUnavailable: the published files are not here, are other files, or hold more than tensors; torch is not installed.
    """
    published, digests = snapshots.published(snapshot)
    tensors: dict[str, Any] = {}
    for name in snapshot.pickles:
        tensors |= _tensors(published / name)
    with atomic_write(snapshots.converted(snapshot)) as folder:
        folder.mkdir()
        _write(translate(tensors), folder / WEIGHTS)
        if config is not None:
            (folder / "config.json").write_text(json.dumps(dict(config), indent=1, sort_keys=True))
        for name in snapshot.files:
            if name not in snapshot.pickles and not name.endswith(".index.json"):
                shutil.copyfile(published / name, folder / name)
        made = {one.name: sha256_of(one) for one in sorted(folder.iterdir())}
        (folder / CONVERTED).write_text(json.dumps({"published": digests, "made": made}, indent=1, sort_keys=True))
    return snapshots.converted(snapshot)


def _tensors(path: Path) -> dict[str, Any]:
    """Name -> tensor."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise SourceUnavailable("Converting weights needs torch: install the extra `deep`.") from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except Exception as error:  # pickle, zipfile and torch each raise their own
        raise SourceUnavailable(
            f"{path} holds more than tensors, or is damaged, and is not converted: {error}."
        ) from error
    if not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise SourceUnavailable(f"{path} holds more than tensors, and is not converted.")
    return found


def _is_zip(path: Path) -> bool:
    """Whether torch can map the file instead of reading all of it: the form that it writes since version 1.6."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _write(tensors: dict[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    # tensors that share memory, such as tied embeddings, are written once each
    own = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(own, path, metadata={"format": "pt"})
