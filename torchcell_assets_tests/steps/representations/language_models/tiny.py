"""Tiny models with the real architectures, random weights, saved as a publisher saves them: for the tests alone."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf

from torchcell_assets.steps.representations.language_models import calm as registered

NO_DROPOUT = {"attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0}
SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 256}


def esm2(folder: Path) -> None:
    config = hf.EsmConfig(
        vocab_size=33,
        position_embedding_type="rotary",
        token_dropout=True,
        pad_token_id=1,
        mask_token_id=32,
        emb_layer_norm_before=False,
        max_position_embeddings=1026,
        layer_norm_eps=1e-5,
        **SMALL,
        **NO_DROPOUT,
    )
    hf.EsmForMaskedLM(config).save_pretrained(folder)  # published with its head


def nucleotide_transformer(folder: Path) -> None:
    config = hf.EsmConfig(
        vocab_size=4105,
        position_embedding_type="absolute",
        token_dropout=True,
        pad_token_id=1,
        mask_token_id=2,
        emb_layer_norm_before=False,
        max_position_embeddings=1002,
        layer_norm_eps=1e-12,
        **SMALL,
        **NO_DROPOUT,
    )
    hf.EsmForMaskedLM(config).save_pretrained(folder)


def calm(folder: Path) -> None:
    """As it is after its conversion."""
    hf.EsmModel(hf.EsmConfig(**{**registered.CONFIG, **SMALL}), add_pooling_layer=False).save_pretrained(folder)


def prot_t5(folder: Path) -> None:
    config = hf.T5Config(
        vocab_size=128, d_model=32, d_ff=64, d_kv=16, num_heads=4, num_layers=3, feed_forward_proj="relu"
    )
    hf.T5EncoderModel(config).save_pretrained(folder)


def esmc(folder: Path) -> None:
    config = hf.EsmcConfig(
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=256,
    )
    hf.EsmcForMaskedLM(config).save_pretrained(folder)


def bert(folder: Path) -> None:
    config = hf.BertConfig(
        vocab_size=4200, max_position_embeddings=1026, **{**SMALL, "num_hidden_layers": 5}, **NO_DROPOUT
    )
    hf.BertForMaskedLM(config).save_pretrained(folder)


MADE = {"esm2": esm2, "nt": nucleotide_transformer, "t5": prot_t5, "esmc": esmc, "bert": bert}
ARCHITECTURE = {"esm2": "esm", "nt": "esm", "t5": "t5", "esmc": "esmc", "bert": "bert"}
ALPHABET = {"esm2": "esm", "nt": "six_mers", "t5": "prot_t5", "esmc": "esm", "bert": "neighbours"}
LAYERS = {"bert": 3}
CLASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "esm2": (hf.EsmModel, {"add_pooling_layer": False}),
    "nt": (hf.EsmModel, {"add_pooling_layer": False}),
    "t5": (hf.T5EncoderModel, {}),
    "esmc": (hf.EsmcModel, {}),
    "bert": (hf.BertModel, {"add_pooling_layer": False}),
}


def alone(name: str, folder: Path, tokens: np.ndarray, head: tuple[int, ...], tail: tuple[int, ...]) -> np.ndarray:
    """What transformers itself says of one sequence, in float32, eager, nothing beside it: the mean over the sequence alone."""
    cls, told = CLASSES[name]
    module = cls.from_pretrained(folder, attn_implementation="eager", local_files_only=True, **told).eval()
    whole = torch.from_numpy(np.concatenate([head, tokens, tail]).astype(np.int64))[None]
    with torch.inference_mode():
        made = module(input_ids=whole, attention_mask=torch.ones_like(whole), output_hidden_states=True)
    states = made.last_hidden_state
    if name in LAYERS:
        states = torch.stack(made.hidden_states[LAYERS[name] :]).mean(0)
    return states[0, len(head) : len(head) + len(tokens)].mean(0).numpy()
