"""The samples: one haploid deletion genotype per row at the standard condition of the study `screens`, its rank and its split.

Belongs here: the condition, SHA-256, what a size is. Does not: pooling (pooling.py), folds of the training split (models.py).
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping

from .pooling import CONDITION, Key, Record

SEED = 1
TEMPERATURES = (26.0, 30.0)
"""The standard one, and that from which a deletion is assumed to grow alike; the first counts."""
AT = ("SGA plate", "colony size", "wild type")
EVIDENCE = ("measured", "derived")
"""The first counts, at one temperature."""
CONTRADICTORY = 0.001
"""Rows of a smaller p-value of Cochran's Q are as if they were not there."""


def digest(genes: str) -> str:
    """What decides over a gene set, in hexadecimal digits."""
    return hashlib.sha256(f"{SEED}:{genes}".encode()).hexdigest()


def split(genes: str) -> str:
    """One gene set in ten is for the test, one for validation."""
    share = int(digest(genes)[32:40], 16) / 2**32
    return "test" if share < 0.1 else "validation" if share < 0.2 else "train"


def all_of(merged: Mapping[Key, Record], without: frozenset[str] = frozenset()) -> dict[str, Record]:
    """Genotype -> its row of the merged table with its condition, `rank` and `split`; the smallest digest comes first.

    without: genes whose deletion is lethal; genotypes that lack one are left out.
    """
    found = defaultdict(dict)
    for (genotype, temperature, *at, evidence), row in merged.items():
        eligible = row["haploid"] and row["deletions_only"] and tuple(at) == AT and temperature in TEMPERATURES
        agree = row["consistency"] is None or row["consistency"] >= CONTRADICTORY
        if eligible and agree and evidence in EVIDENCE and not without & set(row["genes"].split("+")):
            preference = TEMPERATURES.index(temperature), EVIDENCE.index(evidence)
            found[genotype][preference] = row | dict(zip(CONDITION, (temperature, *at, evidence), strict=True))
    chosen = {genotype: rows[min(rows)] for genotype, rows in found.items()}
    ranked = sorted(chosen, key=lambda genotype: (digest(chosen[genotype]["genes"]), genotype))
    return {
        genotype: chosen[genotype] | {"rank": rank, "split": split(chosen[genotype]["genes"])}
        for rank, genotype in enumerate(ranked)
    }


def singles(of_all: Mapping[str, Record]) -> dict[str, float]:
    """Gene -> its single mutant, the mean of two strains, of all that are neither for validation nor for the test."""
    values = defaultdict(list)
    for row in of_all.values():
        if row["order"] == 1 and row["split"] == "train":
            values[row["genes"]].append(row["value"])
    return {gene: sum(found) / len(found) for gene, found in values.items()}
