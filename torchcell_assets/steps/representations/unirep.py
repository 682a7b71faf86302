"""UniRep: a multiplicative LSTM that read 24 million proteins, as the mean of its hidden states over a protein.

Belongs here: its weights as they ship, and its forward pass. Does not: which file holds them (raw_files.py), sequences
(proteins.py), keeping vectors that were computed before.

The model: Alley et al. 2019, Nature Methods 16:1315; the cell: Krause et al. 2016, arXiv:1609.07959. The package that ships the
weights is read as data and never imported: it compiles the model anew for each length of a protein.
"""

import os
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from torchcell_assets.errors import TorchcellError

_LETTERS = "-MRHKDESTNQCUGPAVIFYWLO"
_ANY, _START = 23, 24
TOKENS = {letter: token for token, letter in enumerate(_LETTERS)} | dict.fromkeys("XZBJ", _ANY)
"""The vocabulary that the model was trained with; one token for whatever stands for one of several amino acids."""
_TOKEN = np.full(256, 255, dtype=np.uint8)
_TOKEN[[ord(letter) for letter in TOKENS]] = list(TOKENS.values())

GATES = 4
"""In the order of the stored columns: input, forget, output, update."""
_LEAST, _MOST = 256, 32_768
"""Sequences of a batch at least, so that weights are read seldom; numbers of one gate in a larger one at most, so that they stay
in the cache of a core."""
_TINY = 1e-12
"""Under the root of the norm of a column: that of the weight normalisation of the trained model."""


class UnirepError(TorchcellError):
    """The weights or a sequence cannot be used."""


@dataclass(frozen=True)
class Layer:
    """One multiplicative LSTM of the stack, its weights normalised.

    from_input: input x 5 width, what the input gives to the multiplicative state (the first `width` columns) and to the gates.
    bias: 5 width, zero for the multiplicative state. to_state: width x width, hidden state to multiplicative state.
    to_gates: width x 4 width, multiplicative state to the gates. The three sigmoid gates are halved everywhere, because
    sigmoid(x) = (1 + tanh(x / 2)) / 2; halving loses nothing.
    """

    from_input: np.ndarray
    bias: np.ndarray
    to_state: np.ndarray
    to_gates: np.ndarray

    @property
    def width(self) -> int:
        """Length of the hidden state."""
        return len(self.to_state)


@dataclass(frozen=True)
class Weights:
    """The stack, and what the first layer gets from each token: tokens x 5 width, so that it multiplies nothing by the input."""

    of_token: np.ndarray
    layers: tuple[Layer, ...]

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.layers[0].width


def read(path: Path) -> Weights:
    """The weights of one size; raises UnirepError where the file is not what the package ships.

    A zip of NumPy arrays. One that holds Python objects is refused: reading these would run code.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name], dtype=np.float32) for name in stored.files}
        depth = sum(name.endswith(".wmh") for name in arrays)
        layers = tuple(_layer({name: arrays[f"mlstm.{at}.{name}"] for name in _STORED}) for at in range(depth))
        first = layers[0]
        of_token = arrays["embedding"] @ first.from_input + first.bias
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise UnirepError(
            f"{path} does not hold the weights of UniRep ({error}): install the package again."
        ) from error
    return Weights(of_token, layers)


_STORED = ("wmx", "wmh", "wx", "wh", "gmx", "gmh", "gx", "gh", "b")


def _layer(stored: dict[str, np.ndarray]) -> Layer:
    mx, mh, x, h = (_normalised(stored[f"w{name}"], stored[f"g{name}"]) for name in ("mx", "mh", "x", "h"))
    width = len(mh)
    half = np.repeat(np.array([0.5, 1.0], dtype=np.float32), [3 * width, width])
    bias = np.concatenate([np.zeros(width, dtype=np.float32), stored["b"] * half])
    return Layer(np.hstack([mx, x * half]), bias, np.ascontiguousarray(mh), np.ascontiguousarray(h * half))


def _normalised(weights: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Weight normalisation, Salimans and Kingma 2016, arXiv:1602.07868: each column of length `gain`."""
    squares = np.square(weights.astype(np.float64)).sum(axis=0)
    return np.asarray(weights / np.sqrt(np.maximum(squares, _TINY)) * gain, dtype=np.float32)


