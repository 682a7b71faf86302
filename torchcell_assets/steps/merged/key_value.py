"""A sample as an LMDB file, one record per genotype: what a training loop reads in any order, a million times over.

Belongs here: the format, and writing it. Does not: reading (key_value_store.py), tensors (notebook/torch_dataset.py), which
genotypes there are (subsets.py).

    key        rank of the genotype, 0 to n - 1, as 4 bytes, big-endian: LMDB keeps them in the order of the numbers
    value      the header: ABOUT, 8 bytes; then a value of each target, and a standard error of each value, 8 bytes each; then
               one PERTURBATION of 8 bytes per perturbation, sorted as in the genotype's text
    `metadata` JSON: format, number of records, hash of their content, data version of the sample, targets in the order of
               their values, and what codes stand for: the n-th name has code n
    `ranks train`, `ranks validation`, `ranks test`
               ranks of a split, ascending, 4 bytes each, little-endian

A genotype that has no value of a target has NaN there: that is the mask. The other fields of the header are of the first target,
of which every genotype has a value. Numbers in values are little-endian. Codes of genes and alleles are given in the order of
rank, so that samples which are nested agree: a gene has one code in 1e3, 1e4 and all. Nothing is pickled.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Merged
from torchcell_assets.schema.genotype import identities, parsed
from torchcell_assets.schema.vocabularies import EVIDENCES, KINDS, ZYGOSITIES
from torchcell_assets.steps.merged.subsets import SPLITS

NAME = "torchcell genotypes"
VERSION = 2
POOLINGS = list(Merged.pooling.dtype.categories)  # type: ignore[attr-defined]

ABOUT_FIELDS = (
    ("version", "u1", "version of this format"),
    ("order", "u1", "number of distinct perturbed genes"),
    ("perturbations", "u1", "number of perturbations that follow"),
    ("split", "u1", f"code: {', '.join(SPLITS)}"),
    ("evidence", "u1", f"code: {', '.join(EVIDENCES)}"),
    ("pooling", "u1", f"code: {', '.join(POOLINGS)}"),
    ("measurements", "<u2", "independent measurements pooled"),
)
TARGET_FIELDS = (
    ("value", "<f8", "pooled value of each target; NaN where the genotype has none"),
    ("standard_error", "<f8", "of each value; NaN if there is none"),
)
PERTURBATION_FIELDS = (
    ("gene", "<u2", "code of the perturbed gene"),
    ("kind", "u1", f"code: {', '.join(KINDS)}"),
    ("zygosity", "u1", f"code: {', '.join(ZYGOSITIES)}"),
    ("allele", "<u4", "code of the allele"),
)
ABOUT = np.dtype([(name, kind) for name, kind, _ in ABOUT_FIELDS])
PERTURBATION = np.dtype([(name, kind) for name, kind, _ in PERTURBATION_FIELDS])
WORD = np.dtype("<u8")
"""Header and perturbations are whole words, so that records are put together and taken apart word by word."""
KEY = np.dtype(">u4")
METADATA_KEY = b"metadata"
FORMAT = {
    "name": NAME,
    "version": VERSION,
    "key": KEY.str,
    "header": [f"{name} {kind}" for name, kind, _ in ABOUT_FIELDS],
    "targets": [f"{name} {kind}" for name, kind, _ in TARGET_FIELDS],
    "perturbation": [f"{name} {kind}" for name, kind, _ in PERTURBATION_FIELDS],
}
"""What an asset declares: an edit of the format outdates the stores."""
READ = ["genotype", "genes", "order", "split", "evidence", "pooling", "measurements", "value", "standard_error", "rank"]
"""Columns of a sample that are encoded, whatever further targets it has."""
Targets = Mapping[str, str]
"""Name of each target -> what it is and what it is relative to, in words. The columns of the first have no prefix in a sample."""

_ROWS = 131_072  # records per transaction
_NODE = 24  # bytes that LMDB adds to a record at most


class KeyValueError(TorchcellError):
    """A key-value store cannot be written or read."""


def header(targets: int) -> np.dtype:
    """What stands before the perturbations of a record; `value` and `standard_error` are arrays of so many targets."""
    return np.dtype([*ABOUT.descr, *((name, kind, (targets,)) for name, kind, _ in TARGET_FIELDS)])


def words_of(header: np.dtype) -> int:
    """Length of a header in words."""
    return header.itemsize // WORD.itemsize


def columns_of(field: str, targets: Iterable[str]) -> list[str]:
    """Column of a sample that holds `value` or `standard_error` of each target: `value`, `interaction_value` ..."""
    _first, *further = targets
    return [field, *(f"{name}_{field}" for name in further)]


def columns_from(targets: Targets) -> dict[str, list[str]]:
    """Field of a record -> columns of the sample that decide it."""
    return {
        **{name: [name] for name in ("order", "evidence", "pooling", "measurements")},
        **{name: columns_of(name, targets) for name, *_ in TARGET_FIELDS},
        "split": ["genes"],
        **{name: ["genotype"] for name in ("perturbations", "gene", "kind", "zygosity", "allele")},
    }


def ranks_key(split: str) -> bytes:
    """Key of the record that holds the ranks of a split."""
    return f"ranks {split}".encode()


@dataclass
class Codes:
    """Which number stands for which gene, allele and perturbation; it grows with every batch that is encoded."""

    genes: dict[str, int] = field(default_factory=dict)
    alleles: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    """Text of a perturbation -> its 8 bytes as a number. There are some 10,000, however many genotypes."""

    def encode(self, texts: pl.Series) -> np.ndarray:
        """One word per perturbation. texts: `gene:kind:allele:zygosity`."""
        for text in texts.unique(maintain_order=True).to_list():
            if text not in self.words:
                self.words[text] = self._word(text)
        at = texts.cast(pl.Enum(list(self.words))).to_physical().to_numpy()
        return np.fromiter(self.words.values(), dtype=WORD, count=len(self.words))[at]

    def _word(self, text: str) -> int:
        gene, kind, allele, zygosity = parsed(text)
        codes = (
            self.genes.setdefault(gene, len(self.genes)),
            KINDS.index(kind),
            ZYGOSITIES.index(zygosity),
            self.alleles.setdefault(allele, len(self.alleles)),
        )
        if len(self.genes) > np.iinfo(PERTURBATION["gene"]).max + 1:
            raise KeyValueError(f"The key-value store has codes for 65,536 genes, and {gene} is one more.")
        return int(np.array([codes], dtype=PERTURBATION).view(WORD)[0])


def encode(rows: pl.DataFrame, codes: Codes, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """Records of a batch, one after the other: `words` (WORD) and the number of words of each record.

    rows: columns READ, and those of further targets. codes: what earlier batches gave; it learns what is new in this one.
    """
    texts = rows.select(identities(pl.col("genotype"))).to_series()
    count = texts.list.len().to_numpy().astype(np.int64)
    limits = {"measurements": rows["measurements"].max() or 0, "perturbations": count.max(initial=0)}
    for name, most in limits.items():
        if int(most) > np.iinfo(ABOUT[name]).max:  # type: ignore[call-overload]
            raise KeyValueError(f"A genotype with {most:,} {name} does not fit into a record of the key-value store.")
    headers = np.empty(rows.height, dtype=header(len(targets)))
    headers["version"] = VERSION
    headers["perturbations"] = count
    for name in ("order", "measurements"):
        headers[name] = rows[name].to_numpy()
    for name, *_ in TARGET_FIELDS:
        headers[name] = rows.select(pl.col(columns_of(name, targets)).fill_null(float("nan"))).to_numpy()
    for name, values in (("split", SPLITS), ("evidence", EVIDENCES), ("pooling", POOLINGS)):
        headers[name] = rows[name].cast(pl.String).cast(pl.Enum(values)).to_physical().to_numpy()
    lengths = count + words_of(headers.dtype)
    words, of_header = laid_out(lengths, words_of(headers.dtype))
    words[of_header] = headers.view(WORD)
    words[~of_header] = codes.encode(texts.explode(empty_as_null=False))
    return words, lengths


def laid_out(lengths: np.ndarray, header_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for records of these many words, and the mask of the words that belong to a header, so many of each."""
    words = np.zeros(int(lengths.sum()), dtype=WORD)
    starts = np.cumsum(lengths) - lengths
    of_header = np.zeros(len(words), dtype=bool)
    of_header[(starts[:, None] + np.arange(header_words)).ravel()] = True
    return words, of_header


