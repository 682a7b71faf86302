"""SGD's table of features, `SGD_features.tab`: names, aliases and qualifiers of what lies on the chromosomes.

Belongs here: its columns. Does not: sequences (genome.py), which gene a name means (gene_names.py, retired_names.py).
"""

from pathlib import Path

import polars as pl

from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.raw_file import BadRawFile, read_text

SGD_FEATURES = Source(
    name="transposonmapper/SGD_features.tab",
    sha256=("60a86c9e9fae97b34b31036c450647707eb78eeb23bcf190ac6b690c617d460e",),
    bytes=3_264_490,
    url=None,
    licence="Apache-2.0",
    citation="Saccharomyces Genome Database; Cherry et al. 2012, Nucleic Acids Research 40:D700",
    doi="10.1093/nar/gkr1029",
    package="transposonmapper",
    member="transposonmapper/data_files/SGD_features.tab",
)

COLUMNS = [  # SGD_features.README
    "sgd_id", "type", "qualifier", "gene", "name", "aliases", "parent", "secondary_ids", "chromosome", "start",
    "end", "strand", "genetic_position", "coordinate_version", "sequence_version", "description",
]  # fmt: skip


def read_orfs(path: Path) -> pl.DataFrame:
    """One row per ORF, as text; raises BadRawFile where there is none."""
    table = read_text(path, COLUMNS, header=False).filter(pl.col("type") == "ORF")
    if table.is_empty():
        raise BadRawFile(path, "it holds no ORF")
    return table
