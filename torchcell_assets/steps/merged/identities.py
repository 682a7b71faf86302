"""Genotypes as integers: the distinct identities numbered in the order of their text, up to three packed into one key.

Belongs here: reading pages of edges, numbering, packing, and the way back to text. Does not: what identity is
(schema/genotype.py), what pools (pooling.py).

A key holds three numbers of 21 bits: the first two identities of the sorted genotype, and the rest of it, which for a
triple mutant is one identity and beyond that the text of several, numbered like an identity. So keys compare as the
texts of the genotypes do, and a genotype of any length has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.genotype import (
    GENE_SEPARATOR,
    IDENTITY,
    PERTURBATION_SEPARATOR,
    gene_of,
    genes_of,
    identity,
    perturbations_of,
)

if TYPE_CHECKING:
    import duckdb

BITS = 21
LARGEST = 2**BITS - 1
"""Identities are numbered 1 to this; 0 stands for none."""
IN_KEY = 3
DELETION, HAPLOID = 1, 2
"""Bits of `flags`: every perturbation is a deletion, every one is in a haploid strain."""

_FLAG_BITS = 2
_SHIFTS = tuple(BITS * place for place in reversed(range(IN_KEY)))


class MergeError(TorchcellError):
    """The selected records cannot be merged, or a merged table cannot be read."""


@dataclass(frozen=True)
class Identities:
    """All identities of some pages.

    texts: sorted; the number of `texts[i]` is i + 1. perturbations: gene, kind, allele, zygosity -> identity, its
    number, flags.
    """

    texts: pl.Series
    perturbations: pl.DataFrame
    genes_only: bool

    @property
    def separator(self) -> str:
        """What stands between two identities in the text of a genotype."""
        return GENE_SEPARATOR if self.genes_only else PERTURBATION_SEPARATOR


def number(edges: Sequence[Path], genes_only: bool, connection: "duckdb.DuckDBPyConnection") -> Identities:
    """Number the identities in pages of edges.

    genes_only: the identity of a perturbation is its gene, and a gene counts once in a genotype.
    Raises MergeError if an edge lacks a part of its identity, or if there are more than a key can tell apart.
    """
    pages = [str(path) for path in edges]
    found = connection.sql(f"SELECT DISTINCT {', '.join(IDENTITY)} FROM read_parquet(?)", params=[pages]).pl()
    known = found.with_columns(
        identity=pl.col("gene") if genes_only else identity(pl.col),
        flags=(pl.col("kind") == "deletion").cast(pl.Int64) * DELETION
        | (pl.col("zygosity") == "haploid").cast(pl.Int64) * HAPLOID,
    )
    if sum(known.null_count().row(0)):
        raise MergeError("A PERTURBS edge lacks its kind, allele or zygosity: load the graph again.")
    texts = [known["identity"]]
    for path in edges:
        ordinals = np.sort(pl.read_parquet(path, columns=["ordinal"])["ordinal"].to_numpy())
        if (ordinals[IN_KEY:] == ordinals[:-IN_KEY]).any():
            page = pl.read_parquet(path).join(known, on=IDENTITY)
            texts.append(_rests(page, genes_only)["rest"])
    distinct = pl.concat(texts).unique().sort()
    if len(distinct) > LARGEST:
        raise MergeError(
            f"The selected records perturb in {len(distinct):,} different ways and a merge key tells {LARGEST:,} apart: "
            "narrow the query of the study."
        )
    numbers = pl.col("identity").cast(pl.Enum(distinct)).to_physical().cast(pl.Int64) + 1
    return Identities(distinct, known.with_columns(number=numbers), genes_only)


def packed(edges: pl.DataFrame, identities: Identities) -> pl.DataFrame:
    """One row per experiment of a page: `ordinal`, `key`, `flags`, sorted by ordinal.

    edges: one row per perturbation, in any order: ordinal, gene, kind, allele, zygosity.
    """
    if edges.is_empty():
        return pl.DataFrame(schema={"ordinal": pl.Int64, "key": pl.Int64, "flags": pl.UInt8})
    base = edges["ordinal"].min()
    # ordinal, number and flags in one integer: numpy sorts integers several times faster than a table is sorted
    together = edges.join(identities.perturbations, on=IDENTITY, how="left").select(
        (pl.col("ordinal") - base) * 2 ** (BITS + _FLAG_BITS) + pl.col("number") * 2**_FLAG_BITS + pl.col("flags")
    )
    perturbed = np.sort(together.to_series().to_numpy())
    flags = np.bitwise_and.reduceat(perturbed & (DELETION | HAPLOID), starts_of(perturbed >> (BITS + _FLAG_BITS)))
    perturbed >>= _FLAG_BITS
    if identities.genes_only:
        perturbed = perturbed[starts_of(perturbed)]
    ordinal, numbers = perturbed >> BITS, perturbed & LARGEST
    starts = starts_of(ordinal)
    counts = np.diff(starts, append=len(ordinal))
    key = np.zeros(len(starts), dtype=np.int64)
    for place, shift in enumerate(_SHIFTS):
        there = counts > place
        key[there] |= numbers[starts[there] + place] << shift
    found = ordinal[starts] + base
    if (counts > IN_KEY).any():
        rests = _rests(edges.join(identities.perturbations, on=IDENTITY), identities.genes_only)
        at = np.searchsorted(found, rests["ordinal"].to_numpy())
        rest = rests["rest"].cast(pl.Enum(identities.texts)).to_physical().cast(pl.Int64).to_numpy() + 1
        key[at] = (key[at] >> BITS << BITS) | rest
    return pl.DataFrame({"ordinal": found, "key": key, "flags": flags.astype(np.uint8)})


def texts(keys: np.ndarray, identities: Identities) -> pl.DataFrame:
    """`genotype`, `genes` and `order` of packed keys, as schema/genotype.py::with_genotype writes them."""
    known = identities.texts
    gene = known.to_frame("text").select(gene_of(pl.col("text")))
    genes = gene["text"].unique().sort()
    # genes sort otherwise than identities do: YAL001C before YAL001C-A, but `YAL001C-A:` before `YAL001C:`
    rank = np.r_[0, gene["text"].cast(pl.Enum(genes)).to_physical().cast(pl.Int64).to_numpy() + 1]
    places = np.stack([(keys >> shift) & LARGEST for shift in _SHIFTS])
    ranks = np.sort(rank[places], axis=0)
    for place in range(IN_KEY - 1):
        ranks[place][ranks[place] == ranks[place + 1]] = 0
    table = pl.DataFrame(
        {
            "genotype": _joined(known, places, identities.separator),
            "genes": _joined(genes, ranks, GENE_SEPARATOR),
            "order": (ranks > 0).sum(axis=0).astype(np.uint8),
        }
    )
    is_long = np.r_[False, known.str.contains(identities.separator, literal=True).to_numpy()][places[-1]]
    if not is_long.any():
        return table
    named, long = genes_of(pl.col("genotype")), pl.Series("long", is_long)
    return table.with_columns(
        genes=pl.when(long).then(named.list.join(GENE_SEPARATOR)).otherwise("genes"),
        order=pl.when(long).then(named.list.len().cast(pl.UInt8)).otherwise("order"),
    )


def perturbations(keys: np.ndarray, identities: Identities) -> pl.Series:
    """`perturbations` of packed keys, of which `texts` gives the genotype: for each a list of structs with fields IDENTITY."""
    parts = identities.texts.str.split(identities.separator)
    counts = parts.list.len().to_numpy().astype(np.int64)
    begins = np.cumsum(counts) - counts
    places = np.stack([(keys >> shift) & LARGEST for shift in _SHIFTS], axis=1)
    numbers = places[places > 0] - 1
    # a number stands for one identity or, in the last place, for several
    many = counts[numbers]
    ends = np.cumsum(many)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins[numbers] - (ends - many), many)
    starts = np.r_[0, ends][np.r_[0, np.cumsum((places > 0).sum(axis=1))]]
    return lists(perturbations_of(parts.explode()).gather(pl.Series(at)), starts[:-1]).rename("perturbations")


def lists(values: pl.Series, starts: np.ndarray) -> pl.Series:
    """Lists of neighbours: no value is copied. starts: of `values`, at which each list begins."""
    import pyarrow as pa

    # not pa.array, which imports pandas to look at an array of numpy: a second of CPU
    offsets = pl.Series(np.append(starts, len(values)), dtype=pl.Int64).to_arrow()
    arrow = values.to_arrow(compat_level=pl.CompatLevel.newest())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, arrow)))


def _rests(page: pl.DataFrame, genes_only: bool) -> pl.DataFrame:
    """Of experiments that perturb more than a key has places for: `ordinal`, and what is beyond the first places."""
    rows = page.select("ordinal", "identity")
    rows = rows.unique() if genes_only else rows
    separator = GENE_SEPARATOR if genes_only else PERTURBATION_SEPARATOR
    return (
        rows.filter(pl.len().over("ordinal") > IN_KEY)
        .sort("ordinal", "identity")
        .group_by("ordinal", maintain_order=True)
        .agg(rest=pl.col("identity").slice(IN_KEY - 1).str.join(separator))
    )


def starts_of(*sorted_columns: np.ndarray) -> np.ndarray:
    """Where a new combination of values begins; the columns are as long as each other, and neighbours are compared."""
    new = np.ones(len(sorted_columns[0]), dtype=bool)
    new[1:] = False
    for column in sorted_columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


def _joined(values: pl.Series, numbers: np.ndarray, separator: str) -> pl.Series:
    """The texts that the columns of `numbers` name, joined; 0 names none."""
    parts = [
        values.gather(pl.Series(np.maximum(row - 1, 0))).to_frame(str(place)).select(
            pl.when(pl.Series(row > 0)).then(pl.col(str(place)))
        ).to_series()
        for place, row in enumerate(numbers)
    ]  # fmt: skip
    return pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator=separator, ignore_nulls=True)).to_series()
