"""What a record is. Reads and writes nothing, and imports nothing of ours.

`records.py` holds one class per kind of record (types, rules, descriptions, generated test data), `derived.py` those of what is
computed of records, `vocabularies.py` their words, `validation.py` holds tables against them,
`genotype.py` decides which mutants are the same mutant, `fingerprint.py` tells when a class has changed.
"""

import dataframely as dy

from torchcell_assets.schema.derived import Embedding, MergedFitness, MergedInteraction, Prediction, Score
from torchcell_assets.schema.genotype import with_genotype
from torchcell_assets.schema.records import (
    Chromosome,
    Fitness,
    Gene,
    Interaction,
    Perturbation,
    Profile,
    Viability,
)
from torchcell_assets.schema.validation import validate

RECORD_CLASSES: dict[str, type[dy.Schema]] = {
    cls.__name__: cls
    for cls in (
        *(Gene, Chromosome, Perturbation, Fitness, Interaction, Viability, Profile),
        *(MergedFitness, MergedInteraction, Embedding, Prediction, Score),
    )
}
"""Name -> class, of all that is stored."""

__all__ = [
    "RECORD_CLASSES",
    "Chromosome",
    "Embedding",
    "Fitness",
    "Gene",
    "Interaction",
    "MergedFitness",
    "MergedInteraction",
    "Perturbation",
    "Prediction",
    "Profile",
    "Score",
    "Viability",
    "validate",
    "with_genotype",
]
