"""Reading a key-value store of genotypes, in any order, from any number of processes.

Belongs here: opening, refusing what is damaged, taking records apart. Does not: the format (key_value.py), torch.

The file never changes, it is only ever replaced as a whole, so it is opened without locks. Each process opens it for
itself, when it first reads: a store may be pickled, and a process that was forked does not read through what belongs to
its parent. A store refuses to go on with a file that took the place of its own: half of an epoch would be of other data.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl

from torchcell_assets.schema.genotype import PERTURBATION_SEPARATOR, written
from torchcell_assets.steps.merged.key_value import (
    KEY,
    METADATA_KEY,
    NAME,
    PERTURBATION,
    VERSION,
    WORD,
    KeyValueError,
    columns_of,
    header,
    laid_out,
    ranks_key,
    words_of,
)

_SMALLEST = 2 * 4096  # an LMDB file begins with two pages of its own


@dataclass(eq=False)
class _Held:
    """A file that a process has open. LMDB's binding refuses to open one path twice, so all stores of it share this."""

    file: tuple[int, int]
    environment: Any
    metadata: dict[str, Any]
    process: int
    replaced: bool = False


_HELD: dict[str, _Held] = {}
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Genotypes:
    """n genotypes with m perturbations between them, as NumPy arrays.

    rank (n): as asked for. headers (n): the fields of ABOUT, and `value`, `standard_error` (n, targets). perturbations (m): the
    fields of PERTURBATION, those of genotype i from offsets[i] to offsets[i + 1]. offsets (n + 1): int64.
    """

    rank: np.ndarray
    headers: np.ndarray
    perturbations: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def mask(self) -> np.ndarray:
        """Which genotypes have a value of which target: booleans (n, targets)."""
        return ~np.isnan(self.headers["value"])


