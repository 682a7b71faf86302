"""The language models: what each is, what it reads, which weights it has.

Belongs here: one entry per model, with all that decides a vector but the sequence. Does not: weights' digests (weights.toml), the
recipes that use a model (representations/recipes.py).
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torchcell_assets.sources import Source
from torchcell_assets.sources.snapshots import Snapshot
from torchcell_assets.steps.representations.language_models.cost import Width
from torchcell_assets.steps.representations.raw_files import UNIREP_WEIGHTS

OVERLAP = 256
"""Tokens that neighbouring windows share where a model has a limit and a sequence is longer."""
_PINS = Path(__file__).with_name("weights.toml")


@dataclass(frozen=True)
class LanguageModel:
    """A model that gives one vector per sequence.

    name: of the model, and of the key that has all its vectors.
    architecture: which forward pass; `unirep` needs no torch.
    reads: which sequence of a gene: see representations/sequences.py.
    alphabet: how letters become tokens: see alphabets.py.
    weights: a snapshot, or a file inside a package.
    width: what a forward pass multiplies.
    layers: hidden states from this layer on are averaged, 0 being the embeddings; None for the last alone.
    limit: tokens at most, without special ones; what is longer is read in windows that overlap by OVERLAP.
    first: tokens that are read at all, from the beginning; None for all of them.
    code: raise it when a change of the forward pass changes vectors by more than rounding does.
    """

    name: str
    architecture: str
    reads: str
    alphabet: str
    weights: Snapshot | Source
    width: Width
    title: str
    layers: int | None = None
    limit: int | None = None
    first: int | None = None
    code: str = "1"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.width.hidden

    @property
    def long(self) -> str:
        """What is done with a sequence that is longer than the model takes, in words."""
        if self.first is not None:
            return f"the first {self.first:,} tokens"
        return "full length" if self.limit is None else f"windows of {self.limit:,} tokens that overlap by {OVERLAP}"

    def describe(self) -> dict[str, Any]:
        """All that decides a vector but the sequence and the weights' bytes, JSON-able."""
        return {
            "model": self.name,
            "weights": _described(self.weights),
            "tokens": self.alphabet,
            "layers": "last" if self.layers is None else f"mean from {self.layers} on",
            "pooling": POOLED_WITH_START if self.architecture == "unirep" else POOLED,
            "long": self.long,
            "code": self.code,
        }


POOLED = "mean over the tokens of the sequence alone, float32"
POOLED_WITH_START = "mean over the start and the residues, float32"


def _described(weights: Snapshot | Source) -> dict[str, Any]:
    if isinstance(weights, Source):
        return {"file": weights.name, "sha256": list(weights.sha256)}
    return {"repository": weights.repository, "revision": weights.revision, "sha256": dict(weights.files)}


@cache
def pins() -> Mapping[str, Snapshot]:
    """The snapshots that are pinned, by the name of the model."""
    stated = tomllib.loads(_PINS.read_text())
    return {
        name: Snapshot(
            repository=one["repository"],
            revision=one["revision"],
            files={file: digest or None for file, digest in one["files"].items()},
            bytes=one["bytes"],
            licence=one["licence"],
            citation=one["citation"],
            doi=one["doi"],
            url=one.get("url"),
        )
        for name, one in stated.items()
    }


def _esm2(size: str, layers: int, hidden: int) -> LanguageModel:
    name = f"esm2_{size}"
    return LanguageModel(
        name,
        "esm",
        "protein",
        "esm",
        pins()[name],
        Width(layers, hidden, hidden, 4 * hidden),
        f"ESM2, {size} parameters",
    )


def _nucleotide_transformer(name: str, reads: str, title: str) -> LanguageModel:
    width = Width(32, 2560, 2560, 10_240)
    title = f"Nucleotide Transformer, 2.5B parameters, {title}"
    return LanguageModel(
        name, "esm", reads, "six_mers", pins()["nucleotide_transformer"], width, title, limit=999
    )  # and <cls>: its table of positions ends at 1,000


def _species_lm(name: str, reads: str, title: str) -> LanguageModel:
    width = Width(12, 768, 768, 3072)
    return LanguageModel(
        name, "bert", reads, "neighbours", pins()[name], width, f"SpeciesLM, {title}", layers=8, limit=1000
    )


def _unirep(width: int) -> LanguageModel:
    own = Width(1 if width > UNIREP_STACKED else 4, width, width, 0)
    weights = UNIREP_WEIGHTS[width]
    return LanguageModel(
        f"unirep_{width}", "unirep", "protein", "unirep", weights, own, f"UniRep, {width} hidden states"
    )


UNIREP_STACKED = 256
"""The largest width at which UniRep has four layers; the widest has one."""

MODELS: dict[str, LanguageModel] = {
    one.name: one
    for one in (
        *(_unirep(width) for width in UNIREP_WEIGHTS),
        _esm2("8M", 6, 320),
        _esm2("35M", 12, 480),
        _esm2("150M", 30, 640),
        _esm2("650M", 33, 1280),
        _esm2("3B", 36, 2560),
        LanguageModel(
            "prot_t5",
            "t5",
            "protein",
            "prot_t5",
            pins()["prot_t5"],
            Width(24, 1024, 4096, 16_384),
            "ProtT5-XL, encoder",
        ),
        LanguageModel(
            "esmc_600M",
            "esmc",
            "protein",
            "esm",
            pins()["esmc_600M"],
            Width(36, 1152, 1152, 3072, gated=True),
            "ESM-C, 600M parameters",
            limit=2046,
        ),
        _nucleotide_transformer("nt_5979", "about_gene", "5,979 bases about a gene"),
        _nucleotide_transformer("nt_5prime_1003", "five_prime", "1,003 bases up to the start codon"),
        _nucleotide_transformer("nt_3prime_300", "three_prime", "300 bases from the stop codon on"),
        LanguageModel(
            "calm", "esm", "coding", "codons", pins()["calm"], Width(12, 768, 768, 3072), "CaLM, codons", first=1024
        ),
        _species_lm("species_lm_5prime", "five_prime", "1,003 bases up to the start codon"),
        _species_lm("species_lm_3prime", "three_prime", "300 bases from the stop codon on"),
    )
}
"""By name. A key of the same name has all vectors of a model; other keys may leave genes out."""


def translation(model: LanguageModel) -> tuple[Callable[[dict[str, Any]], dict[str, Any]], Mapping[str, Any] | None]:
    """How the published tensors of a model become those that are loaded, and its config where none is published."""
    if model.name == "calm":
        from torchcell_assets.steps.representations.language_models import calm

        return calm.as_esm, calm.CONFIG
    return (lambda tensors: tensors), None