def vectors(sequences: Sequence[str], weights: Weights, threads: int | None = None) -> np.ndarray:
    """The mean hidden state of the last layer over each protein and the start before it, n x width, float32.

    Sequences of like length are computed together; none is padded, for the batch shrinks as they end. What a sequence gives
    does not depend on the others, but for the last bits of a float32, in which the sizes of matrix products differ.

    Args:
        sequences: proteins, upper case; raises UnirepError where one has a character that is none of TOKENS, or is empty.
        weights: of the model, as `read` gives them.
        threads: how many batches are computed at a time; by default as many as this process has cores.
    """
    from threadpoolctl import threadpool_limits

    tokens = [_tokens(sequence) for sequence in sequences]
    result = np.empty((len(sequences), weights.width), dtype=np.float32)

    def fill(rows: list[int]) -> None:
        result[rows] = _means([tokens[row] for row in rows], weights)

    # a batch on each core: products of this size lose more by being shared between cores than they gain
    with threadpool_limits(1), ThreadPoolExecutor(threads or _cores()) as pool:
        for _ in pool.map(fill, _batches(tokens, weights.width)):
            pass
    return result


def at_once(weights: Weights) -> int:
    """So many sequences give every core some batches: what is computed between two savings."""
    return 4 * _cores() * _size(weights.width)


def _size(width: int) -> int:
    return max(_LEAST, _MOST // width)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tokens(sequence: str) -> np.ndarray:
    found = _TOKEN[np.frombuffer(sequence.encode(), dtype=np.uint8)]
    if not len(found) or found.max() == 255:
        unknown = sorted(set(sequence) - TOKENS.keys())
        raise UnirepError(f"UniRep has no token for {', '.join(map(repr, unknown)) or 'a protein without residues'}.")
    return np.concatenate([np.array([_START], dtype=np.uint8), found])


def _batches(tokens: list[np.ndarray], width: int) -> Iterator[list[int]]:
    """Rows of sequences of like length, longest first within a batch and among them."""
    order = sorted(range(len(tokens)), key=lambda row: (-len(tokens[row]), row))
    size = _size(width)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _means(tokens: list[np.ndarray], weights: Weights) -> np.ndarray:
    """Of sequences that are sorted by length, longest first; all layers go through the positions together."""
    lengths = np.array([len(sequence) for sequence in tokens])
    of_position = np.zeros((lengths[0], len(tokens)), dtype=np.uint8)
    for row, sequence in enumerate(tokens):
        of_position[: len(sequence), row] = sequence
    active = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")  # how many are longer than each position
    hidden = [np.zeros((len(tokens), weights.width), dtype=np.float32) for _ in weights.layers]
    cell = [np.zeros_like(one) for one in hidden]
    total = np.zeros((len(tokens), weights.width))
    for position, rows in enumerate(active):
        given = weights.of_token[of_position[position, :rows]]
        for at, layer in enumerate(weights.layers):
            if at:
                given = hidden[at - 1][:rows] @ layer.from_input
                given += layer.bias
            _advance(layer, given, hidden[at][:rows], cell[at][:rows])
        total[:rows] += hidden[-1][:rows]
    return np.asarray(total / lengths[:, None], dtype=np.float32)


def _advance(layer: Layer, given: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> None:
    """One position of one layer: `hidden` and `cell` become those after it.

    With m = (x Wmx) * (h Wmh) and z = x Wx + m Wh + b in the four gates i, f, o, u: c' = s(f) c + s(i) tanh(u), and
    h' = s(o) tanh(c'), where s is the sigmoid (Krause et al. 2016, equations 8 to 12). `given` is overwritten.
    """
    width = layer.width
    state = hidden @ layer.to_state
    state *= given[:, :width]
    gates = state @ layer.to_gates
    gates += given[:, width:]
    np.tanh(gates, out=gates)
    sigmoids = gates[:, : (GATES - 1) * width]
    sigmoids *= np.float32(0.5)
    sigmoids += np.float32(0.5)
    cell *= sigmoids[:, width : 2 * width]
    update = gates[:, 3 * width :]
    update *= sigmoids[:, :width]
    cell += update
    np.tanh(cell, out=hidden)
    hidden *= sigmoids[:, 2 * width :]
