"""Vectors by sequence: what was computed once is never computed again, by whichever gene, key, process or machine it is wanted.

Belongs here: files of vectors, under the SHA-256 of their sequences. Does not: which sequence a gene has, what a vector means.

A cache is a folder, named by a hash of all that decides a vector but the sequence (weights, tokens, layer, pooling, type of
numbers). It holds shards: safetensors files with (n, dimension) float32 `vectors`, and the digests of their sequences in the
header. A shard is written under a temporary name and renamed, and never touched again: any number of processes and machines add
to one folder without a lock, also over a network file system, on which LMDB and SQLite may not be shared. What two of them
computed at once is there twice, and the first by name is taken.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from torchcell_assets.errors import TorchcellError
from torchcell_assets.storage.atomic import atomic_write

DESCRIPTION = "made_by.json"
"""Beside the shards: what the hash in the folder's name is of."""


class CacheError(TorchcellError):
    """Stored vectors cannot be read."""


def digest(sequence: str) -> str:
    """SHA-256 of a sequence, in hexadecimal."""
    return hashlib.sha256(sequence.encode()).hexdigest()


@dataclass(frozen=True)
class SequenceCache:
    """Vectors of one model. folder: of its shards; dimension: of a vector."""

    folder: Path
    dimension: int

    @classmethod
    def of(cls, place: Path, decides: Mapping[str, object], dimension: int) -> "SequenceCache":
        """The cache of what is decided by `decides`, which can be written as JSON. place: the folder of all caches."""
        said = json.dumps(decides, sort_keys=True)
        return cls(place / hashlib.sha256(said.encode()).hexdigest()[:16], dimension)

    def describe(self, decides: Mapping[str, object]) -> None:
        """Write beside the shards what they are, for who looks into the folder."""
        place = self.folder / DESCRIPTION
        if not place.exists():
            with atomic_write(place) as temporary:
                temporary.write_text(json.dumps(decides, indent=1, sort_keys=True))

    def known(self) -> set[str]:
        """Digests of the sequences whose vectors are here."""
        return {one for _, digests in self._shards() for one in digests}

    def add(self, digests: Sequence[str], vectors: np.ndarray) -> None:
        """Store vectors, (n, dimension), under the digests of their sequences.

        Raises:
            CacheError: a vector has another dimension, or a number that is none: it is not stored.
        """
        from safetensors.numpy import save_file

        if vectors.shape != (len(digests), self.dimension):
            raise CacheError(f"{len(digests)} vectors of {self.dimension} numbers were expected, not {vectors.shape}.")
        if not np.isfinite(vectors).all():
            raise CacheError("A computed vector holds what is no number: it is not stored.")
        shard = self.folder / f"{uuid.uuid4().hex}.safetensors"
        values = np.ascontiguousarray(vectors, dtype=np.float32)
        with atomic_write(shard) as temporary:
            save_file({"vectors": values}, temporary, metadata={"digests": json.dumps(list(digests))})

    def vectors(self, digests: Iterable[str]) -> np.ndarray:
        """The vectors of these sequences, (n, dimension) float32 in their order; NaN where there is none."""
        wanted = list(digests)
        rows: dict[str, list[int]] = {}
        for at, one in enumerate(wanted):
            rows.setdefault(one, []).append(at)
        found = np.full((len(wanted), self.dimension), np.nan, dtype=np.float32)
        for path, held in self._shards():
            here = [(at, one) for at, one in enumerate(held) if one in rows]
            if not here:
                continue
            values = self._values(path, len(held))
            for at, one in here:
                found[rows.pop(one)] = values[at]
        return found

    def _shards(self) -> list[tuple[Path, list[str]]]:
        """Every shard with the digests that it holds, by name."""
        from safetensors import SafetensorError, safe_open

        held = []
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                with safe_open(path, framework="numpy") as shard:
                    held.append((path, json.loads((shard.metadata() or {})["digests"])))
            except (SafetensorError, OSError, KeyError, ValueError) as error:
                raise CacheError(
                    f"{path} is damaged ({error}): delete it, and what it held is computed again."
                ) from error
        return held

    def _values(self, path: Path, expected: int) -> np.ndarray:
        from safetensors.numpy import load_file

        values = load_file(path)["vectors"]
        if values.shape != (expected, self.dimension):
            raise CacheError(f"{path} is damaged (its shape is {values.shape}): delete it, and it is computed again.")
        return values
