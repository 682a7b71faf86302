"""From a folder of weights to an encoder: transformers reads them, and every number that a vector rests on has to be there.

Belongs here: loading, and what is refused. Does not: where the folder comes from (sources/snapshots.py), the forward passes.

`from_pretrained` fills a tensor that a file lacks with random numbers and goes on with a warning. Here that is a refusal.
"""

from pathlib import Path
from typing import Any, Protocol

import torch

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.language_models.attention import Placed
from torchcell_assets.steps.representations.language_models.esm import EsmEncoder
from torchcell_assets.steps.representations.language_models.t5 import T5Encoder
from torchcell_assets.steps.representations.language_models.transformers_encoder import TransformersEncoder

UNUSED = ("pooler.", "lm_head.", "contact_head.", "cls.", "rotary_embeddings.inv_freq")
"""Beginnings of tensors that no hidden state rests on, or that esm.py computes anew."""


class WeightsRefused(TorchcellError):
    """A folder of weights is not the model that it should be."""


class Encoder(Protocol):
    """A language model that gives a vector per token."""

    device: torch.device

    def hidden(self, placed: Placed) -> torch.Tensor:
        """(n, dimension), float32."""
        ...


def encoder(architecture: str, folder: Path, *, device: str, dtype: torch.dtype, layers: int | None = None) -> Encoder:
    """Load an encoder.

    Args:
        architecture: `esm` (ESM2, Nucleotide Transformer v1), `t5` (ProtT5), `esmc`, `bert`.
        folder: of a snapshot: config.json and safetensors.
        device: as torch names it.
        dtype: of the weights.
        layers: hidden states from this layer on are averaged, 0 being the embeddings; by default the last alone, as `esm` and
        `t5`
            always give it.

    Raises:
        WeightsRefused: a file is damaged, or a tensor missing, or of another shape.

    """
    module = _module(architecture, folder, dtype).to(device)
    if architecture == "esm":
        return EsmEncoder(module)
    if architecture == "t5":
        return T5Encoder(module)
    return TransformersEncoder(module, layers)


def _module(architecture: str, folder: Path, dtype: torch.dtype) -> Any:
    import transformers

    classes = {"esm": "EsmModel", "t5": "T5EncoderModel", "esmc": "EsmcModel", "bert": "BertModel"}
    told = {"add_pooling_layer": False} if architecture in ("esm", "bert") else {}
    transformers.logging.set_verbosity_error()  # of what is missing it warns; here it is an error
    try:
        module, found = getattr(transformers, classes[architecture]).from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **told,
        )
    except Exception as error:  # safetensors, transformers and torch each raise their own
        raise WeightsRefused(
            f"The weights in {folder} cannot be loaded ({_first_line(error)}): delete the folder, and they are fetched again."
        ) from error
    lacking = sorted(name for name in found["missing_keys"] if not name.startswith(UNUSED))
    if lacking or found["mismatched_keys"]:
        example = (lacking or [str(one[0]) for one in found["mismatched_keys"]])[0]
        raise WeightsRefused(
            f"The weights in {folder} are another model: {example} is missing or has another shape, and would be random numbers."
        )
    return module.eval().requires_grad_(False)  # nothing is trained; and FlexAttention takes no tensor that could be


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
