"""Vectors of sequences: what the cache does not hold is computed, and stored as it comes.

Belongs here: which sequences are computed, in which rows, by which type of numbers, and what is done where memory ends or a
number is none. Does not: the forward passes (esm.py, t5.py ...), where vectors are kept (sequence_cache.py), what a gene is.

On a GPU pieces share rows without padding, in half precision; elsewhere every piece is a row of its own, in float32, which on a
CPU is the fastest way (measured: 1.7 times a padded batch of like lengths).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from torchcell_assets.steps.representations.language_models import packing
from torchcell_assets.steps.representations.language_models.alphabets import Alphabet
from torchcell_assets.steps.representations.language_models.attention import BLOCK, Placed
from torchcell_assets.steps.representations.language_models.loading import Encoder

ROW = 32_768
"""Tokens of a row on a GPU: there a product of matrices is as fast as it gets."""
SMALLEST_ROW = 2_048
SAVE_AFTER = 20.0
"""Seconds after which what is finished is stored: a kill loses no more than that."""
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}

Tick = Callable[[int, int], None]
"""Told of progress: tokens done, tokens in all."""
Load = Callable[[torch.dtype], Encoder]
Store = Callable[[Sequence[int], np.ndarray], None]
"""Told of finished vectors: numbers of their sequences, and the vectors, (n, dimension) float32."""


@dataclass(frozen=True)
class Shape:
    """How sequences become pieces.

    limit: tokens of a piece at most, without special ones; None where a model takes any length. overlap: of neighbouring pieces.
    first: tokens that are read of a sequence at most, from its beginning; None for all.
    """

    limit: int | None = None
    overlap: int = 0
    first: int | None = None


@dataclass
class Work:
    """Sequences on their way to vectors. tokens: of each sequence. pieces: in the order of `packing.pieces`.

    sums, counts: of the pooled pieces of each sequence that is not finished. open: how many pieces it waits for.
    """

    tokens: list[np.ndarray]
    pieces: list[packing.Piece]
    sums: dict[int, np.ndarray] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    open: dict[int, int] = field(default_factory=dict)
    finished: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, sequences: Sequence[str], alphabet: Alphabet, shape: Shape) -> "Work":
        """The sequences as tokens, cut where a model needs it."""
        tokens = [alphabet.tokens(sequence)[: shape.first] for sequence in sequences]
        cut = packing.pieces([len(one) for one in tokens], shape.limit, shape.overlap)
        work = cls(tokens, cut)
        for piece in cut:
            work.open[piece.sequence] = work.open.get(piece.sequence, 0) + 1
        return work

    def take(self, piece: packing.Piece, mean: np.ndarray) -> None:
        """Add the mean of a piece; that of a sequence is weighted by the tokens of its pieces."""
        at = piece.sequence
        self.sums[at] = self.sums.get(at, 0.0) + mean.astype(np.float64) * piece.length
        self.counts[at] = self.counts.get(at, 0) + piece.length
        self.open[at] -= 1
        if not self.open[at]:
            self.finished[at] = np.asarray(self.sums.pop(at) / self.counts.pop(at), dtype=np.float32)

    def hand_over(self, store: Store) -> None:
        """Give what is finished to `store`."""
        if self.finished:
            numbers = sorted(self.finished)
            store(numbers, np.stack([self.finished[one] for one in numbers]))
            self.finished.clear()


def compute(
    sequences: Sequence[str],
    alphabet: Alphabet,
    shape: Shape,
    *,
    load: Load,
    dtype: torch.dtype,
    store: Store,
    tick: Tick = lambda done, total: None,
    row: int = ROW,
) -> None:
    """Compute the vectors of sequences, and store them as they are finished.

    Args:
        sequences: no two are the same.
        alphabet: how they are read.
        shape: how they are cut.
        load: gives the encoder with weights of a type.
        dtype: of the weights. A row that comes out with a number that is none is computed again in bfloat16, whose range is that
            of float32.
        store: told of finished vectors.
        tick: told of progress.
        row: tokens of a row on a GPU; halved whenever its memory is not enough.

    """
    encoders = {dtype: load(dtype)}
    work = Work.of(sequences, alphabet, shape)
    total = sum(piece.length for piece in work.pieces)
    done, saved = 0, time.monotonic()
    for pieces, placed in _rows(work, alphabet, encoders[dtype], row):
        means = placed[0].means(placed[1])
        if not torch.isfinite(means).all() and dtype == torch.float16:
            if torch.bfloat16 not in encoders:
                encoders[torch.bfloat16] = load(torch.bfloat16)
            means = placed[0].means(encoders[torch.bfloat16].hidden(placed[0]))
        for piece, mean in zip(pieces, means.cpu().numpy(), strict=True):
            work.take(piece, mean)
            done += piece.length
        tick(done, total)
        if time.monotonic() - saved > SAVE_AFTER:
            work.hand_over(store)
            saved = time.monotonic()
    work.hand_over(store)


def _rows(
    work: Work, alphabet: Alphabet, encoder: Encoder, row: int
) -> Iterator[tuple[list[packing.Piece], tuple[Placed, torch.Tensor]]]:
    """Every piece once, in rows: its pieces, and the row with the hidden states of its tokens."""
    left, device = list(work.pieces), encoder.device
    ends = len(alphabet.head) + len(alphabet.tail)
    while left:
        lengths = [piece.length + ends for piece in left]
        packed = packing.rows(lengths, row if device.type == "cuda" else 1)
        todo: set[int] = set(range(len(left)))
        for members in packed:
            pieces = [left[at] for at in members]
            try:
                placed = _placed(work, alphabet, device, pieces, row)
                hidden = encoder.hidden(placed)
            except torch.cuda.OutOfMemoryError:
                if row <= SMALLEST_ROW:
                    raise
                torch.cuda.empty_cache()
                row //= 2
                break
            todo -= set(members)
            yield pieces, (placed, hidden)
        left = [left[at] for at in sorted(todo)]


def _placed(work: Work, alphabet: Alphabet, device: torch.device, pieces: Sequence[packing.Piece], row: int) -> Placed:
    parts = [work.tokens[piece.sequence][piece.start : piece.stop] for piece in pieces]
    wanted = sum(map(len, parts)) + len(parts) * (len(alphabet.head) + len(alphabet.tail))
    # on a GPU all rows have one length, whole blocks: what is compiled is compiled once
    length = -(-max(wanted, row) // BLOCK) * BLOCK if device.type == "cuda" else None
    return Placed.on(device, packing.row(parts, alphabet.head, alphabet.tail, length=length, padding=alphabet.padding))
