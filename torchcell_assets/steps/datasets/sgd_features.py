"""SGD's table of features, `SGD_features.tab`: names, aliases and qualifiers of what lies on the chromosomes.

Belongs here: its columns. Does not: sequences (genome.py), which gene a name means (gene_names.py, retired_names.py).
"""

from pathlib import Path

import polars as pl

from torchcell_assets.steps.datasets.raw_file import BadRawFile, read_text

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
