"""What a record is. Reads and writes nothing, and imports nothing of ours.

`records.py` holds one class per kind of record (types, rules, descriptions, generated test data),
`genotype.py` decides which mutants are the same mutant, `fingerprint.py` tells when a class has changed.
"""

from torchcell_assets.schema.genotype import with_genotype
from torchcell_assets.schema.records import (
    RECORD_CLASSES,
    Chromosome,
    Embedding,
    Fitness,
    Gene,
    Interaction,
    MergedFitness,
    MergedInteraction,
    Perturbation,
    Prediction,
    Profile,
    Score,
    Viability,
    validate,
)

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
