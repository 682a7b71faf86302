"""The recipes: what every representation is, and what makes a stored one outdated.

Belongs here: one entry per key of the dimension REPRESENTATION, with all that decides its numbers. Does not: how a
family turns genes into vectors (one module per family), where the vectors are kept (table.py).

A recipe belongs to one partition: a change of one of them outdates that key alone, and the cells trained on it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torchcell_assets.sources import Source
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.raw_files import STRING_PHYSICAL

BIOCHEMICAL_PATHWAYS = Source(
    name="sgd/biochemical_pathways.tab",
    sha256=("90338ea4f6099166b3ac34e6b810a89184612707df5ce9123bd5db6ec17f4d16",),
    bytes=125_131,
    url="https://raw.githubusercontent.com/DavidMcDonald1993/ghsom/45c274e6589851bb72af74e48b9f393049dbb865/biochemical_pathways.tab",
    licence="GPL-2.0",
    citation="Saccharomyces Genome Database; Cherry et al. 2012, Nucleic Acids Research 40:D700",
    doi="10.1093/nar/gkr1029",
)


@dataclass(frozen=True)
class Recipe:
    """How one representation is made.

    key: name of the representation, such as `random_100`.
    family: module of this folder that makes it.
    dimension: length of a vector; None where the genes or a raw file decide it.
    parameters: JSON-able; what the family needs to know (of a language model: what it is, its weights and their sha256, how it
        reads, pools and treats long sequences; `without`: the judgement of genes that are left out by rule).
    logic: raise it when the code of the family changes the numbers.
    description: one sentence for people; no part of the fingerprint.
    files: raw files that the family reads; another sha256 of one of them is another recipe.
    """

    key: str
    family: str
    dimension: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    logic: str = "1"
    description: str = ""
    files: tuple[Source, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Everything but the description, JSON-able: what is stored with the vectors and compared later."""
        return {
            "key": self.key,
            "family": self.family,
            "dimension": self.dimension,
            "parameters": dict(self.parameters),
            "logic": self.logic,
            "files": {source.name: list(source.sha256) for source in self.files},
        }

    @property
    def fingerprint(self) -> str:
        """Ten hex digits of the SHA-256 over `describe()`."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:10]


def _random(dimension: int) -> Recipe:
    return Recipe(
        key=f"random_{dimension}",
        family="random_code",
        dimension=dimension,
        parameters={"distribution": "normal", "scale": "1/sqrt(dimension)"},
        description=f"Control: {dimension} random number{'s' if dimension > 1 else ''} per gene, seeded by its name.",
    )


def _of_model(name: str, key: str = "", **parameters: Any) -> Recipe:
    """All vectors of a language model, or, under another key, those of some genes."""
    model = MODELS[name]
    without = f", without {parameters['without'].lower()} genes" if "without" in parameters else ""
    return Recipe(
        key=key or name,
        family="language_model",
        dimension=model.dimension,
        parameters={**model.describe(), **parameters},
        description=f"{model.title}{without}.",
        files=(model.weights,) if isinstance(model.weights, Source) else (),
    )


RANDOM = (1, 10, 64, 100, 256, 1000)
"""Dimensions of the random codes: those of the report, and of language models that are held against a code of their width."""
DUBIOUS = "Dubious"
"""SGD's judgement of ORFs that are hardly genes: a key may leave them out by rule."""

RECIPES: dict[str, Recipe] = {
    recipe.key: recipe
    for recipe in (
        Recipe(
            key="one_hot",
            family="one_hot",
            description="One dimension per gene: says which gene it is and nothing else.",
        ),
        Recipe(
            key="codon_frequency",
            family="codon_frequency",
            dimension=64,
            parameters={"stop_codon": "counted"},
            description="Relative frequency of the 64 codons in the coding sequence.",
        ),
        Recipe(
            key="chromosome_pathway",
            family="chromosome_pathway",
            parameters={"chromosome": "one-hot", "pathway": "member 1, else 0"},
            description="Chromosome (one-hot) and membership in SGD's biochemical pathways.",
            files=(BIOCHEMICAL_PATHWAYS,),
        ),
        Recipe(
            key="chromosome_pathway_normalized",
            family="chromosome_pathway_normalized",
            parameters={
                "numbers": ["length", "molecular_weight", "isoelectric_point", "start", "end"],
                "scale": "min-max over the genes",
                "isoelectric_point": "Bjellqvist 1993, 1994",
            },
            description="Length, weight, isoelectric point and position (0 to 1), chromosome and pathways.",
            files=(BIOCHEMICAL_PATHWAYS,),
        ),
        Recipe(
            key="amino_acid_composition",
            family="amino_acid_composition",
            dimension=21,
            parameters={"frequencies": "of the twenty amino acids", "length": "log10(residues) / 10"},
            description="Relative frequency of the 20 amino acids in the protein, and its length.",
        ),
        Recipe(
            key="network_proximity",
            family="network_proximity",
            dimension=64,
            parameters={
                "weight": "combined score",
                "regularisation": "mean degree",
                "genes": "largest component",
            },
            description="Place in the network of physical interactions (STRING v12): its 64 leading eigenvectors.",
            files=(STRING_PHYSICAL,),
        ),
        *(_of_model(name) for name in MODELS),
        _of_model("esm2_650M", "esm2_650M_no_dubious", without=DUBIOUS),
        _of_model("prot_t5", "prot_t5_no_dubious", without=DUBIOUS),
        *(_random(dimension) for dimension in RANDOM),
    )
}