class KeyValueStore:
    """The genotypes of one sample by rank; `len(store)`, `store[rank]`, `store.read(ranks)`.

    genes, alleles: names by code. targets: their names, in the order of their values. content: hash of what it
    holds, the data version of its asset.
    Raises KeyValueError with one sentence if the file is missing, cut off, of another kind or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._held: _Held | None = _hold(self.path)
        told = self._held.metadata
        self._size: int = told["records"]
        self.genes: list[str] = told["genes"]
        self.alleles: list[str] = told["alleles"]
        self.targets: list[str] = [one["name"] for one in told["targets"]]
        self._header = header(len(self.targets))
        self.splits: list[str] = told["splits"]
        self.content: str = told["content"]
        self.metadata: dict[str, Any] = told

    def close(self) -> None:
        """Let go of the file; a store of it that is read again opens it again."""
        if self._held is not None:
            with _ONE_AT_A_TIME:
                self._held.replaced = True
                self._held.environment.close()
                _HELD.pop(os.path.realpath(self.path), None)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, rank: int) -> Genotypes:
        """One genotype; a negative rank counts from the end. Raises IndexError beyond the last."""
        return self.read([rank + self._size if rank < 0 else rank])

    def read(self, ranks: Sequence[int] | np.ndarray) -> Genotypes:
        """Many genotypes at once, in the order of `ranks`, which may repeat. Raises IndexError for one that is not there."""
        wanted = np.asarray(ranks, dtype=np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < self._size):
            raise IndexError(f"{self.path} holds the ranks 0 to {self._size - 1:,}.")
        keys = wanted.astype(KEY).view("V4").tolist()
        with self._environment().begin() as transaction, transaction.cursor() as cursor:
            found = [value for _, value in cursor.getmulti(keys)]
        if len(found) != len(keys):
            _refuse(self.path, "lacks a genotype")
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found)) // WORD.itemsize
        words = np.frombuffer(b"".join(found), dtype=WORD)
        own = words_of(self._header)
        _, of_header = laid_out(lengths, own)
        headers, perturbations = words[of_header].view(self._header), words[~of_header].view(PERTURBATION)
        if not (headers["version"] == VERSION).all():
            _refuse(self.path, f"holds a record that is not of format {VERSION}")
        return Genotypes(wanted, headers, perturbations, np.concatenate([[0], np.cumsum(lengths - own)]))

    def ranks(self, split: str) -> np.ndarray:
        """Ranks of the genotypes of a split, ascending, uint32."""
        if split not in self.splits:
            raise KeyValueError(f"There is no split {split!r}: use one of {', '.join(self.splits)}.")
        with self._environment().begin() as transaction:
            return np.frombuffer(transaction.get(ranks_key(split)), dtype="<u4")

    def table(self, ranks: Sequence[int] | np.ndarray | None = None) -> pl.DataFrame:
        """Genotypes as they read in `merged/subset`: the columns that are stored, and the text of the genotype."""
        found = self.read(np.arange(self._size) if ranks is None else ranks)
        words, inverse = np.unique(found.perturbations.view(WORD), return_inverse=True)
        texts = np.array([self._text(one) for one in words.view(PERTURBATION)], dtype=object)[inverse]
        rows = np.repeat(np.arange(len(found)), np.diff(found.offsets))
        genotype = (
            pl.DataFrame({"row": rows, "text": pl.Series(texts, dtype=pl.String)})
            .group_by("row", maintain_order=True)
            .agg(pl.col("text").str.join(PERTURBATION_SEPARATOR))["text"]
        )
        numbers = {
            called: found.headers[name][:, at]
            for name in ("value", "standard_error")
            for at, called in enumerate(columns_of(name, self.targets))
        }
        coded = {"split": "splits", "evidence": "evidences", "pooling": "poolings"}
        return pl.DataFrame(
            {
                "genotype": genotype,
                **{name: found.headers[name] for name in ("order", "measurements")},
                **numbers,
                **{name: np.array(self.metadata[names])[found.headers[name]] for name, names in coded.items()},
                "rank": found.rank,
            },
            schema_overrides={"rank": pl.UInt32},
        ).with_columns(pl.col(list(numbers)).fill_nan(None))

    def _text(self, one: np.void) -> str:
        kind, zygosity = self.metadata["kinds"][one["kind"]], self.metadata["zygosities"][one["zygosity"]]
        return written([self.genes[one["gene"]], kind, self.alleles[one["allele"]], zygosity])

    def _environment(self) -> Any:
        """What this process reads through."""
        held = self._held
        if held is None or held.replaced or held.process != os.getpid():
            held = _hold(self.path)
            if held.metadata["content"] != self.content:
                raise KeyValueError(f"{self.path} was replaced by another sample since it was opened: open it again.")
            self._held = held
        return held.environment

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}


def _hold(path: Path) -> _Held:
    """The file as this process has it open; opened now if it is not, or if another file has taken its place."""
    if not path.is_file():
        raise KeyValueError(f"{path} is not there: materialize merged/key_value first.")
    place, told = os.path.realpath(path), path.stat()
    file = (told.st_dev, told.st_ino)
    with _ONE_AT_A_TIME:
        held = _HELD.get(place)
        if held is None or held.file != file or held.process != os.getpid():
            if held is not None:  # in a forked process this lets go of what it inherited; the parent's stays open
                held.replaced = True
                held.environment.close()
                del _HELD[place]
            environment = _open(path)
            try:
                held = _HELD[place] = _Held(file, environment, _told(path, environment), os.getpid())
            except KeyValueError:
                environment.close()
                raise
        return held


def _open(path: Path) -> Any:
    import lmdb

    size = path.stat().st_size
    if size < _SMALLEST:
        _refuse(path, "is no key-value store of genotypes")
    try:
        # readahead would fetch the neighbours of a genotype, which nobody asked for
        environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False, map_size=size)
    except lmdb.Error:
        _refuse(path, "is no key-value store of genotypes")
    # before any page is looked at: to read a page beyond the end of the file kills the process
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if size < needed:
        environment.close()
        _refuse(path, f"is cut off, with {size:,} of {needed:,} bytes")
    return environment


def _told(path: Path, environment: Any) -> dict[str, Any]:
    """The metadata record, once it agrees with the file."""
    with environment.begin() as transaction:
        text = transaction.get(METADATA_KEY)
    try:
        told = json.loads(text or b"")
        name, version, records = told["format"]["name"], told["format"]["version"], told["records"]
    except (ValueError, TypeError, KeyError):
        name = ""
    if name != NAME:
        _refuse(path, "is no key-value store of genotypes")
    if version != VERSION:
        _refuse(path, f"has format {version}, and format {VERSION} is read here")
    entries = environment.stat()["entries"] - 1 - len(told["splits"])
    if entries != records:
        _refuse(path, f"holds {entries:,} genotypes and says {records:,}")
    return told


def _refuse(path: Path, why: str) -> NoReturn:
    raise KeyValueError(f"{path} {why}: materialize merged/key_value again.")
