"""ESM2 and the first Nucleotide Transformer: one forward pass over the weights that transformers has loaded.

Belongs here: the encoder of these two, over rows of packed pieces. Does not: loading (loading.py), attention (attention.py).

transformers' own forward pass pads; this one computes the same numbers without. The residual stream stays float32 whatever the
type of the weights is: in half precision that brings pooled vectors eight times nearer to those of float32 at the same speed.
Rotary angles are float32 too.
"""

from typing import Any

import torch
from torch.nn import functional

from torchcell_assets.steps.representations.language_models.attention import Placed, compiled, within_pieces

KEPT_IN_TRAINING = 1 - 0.15 * 0.8
"""ESM was trained with so many of its tokens in sight, and scales embeddings by it where none is masked (Lin et al. 2023;
`token_dropout` of transformers' EsmEmbeddings)."""


Weights = tuple[torch.Tensor, ...]
Angles = tuple[torch.Tensor, torch.Tensor]
"""Cosine and sine, (n, 1, width / 2) each."""


class EsmEncoder:
    """Hidden states of the last layer. module: transformers' EsmModel; its tensors are used, not copied."""

    def __init__(self, module: Any) -> None:
        config = module.config
        self.module, self.heads, self.eps = module, config.num_attention_heads, config.layer_norm_eps
        self.width = config.hidden_size // self.heads
        self.embeddings = module.embeddings.word_embeddings.weight
        self.device = self.embeddings.device
        self.scale = KEPT_IN_TRAINING if config.token_dropout else 1.0
        self.rotary = config.position_embedding_type == "rotary"
        self.layers = [self._layer(layer) for layer in module.encoder.layer]
        self.before, self.after = compiled(_before, self.device), compiled(_after, self.device)
        if self.rotary:
            self.frequencies = _frequencies(module)

    def _layer(self, layer: Any) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        own, out = layer.attention.self, layer.attention.output.dense
        # the query is scaled before it is rotated, as in the published code; the factor is put into the weights
        scale = self.width**-0.5
        weight = torch.cat([own.query.weight * scale, own.key.weight, own.value.weight])
        bias = torch.cat([own.query.bias * scale, own.key.bias, own.value.bias])
        norms = layer.attention.LayerNorm, layer.LayerNorm
        into, back = layer.intermediate.dense, layer.output.dense
        return (
            (norms[0].weight, norms[0].bias, weight, bias),
            (out.weight, out.bias, norms[1].weight, norms[1].bias, into.weight, into.bias, back.weight, back.bias),
        )

    @torch.inference_mode()
    def hidden(self, placed: Placed) -> torch.Tensor:
        """(n, dimension), float32: one vector per token of the row."""
        stream = self.embeddings[placed.tokens].float() * self.scale
        angles = None
        if self.rotary:
            turned = placed.positions[:, None].float() * self.frequencies
            angles = (turned.cos()[:, None], turned.sin()[:, None])
        else:
            table = self.module.embeddings.position_embeddings
            stream = stream + table.weight[placed.positions + table.padding_idx + 1].float()
        for before, after in self.layers:
            query, key, value = self.before(stream, before, angles, self.heads, self.eps)
            mixed = within_pieces(query, key, value, placed, 1.0)
            stream = self.after(stream, mixed, after, self.eps)
        last = self.module.encoder.emb_layer_norm_after
        return functional.layer_norm(stream, (stream.shape[1],), last.weight.float(), last.bias.float(), self.eps)


def _frequencies(module: Any) -> torch.Tensor:
    """(width / 2), float32: by how much each pair of numbers turns from one token to the next.

    They are computed anew: transformers keeps them in a buffer, which `.half()` rounds, and at residue 1,000 that is an error
    of up to 0.4 rad (3.7 in bfloat16).
    """
    config = module.config
    width = config.hidden_size // config.num_attention_heads
    base = getattr(config, "rope_theta", None) or 10_000.0
    powers = (
        torch.arange(0, width, 2, dtype=torch.float32, device=module.embeddings.word_embeddings.weight.device) / width
    )
    frequencies = 1.0 / base**powers
    assert frequencies.dtype == torch.float32
    return frequencies


def _before(
    stream: torch.Tensor, weights: Weights, angles: Angles | None, heads: int, eps: float
) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values, (n, heads, width) each."""
    norm, shift, weight, bias = weights
    seen = functional.layer_norm(stream, (stream.shape[1],), norm.float(), shift.float(), eps).to(weight.dtype)
    query, key, value = functional.linear(seen, weight, bias).view(stream.shape[0], 3, heads, -1).unbind(1)
    if angles is not None:
        query, key = _turned(query, *angles), _turned(key, *angles)
    return query.contiguous(), key.contiguous(), value.contiguous()


def _turned(vectors: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions: pairs of numbers, half a vector apart, are turned; in float32."""
    half = vectors.shape[-1] // 2
    first, second = vectors[..., :half].float(), vectors[..., half:].float()
    turned = torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
    return turned.to(vectors.dtype)


def _after(stream: torch.Tensor, mixed: torch.Tensor, weights: Weights, eps: float) -> torch.Tensor:
    """The stream after what attention has mixed and the two dense layers."""
    out, out_bias, norm, shift, into, into_bias, back, back_bias = weights
    stream = stream + functional.linear(mixed.reshape(stream.shape[0], -1), out, out_bias).float()
    seen = functional.layer_norm(stream, (stream.shape[1],), norm.float(), shift.float(), eps).to(into.dtype)
    return (
        stream + functional.linear(functional.gelu(functional.linear(seen, into, into_bias)), back, back_bias).float()
    )
