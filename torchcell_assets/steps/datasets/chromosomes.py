"""The DNA of the reference strain S288C: 17 rows, each a chromosome with its sequence.

Belongs here: what a `Chromosome` row says beside the bases. Does not: genes (genome.py), windows about them
(representations/windows.py).
"""

import hashlib
from pathlib import Path

import polars as pl

from torchcell_assets.schema.records import Chromosome
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.genome import GENOME_SEQUENCE, read_chromosomes

CIRCULAR = "[top=circular]"
"""In the header of a sequence without ends: NCBI's mark of its topology."""


def parse(sequence: Path) -> Parsed:
    """One row per chromosome."""
    chromosomes = read_chromosomes(sequence)
    with sequence.open(encoding="ascii") as lines:
        circular = [CIRCULAR in line for line in lines if line.startswith(">")]
    bases = list(chromosomes.values())
    table = pl.DataFrame(
        {
            "chromosome": list(chromosomes),
            "sequence": bases,
            "length": [len(one) for one in bases],
            "circular": circular,
            "sha256": [hashlib.sha256(one.encode()).hexdigest() for one in bases],
        }
    )
    return Parsed(table.lazy())


CHROMOSOME_SEQUENCES = Dataset(
    name="chromosomes",
    record=Chromosome,
    sources=(GENOME_SEQUENCE,),
    parse=parse,
    description=(
        "One row is one chromosome of S288C, or its mitochondrial DNA, with its sequence (SGD R64-2-1): where the DNA about a "
        "gene is cut."
    ),
    citation="Engel et al. 2014, G3 4:389",
    publication="10.1534/g3.113.008995",
    licence="Apache-2.0 (the package that ships the file)",
    policies={"circular": CIRCULAR},
    published_records=17,
)
