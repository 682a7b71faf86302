"""Any other encoder, by transformers' own forward pass: without padding too, by an attention that keeps pieces apart.

Belongs here: models that have no forward pass of their own here (ESM-C, SpeciesLM). Does not: ESM2 and T5 (esm.py, t5.py), which
are two to four times as fast there.
"""

from typing import Any

import torch

from torchcell_assets.steps.representations.language_models.attention import Placed, within_pieces

ATTENTION = "torchcell_within_pieces"


class TransformersEncoder:
    """Hidden states. module: a transformers model that takes `position_ids`; layers: see `hidden`."""

    def __init__(self, module: Any, layers: int | None = None) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, _attention)
        module.set_attn_implementation(ATTENTION)
        self.module, self.layers = module, layers
        self.device = next(module.parameters()).device
        rounded = [name for name, one in module.named_buffers() if "inv_freq" in name and one.dtype != torch.float32]
        if rounded:  # `.half()` does that: at residue 1,000 an error of up to 0.4 rad
            raise ValueError(f"{rounded[0]} is rounded to {dict(module.named_buffers())[rounded[0]].dtype}.")

    @torch.inference_mode()
    def hidden(self, placed: Placed) -> torch.Tensor:
        """(n, dimension), float32: one vector per token of the row: of the last layer, or the mean from layer `layers` on."""
        made = self.module(
            input_ids=placed.tokens[None],
            position_ids=placed.positions[None],
            output_hidden_states=self.layers is not None,
            placed=placed,
        )
        if self.layers is None:
            return made.last_hidden_state[0].float()
        return torch.stack([states[0].float() for states in made.hidden_states[self.layers :]]).mean(0)


def _attention(*given: Any, scaling: float | None = None, placed: Placed, **_: Any) -> tuple[torch.Tensor, None]:
    """The interface that transformers has for an attention: (1, heads, n, width) in, (1, n, heads, width) out."""
    _, query, key, value, _ = given  # the module before them, and a mask, which nothing here needs
    queries, keys, values = (part[0].transpose(0, 1).contiguous() for part in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return within_pieces(queries, keys, values, placed, scale)[None], None
