"""A stored sample of genotypes as a torch dataset: `torchcell_assets.dataset("merged/key_value/1e3", "train")`.

Belongs here: tensors. Does not: reading (steps/merged/key_value_store.py), models. The only module of the package that
imports torch, which comes with the extra `deep`; the code location never imports it.

    loader = torch.utils.data.DataLoader(
        dataset, batch_size=256, shuffle=True, num_workers=4, collate_fn=dataset.collate
    )

Each worker opens the file for itself, forked or spawned.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from torchcell_assets.steps.merged.key_value_store import Genotypes, KeyValueStore

Tensors = dict[str, torch.Tensor]

_NUMBERS = {"value": torch.float32, "standard_error": torch.float32}
_CODES = ("order", "split", "evidence", "pooling", "measurements")


class KeyValueDataset(Dataset):
    """The genotypes of a sample, or of one split of it, in the order of their ranks.

    `dataset[i]` and `dataset.__getitems__([i, ...])` give n genotypes (one, or as many as asked for) as tensors:

        rank, order, split, evidence, pooling, measurements   (n), int64
        value, standard_error                                 (n, targets), float32; NaN where there is none
        mask                                                  (n, targets), bool: which genotypes have a value of which target
        gene, kind, zygosity, allele                          (m), int64: codes of all their perturbations
        offsets                                               (n), int64: where the perturbations of each begin

    `gene` with `offsets` is what `torch.nn.EmbeddingBag` takes. store.genes and store.alleles are the names by code, and
    store.targets those of the columns of `value`: one column for a study with one target, too, so that a model with an output per
    target is trained by one loop, on `(predicted - value)[mask]`.
    """

    def __init__(self, path: Path, split: str | None = None) -> None:
        self.store = KeyValueStore(path)
        self.split = split
        self._ranks = None if split is None else self.store.ranks(split).astype(np.int64)

    def __len__(self) -> int:
        return len(self.store) if self._ranks is None else len(self._ranks)

    def __getitem__(self, index: int) -> Tensors:
        """One genotype; every tensor keeps its first dimension. Raises IndexError beyond the last."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.store.path} holds {len(self):,} genotypes of split {self.split or 'any'}.")
        return self.__getitems__([index % len(self)])

    def __getitems__(self, indices: Sequence[int]) -> Tensors:
        """Many genotypes at once: what a DataLoader calls for a batch."""
        at = np.asarray(indices, dtype=np.int64)
        return tensors(self.store.read(at if self._ranks is None else self._ranks[at]))

    @staticmethod
    def collate(batch: Tensors) -> Tensors:
        """For a DataLoader: a batch is read as a whole, so that nothing is left to put together."""
        return batch


def tensors(genotypes: Genotypes) -> Tensors:
    """Genotypes as tensors of their own memory, by the names of `KeyValueDataset`."""
    headers, perturbations = genotypes.headers, genotypes.perturbations
    made: dict[str, Any] = {"rank": torch.from_numpy(genotypes.rank.copy())}
    made |= {name: torch.from_numpy(headers[name].astype(np.int64)) for name in _CODES}
    made |= {name: torch.from_numpy(headers[name].astype(np.float64)).to(dtype) for name, dtype in _NUMBERS.items()}
    names = perturbations.dtype.names or ()
    made |= {name: torch.from_numpy(perturbations[name].astype(np.int64)) for name in names}
    made["mask"] = torch.from_numpy(genotypes.mask)
    return {**made, "offsets": torch.from_numpy(genotypes.offsets[:-1].copy())}
