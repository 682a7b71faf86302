"""Sequences of tokens, put together for a forward pass: pieces of what is too long, and rows in which nothing is padded.

Belongs here: where a sequence is cut, which pieces share a row, where each lies in it. Does not: which letters are which tokens
(alphabets.py), the forward pass (encoders).

A row holds whole pieces back to back; what is left of it is one piece of padding that attends to itself and is pooled nowhere. By
first-fit decreasing the rows of a proteome of 6,600 proteins are more than 99 % full (Johnson 1973; the greedy rule wastes a row
only where no piece fits).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Piece:
    """A stretch of one sequence. sequence: its number. start, stop: tokens of the sequence, without the special ones."""

    sequence: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of tokens of the sequence."""
        return self.stop - self.start


def pieces(lengths: Sequence[int], limit: int | None = None, overlap: int = 0) -> list[Piece]:
    """Every sequence as one piece, or, where it is longer than `limit`, as windows that overlap.

    The last window of a sequence ends where the sequence ends, and is as long as the others: it overlaps by more.

    Args:
        lengths: tokens of each sequence, without special ones.
        limit: tokens of a piece at most; None where a model takes any length.
        overlap: tokens that neighbouring windows share at least; less than `limit`.

    """
    if limit is not None and not 0 <= overlap < limit:
        raise ValueError(f"Windows of {limit} tokens cannot overlap by {overlap}.")
    cut = []
    for number, length in enumerate(lengths):
        if limit is None or length <= limit:
            cut.append(Piece(number, 0, length))
            continue
        starts = [*range(0, length - limit, limit - overlap), length - limit]
        cut += [Piece(number, start, start + limit) for start in starts]
    return cut


def rows(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """First-fit decreasing: the numbers of the pieces that share each row.

    lengths: tokens of each piece, with special ones. budget: tokens of a row; a piece that is longer has a row of its own.
    """
    filled: list[list[int]] = []
    room = np.empty(0, dtype=np.int64)
    for at in np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable"):
        fits = np.flatnonzero(room >= lengths[at])
        if len(fits):
            filled[fits[0]].append(int(at))
            room[fits[0]] -= lengths[at]
        else:
            filled.append([int(at)])
            room = np.append(room, max(budget, lengths[at]) - lengths[at])
    return filled


@dataclass(frozen=True)
class Row:
    """Pieces back to back.

    tokens, positions: (n), int64; positions begin anew with every piece.
    bounds: (pieces + 1), int32: where each piece begins, and where the last ends; padding begins there.
    inner: (pieces, 2), int64: from where to where a piece is pooled, without the special tokens at its ends.
    """

    tokens: np.ndarray
    positions: np.ndarray
    bounds: np.ndarray
    inner: np.ndarray

    @property
    def longest(self) -> int:
        """Tokens of the longest piece, padding among them."""
        return int(max(np.diff(self.bounds).max(initial=1), len(self.tokens) - self.bounds[-1]))


def row(
    parts: Sequence[np.ndarray],
    head: Sequence[int],
    tail: Sequence[int],
    *,
    length: int | None = None,
    padding: int = 0,
) -> Row:
    """One row of these pieces.

    Args:
        parts: tokens of each piece, without special ones.
        head: special tokens before every piece.
        tail: those after it.
        length: tokens of the row; by default as many as it needs.
        padding: the token that fills the rest.

    """
    sizes = np.array([len(part) for part in parts], dtype=np.int64)
    ends = np.cumsum(sizes + len(head) + len(tail))
    starts = ends - sizes - len(head) - len(tail)
    total = max(int(ends[-1]), length or 0)
    tokens = np.full(total, padding, dtype=np.int64)
    positions = np.arange(total, dtype=np.int64)
    for part, start, end in zip(parts, starts, ends, strict=True):
        tokens[start:end] = np.concatenate([head, part, tail])
        positions[start:end] -= start
    positions[int(ends[-1]) :] = (
        0  # padding is one token, over and over: models with a table of positions have room for it
    )
    inner = np.stack([starts + len(head), ends - len(tail)], axis=1)
    return Row(tokens, positions, np.append(starts, ends[-1]).astype(np.int32), inner)
