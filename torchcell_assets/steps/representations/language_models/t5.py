"""The encoder of T5, as ProtT5 has it: one forward pass over the weights that transformers has loaded.

Belongs here: that encoder, over rows of packed pieces. Does not: loading (loading.py).

T5 knows positions by a bias on every pair of tokens, which depends on their distance up to 128: a table of 257 numbers a head.
On a GPU FlexAttention looks the bias up while it attends; elsewhere it is added to the scores of some queries at a time.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from torchcell_assets.steps.representations.language_models.attention import BLOCK, Placed, compiled

QUERIES = 512
"""Queries that attend at once where the bias is written out: 32 heads and 4,910 keys take 0.3 GB then, and not 3."""


Weights = tuple[torch.Tensor, ...]
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Queries, keys and values, (heads, n, width) each, to the like."""


class T5Encoder:
    """Hidden states of the last layer. module: transformers' T5EncoderModel; its tensors are used, not copied."""

    def __init__(self, module: Any, *, flex: bool | None = None) -> None:
        config = module.config
        if config.is_gated_act or config.dense_act_fn != "relu":
            raise ValueError("This forward pass is of T5 with one dense layer and relu, as ProtT5 was trained.")
        self.module, self.heads, self.eps = module, config.num_heads, config.layer_norm_epsilon
        self.embeddings = module.shared.weight
        self.device = self.embeddings.device
        self.layers = [self._layer(block) for block in module.encoder.block]
        own = module.encoder.block[0].layer[0].SelfAttention
        self.reach = own.relative_attention_max_distance
        apart = torch.arange(-self.reach, self.reach + 1, device=self.device)
        buckets = own._relative_position_bucket(
            apart, bidirectional=True, num_buckets=own.relative_attention_num_buckets, max_distance=self.reach
        )
        self.bias = own.relative_attention_bias.weight[buckets].t().contiguous().float()
        self.before, self.after = compiled(_before, self.device), compiled(_after, self.device)
        self.flex = self.device.type == "cuda" if flex is None else flex
        self.piece = torch.empty(0, dtype=torch.int32)

    @staticmethod
    def _layer(block: Any) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        own, dense = block.layer[0].SelfAttention, block.layer[1].DenseReluDense
        weight = torch.cat([own.q.weight, own.k.weight, own.v.weight])
        return (
            (block.layer[0].layer_norm.weight, weight),
            (own.o.weight, block.layer[1].layer_norm.weight, dense.wi.weight, dense.wo.weight),
        )

    @torch.inference_mode()
    def hidden(self, placed: Placed) -> torch.Tensor:
        """(n, dimension), float32: one vector per token of the row."""
        attend = self._flexible(placed) if self.flex else self._written_out(placed)
        stream = self.embeddings[placed.tokens].float()
        for before, after in self.layers:
            stream = self.after(stream, attend(*self.before(stream, before, self.heads, self.eps)), after, self.eps)
        return _normed(stream, self.module.encoder.final_layer_norm.weight, self.eps)

    def _written_out(self, placed: Placed) -> Attend:
        """Attention with the bias added to the scores, some queries at a time."""
        ends = placed.bounds.tolist()

        def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            mixed = torch.empty_like(query)
            for start, stop in itertools.pairwise(ends):
                keys, values = key[:, start:stop], value[:, start:stop]
                for first in range(start, stop, QUERIES):
                    last = min(first + QUERIES, stop)
                    there = torch.arange(start, stop, device=self.device)
                    here = torch.arange(first, last, device=self.device)
                    apart = (there[None] - here[:, None]).clamp(-self.reach, self.reach) + self.reach
                    scores = query[:, first:last].float() @ keys.float().transpose(1, 2) + self.bias[:, apart]
                    mixed[:, first:last] = (scores.softmax(-1) @ values.float()).to(query.dtype)
            return mixed

        return attend

    def _flexible(self, placed: Placed) -> Attend:
        """FlexAttention: the pieces as a mask of blocks, the bias from its table."""
        mask = self._mask(placed)

        def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            mixed = self.run(query[None], key[None], value[None], score_mod=self.with_bias, block_mask=mask, scale=1.0)
            return mixed[0]

        return attend

    def _prepare(self, length: int) -> None:
        """What FlexAttention is compiled with: the same tensors and functions for every row of one length."""
        from torch.nn.attention.flex_attention import flex_attention

        if len(self.piece) == length:
            return
        self.piece = piece = torch.zeros(length, dtype=torch.int32, device=self.device)
        bias, reach = self.bias, self.reach
        self.of_one_piece = lambda batch, head, query, key: piece[query] == piece[key]
        self.with_bias = lambda score, batch, head, query, key: (
            score + bias[head, (key - query).clamp(-reach, reach) + reach]
        )
        self.run = torch.compile(flex_attention, dynamic=False) if self.device.type == "cuda" else flex_attention

    def _mask(self, placed: Placed) -> Any:
        """Which blocks of keys each block of queries looks at: those of its pieces, wholly or in part.

        It is put together by block; FlexAttention's own way looks at every pair of tokens, which are 10^9 in a row of 32,768.
        """
        from torch.nn.attention.flex_attention import BlockMask

        length = len(placed.tokens)
        if length % BLOCK:
            raise ValueError(f"A row of {length} tokens is no number of blocks of {BLOCK}.")
        self._prepare(length)
        piece = np.repeat(np.arange(len(placed.bounds) - 1), np.diff(placed.bounds.cpu().numpy())).astype(np.int32)
        self.piece.copy_(torch.from_numpy(piece))
        first, last = piece[::BLOCK], piece[BLOCK - 1 :: BLOCK]
        seen = (first[:, None] <= last[None]) & (last[:, None] >= first[None])
        whole = seen & (first == last)[:, None] & (first == last)[None]
        (partial, of_partial), (full, of_full) = _listed(seen & ~whole), _listed(whole)
        placed_there = [
            torch.from_numpy(one)[None, None].to(self.device) for one in (partial, of_partial, full, of_full)
        ]
        return BlockMask.from_kv_blocks(
            *placed_there, BLOCK_SIZE=BLOCK, mask_mod=self.of_one_piece, seq_lengths=(length, length)
        )


def _listed(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a mask of blocks: how many each row has, and which, first of all; int32."""
    return seen.sum(1).astype(np.int32), np.argsort(~seen, axis=1, kind="stable").astype(np.int32)


def _before(stream: torch.Tensor, weights: Weights, heads: int, eps: float) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values, (heads, n, width) each."""
    norm, weight = weights
    seen = _normed(stream, norm, eps).to(weight.dtype)
    parts = functional.linear(seen, weight).view(stream.shape[0], 3, heads, -1).permute(1, 2, 0, 3)
    return tuple(part.contiguous() for part in parts.unbind(0))


def _after(stream: torch.Tensor, mixed: torch.Tensor, weights: Weights, eps: float) -> torch.Tensor:
    """The stream after what attention has mixed, (heads, n, width), and the two dense layers."""
    out, norm, into, back = weights
    stream = stream + functional.linear(mixed.transpose(0, 1).reshape(stream.shape[0], -1), out).float()
    seen = _normed(stream, norm, eps).to(into.dtype)
    return stream + functional.linear(functional.relu(functional.linear(seen, into)), back).float()


def _normed(stream: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """T5's norm: by the root mean square, without a mean."""
    return stream * torch.rsqrt(stream.square().mean(-1, keepdim=True) + eps) * weight.float()
