"""CaLM as ESM: its weights under the names, and in the order, of transformers' EsmModel.

Belongs here: that translation. Does not: reading the published pickle (sources/converted.py), the forward pass (esm.py).

CaLM is an ESM of codons. Its rotary positions turn neighbouring numbers of a query (2i, 2i + 1), those of EsmModel turn numbers
half a vector apart; so rows of query and key are put into another order, which changes no product of the two. A port that
leaves them as they are computes another model.
"""

import re
from collections.abc import Mapping
from typing import Any

CONFIG = {
    "architectures": ["EsmModel"],
    "model_type": "esm",
    "vocab_size": 69,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "position_embedding_type": "rotary",
    "max_position_embeddings": 1026,
    "layer_norm_eps": 1e-5,
    "emb_layer_norm_before": False,
    "token_dropout": False,
    "pad_token_id": 1,
    "mask_token_id": 68,
    "attention_probs_dropout_prob": 0.0,
    "hidden_dropout_prob": 0.0,
}
"""Of the published model: model.py and alphabet.py of oxpig/CaLM."""

_NAMES = {
    r"^embed_tokens\.": "embeddings.word_embeddings.",
    r"^emb_layer_norm_after\.": "encoder.emb_layer_norm_after.",
    r"^layers\.(\d+)\.self_attn\.q_proj\.": r"encoder.layer.\1.attention.self.query.",
    r"^layers\.(\d+)\.self_attn\.k_proj\.": r"encoder.layer.\1.attention.self.key.",
    r"^layers\.(\d+)\.self_attn\.v_proj\.": r"encoder.layer.\1.attention.self.value.",
    r"^layers\.(\d+)\.self_attn\.out_proj\.": r"encoder.layer.\1.attention.output.dense.",
    r"^layers\.(\d+)\.self_attn_layer_norm\.": r"encoder.layer.\1.attention.LayerNorm.",
    r"^layers\.(\d+)\.fc1\.": r"encoder.layer.\1.intermediate.dense.",
    r"^layers\.(\d+)\.fc2\.": r"encoder.layer.\1.output.dense.",
    r"^layers\.(\d+)\.final_layer_norm\.": r"encoder.layer.\1.LayerNorm.",
}


def as_esm(tensors: Mapping[str, Any], heads: int = 12) -> dict[str, Any]:
    """The tensors of EsmModel, from those of CaLM; what no hidden state rests on is left out.

    tensors: name -> tensor of the published state; heads: of its attention.
    """
    found = {}
    for name, tensor in tensors.items():
        bare = name.removeprefix("model.")
        for published, ours in _NAMES.items():
            if re.match(published, bare):
                halved = ".query." in ours or ".key." in ours
                found[re.sub(published, ours, bare)] = _halves(tensor, heads) if halved else tensor
    return found


def _halves(rows: Any, heads: int) -> Any:
    """Rows of every head: those with even numbers first, then the odd ones."""
    width = rows.shape[0] // heads
    split = rows.reshape(heads, width // 2, 2, *rows.shape[1:])
    return split.swapaxes(1, 2).reshape(rows.shape)