@dataclass(frozen=True)
class Written:
    """records: number of genotypes. version: hash of their content and codes. genes, alleles: numbers of codes."""

    records: int
    version: str
    genes: int
    alleles: int


def write(path: Path, batches: Iterable[pl.DataFrame], subset_version: str, targets: Targets) -> Written:
    """Write the records of a sample to a new file, in the order of rank; no lock file is left.

    path: nothing is there yet. batches: columns READ and those of further targets, ranks 0, 1, 2 ... subset_version: data version
    of the sample.
    """
    import lmdb

    codes, content, records = Codes(), hashlib.sha256(), 0
    ranks: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    # one writer and, until it is renamed, no reader: no lock, and one sync at the end
    with lmdb.open(str(path), subdir=False, lock=False, sync=False, metasync=False) as environment:
        for rows in batches:
            if not np.array_equal(rows["rank"].to_numpy(), np.arange(records, records + rows.height)):
                raise KeyValueError("The sample is not in the order of its ranks: materialize merged/subset again.")
            words, lengths = encode(rows, codes, targets)
            content.update(words.data)
            keys = np.arange(records, records + rows.height, dtype=KEY).view("V4").tolist()
            _make_room(environment, words.nbytes + rows.height * _NODE)
            with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.putmulti(zip(keys, _slices(words, lengths), strict=True), dupdata=False, append=True)
            for split in SPLITS:
                ranks[split].append(rows.filter(pl.col("split") == split)["rank"].to_numpy())
            records += rows.height
        told: dict[str, Any] = {"format": FORMAT, "records": records, "subset_version": subset_version}
        told |= {"splits": SPLITS, "evidences": EVIDENCES, "poolings": POOLINGS, "kinds": KINDS}
        told["targets"] = [{"name": name, "label": label} for name, label in targets.items()]
        told |= {"zygosities": ZYGOSITIES, "genes": list(codes.genes), "alleles": list(codes.alleles)}
        content.update(json.dumps({**told, "subset_version": ""}, sort_keys=True).encode())
        version = told["content"] = content.hexdigest()[:16]
        beside = {
            ranks_key(split): np.concatenate([*found, []]).astype("<u4").tobytes() for split, found in ranks.items()
        }
        beside[METADATA_KEY] = json.dumps(told, sort_keys=True).encode()
        _make_room(environment, sum(map(len, beside.values())))
        with environment.begin(write=True) as transaction:
            for key, value in beside.items():
                transaction.put(key, value)
        environment.sync(True)
    return Written(records, version, len(codes.genes), len(codes.alleles))


def batches_of(path: Path, targets: Targets) -> Iterator[pl.DataFrame]:
    """A stored sample, batch by batch, with the columns READ and those of further targets.

    Raises:
        KeyValueError: the sample knows nothing of one of them.
    """
    import pyarrow.parquet as pq

    columns = list(dict.fromkeys([*READ, *(one for name, *_ in TARGET_FIELDS for one in columns_of(name, targets))]))
    with pq.ParquetFile(path) as file:
        if lacking := [name for name in columns if name not in file.schema_arrow.names]:
            raise KeyValueError(f"{path} has no column {lacking[0]}: materialize merged/subset again.")
        for batch in file.iter_batches(_ROWS, columns=columns):
            yield pl.DataFrame(pl.from_arrow(batch))


def _make_room(environment: Any, size: int) -> None:
    """Let the map be as large as what is there and `size` bytes more need at most: the file itself grows as it is used."""
    used = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    environment.set_mapsize(used + 2 * size + 2**20)


def _slices(words: np.ndarray, lengths: np.ndarray) -> list[bytes]:
    """The records of a batch. LMDB's binding takes one object per record; Arrow cuts them faster than Python."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths) * WORD.itemsize]).astype("<i8")
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(words)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lengths), buffers).to_pylist()
