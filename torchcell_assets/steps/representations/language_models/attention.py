"""Attention within the pieces of a row: none of them sees another, and nothing is padded.

Belongs here: the kernel on each device. Does not: the layers around it (esm.py, t5.py), which pieces share a row (packing.py).
torch is imported when this is: a worker does it, the code location never.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from torchcell_assets.steps.representations.language_models.packing import Row

BLOCK = 128
"""Rows are whole blocks of so many tokens where FlexAttention is used."""


@dataclass(frozen=True)
class Placed:
    """A row on a device. tokens, positions: (n), int64. bounds: (pieces + 2 or + 1), int32, the padding as a piece of its own."""

    row: Row
    tokens: torch.Tensor
    positions: torch.Tensor
    bounds: torch.Tensor

    @classmethod
    def on(cls, device: torch.device, row: Row) -> "Placed":
        """The row's arrays on that device."""
        bounds = torch.from_numpy(row.bounds)
        if int(row.bounds[-1]) < len(row.tokens):
            bounds = torch.cat([bounds, torch.tensor([len(row.tokens)], dtype=torch.int32)])
        tokens, positions = torch.from_numpy(row.tokens), torch.from_numpy(row.positions)
        return cls(row, tokens.to(device), positions.to(device), bounds.to(device))

    def means(self, hidden: torch.Tensor) -> torch.Tensor:
        """(pieces, dimension), float32: the mean over the tokens of each piece, without those before and after it."""
        return torch.stack([hidden[start:stop].float().mean(0) for start, stop in self.row.inner.tolist()])


def within_pieces(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, placed: Placed, scale: float
) -> torch.Tensor:
    """Softmax attention of every piece to itself. query, key, value: (n, heads, width); gives the like."""
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        longest = placed.row.longest
        return varlen_attn(query, key, value, placed.bounds, placed.bounds, longest, longest, scale=scale)
    mixed = torch.empty_like(query)
    ends = placed.bounds.tolist()
    for start, stop in itertools.pairwise(ends):
        own = [part[start:stop].transpose(0, 1)[None] for part in (query, key, value)]
        mixed[start:stop] = functional.scaled_dot_product_attention(*own, scale=scale)[0].transpose(0, 1)
    return mixed


def compiled(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function, compiled for rows of one length on a GPU; as it is elsewhere."""
    return torch.compile(function, dynamic=False, fullgraph=True) if device.type == "cuda" else function
