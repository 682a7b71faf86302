"""The closed vocabularies of the record classes, and the form of the names in them.

Belongs here: words of which a new one changes a class. Does not: registered words, of which a new one changes none
(steps/datasets/registered.py).
"""

GENE_NAME = r"^(Y[A-P][LR][0-9]{3}[WC](-[A-Z])?|Q[0-9]{4})$"
"""Systematic names: nuclear (YAL001C, YAL034W-A) and mitochondrial (Q0045). Source: SGD nomenclature."""

KINDS = ["deletion", "damp", "temperature_sensitive", "suppressor"]
ZYGOSITIES = ["haploid", "heterozygous", "homozygous"]
ROLES = ["query", "array"]
P_VALUE_SIDES = ["one-sided", "two-sided", "not stated"]
EVIDENCES = ["measured", "derived", "simulated"]
TEMPERATURE_SOURCES = ["stated", "inferred", "none"]
UNCERTAINTIES = ["sample_sd", "standard_error", "bootstrap_se", "unspecified", "none"]
"""`unspecified`: printed, and no standard error of the value as far as its data show. It is kept and never used."""
INTERACTION_SCORES = ["epsilon", "tau", "epsilon_query_array"]
"""epsilon: of two genes; tau: of three, the epsilons of its pairs taken away; epsilon_query_array: of a double-mutant query and
the array gene, as a pair."""

REGISTERED = "a registered word"
"""What a publication may bring (media, assays, references, units of samples, laboratories) is a text here, and a row of a
registry: see steps/datasets/registered.py. A new word changes no class."""
DIPLOID = "diploid"
"""How the name of a reference begins that diploid mutants are held against."""
SPLITS = ["train", "validation", "test_of_size", "test"]
"""Of predictions. `train`: out of fold; `test_of_size`: the test genotypes of the sample itself; `test`: those of
merged/test_set, which are the same for every size."""
