"""The DNA around genes, cut from their chromosomes and read on the coding strand.

Belongs here: which bases a window holds, at the end of a chromosome too. Does not: chromosomes (datasets/chromosomes.py), what a
model makes of the bases.

The windows are published ones: of SpeciesLM (Karollus et al. 2024, Genome Biology 25:83), 1,003 bases that end with the start
codon and 300 that begin with the stop codon; and 5,979 about a gene, which fill the 1,000 tokens of a Nucleotide Transformer
(996 of six bases, three of one, and the one before them).
"""

from collections.abc import Callable
from typing import Any

import polars as pl

FIVE_PRIME = 1003
"""Bases of the window that ends with the start codon: 1,000 before it, and the codon."""
THREE_PRIME = 300
"""Bases of the window that begins with the stop codon."""
GENE = 5979
"""Bases of the window about a gene."""
CODON = 3

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")

Place = Callable[[int, int, str, int | None], tuple[int, int]]
"""From the first base of a gene (0-based), the one after its last, its strand and the length of its chromosome (None of a
circular one), the window in the same numbers; it may reach beyond the chromosome."""


def five_prime(genes: pl.DataFrame, chromosomes: pl.DataFrame, size: int = FIVE_PRIME) -> pl.Series:
    """The `size` bases that end with the start codon of each gene; see `_cut`."""

    def place(start: int, end: int, strand: str, length: int | None) -> tuple[int, int]:
        return (start + CODON - size, start + CODON) if strand == "+" else (end - CODON, end - CODON + size)

    return _cut(genes, chromosomes, place)


def three_prime(genes: pl.DataFrame, chromosomes: pl.DataFrame, size: int = THREE_PRIME) -> pl.Series:
    """The `size` bases that begin with the stop codon of each gene; see `_cut`."""

    def place(start: int, end: int, strand: str, length: int | None) -> tuple[int, int]:
        return (end - CODON, end - CODON + size) if strand == "+" else (start + CODON - size, start + CODON)

    return _cut(genes, chromosomes, place)


def about_gene(genes: pl.DataFrame, chromosomes: pl.DataFrame, size: int = GENE) -> pl.Series:
    """The `size` bases with the gene in their middle, introns and both codons in it; see `_cut`.

    Of an odd difference, the base that is left over is taken on the 5' side. Where a chromosome ends too early, both flanks are
    as long as the shorter one, and the gene stays in the middle. Of a gene longer than `size`, its middle, without the codons.
    """

    def place(start: int, end: int, strand: str, length: int | None) -> tuple[int, int]:
        outside = size - (end - start)
        room = size if length is None or outside < 0 else min(start, length - end)
        upstream, downstream = min(outside - outside // 2, room), min(outside // 2, room)
        left, right = (upstream, downstream) if strand == "+" else (downstream, upstream)
        return start - left, end + right

    return _cut(genes, chromosomes, place)


def _cut(genes: pl.DataFrame, chromosomes: pl.DataFrame, place: Place) -> pl.Series:
    """One window per gene, in the order of `genes`, upper case, 5' to 3' on the coding strand.

    genes: has `chromosome`, `start` and `end` (1-based, inclusive) and `strand`. chromosomes: as `datasets/chromosomes`.

    At the end of a linear chromosome a window is shorter by what is not there. A circular one has no end: the window goes on at
    its other side. Null where the chromosome is none of `chromosomes`.
    """
    known = {name: (bases, circular) for name, bases, circular in _rows(chromosomes, "sequence", "circular")}
    windows: list[str | None] = []
    for chromosome, start, end, strand in _rows(genes, "start", "end", "strand"):
        if chromosome not in known:
            windows.append(None)
            continue
        sequence, circular = known[chromosome]
        first, after = place(start - 1, end, strand, None if circular else len(sequence))
        bases = _between(sequence, circular, first, after)
        windows.append(bases if strand == "+" else bases.translate(_COMPLEMENT)[::-1])
    return pl.Series("window", windows, dtype=pl.String)


def _rows(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return table.select("chromosome", *columns).rows()


def _between(sequence: str, circular: bool, first: int, after: int) -> str:
    if not circular:
        return sequence[max(first, 0) : max(after, 0)]
    begin, wanted = first % len(sequence), after - first
    return (sequence * ((begin + wanted) // len(sequence) + 1))[begin : begin + wanted]
