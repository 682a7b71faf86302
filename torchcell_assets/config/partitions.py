"""SIZE, REPRESENTATION and GRID of a study: the only place where a PartitionsDefinition is built.

One object per dimension and study, used by every asset: a grid whose dimension holds only a subset of the upstream keys would
silently depend on nothing. Dagster sorts the dimensions of a grid by name, so a cell reads `one_hot|1e3`; use
`cell()` to name one, and `keys_of()` for the size and the representation of the one that is being made.
"""

from dataclasses import dataclass
from functools import cache

import dagster as dg

from torchcell_assets.config.study import Study


@dataclass(frozen=True)
class Partitions:
    """size, representation: the dimensions of a study; grid: both."""

    size: dg.StaticPartitionsDefinition
    representation: dg.StaticPartitionsDefinition
    grid: dg.MultiPartitionsDefinition


@cache
def partitions(study: Study) -> Partitions:
    """The dimensions of a study; the same objects whoever asks."""
    size = dg.StaticPartitionsDefinition(list(study.sizes))
    representation = dg.StaticPartitionsDefinition(list(study.representations))
    return Partitions(
        size, representation, dg.MultiPartitionsDefinition({"size": size, "representation": representation})
    )


def cell(size: str, representation: str) -> dg.MultiPartitionKey:
    """The key of one cell of a grid."""
    return dg.MultiPartitionKey({"size": size, "representation": representation})


def keys_of(context: dg.AssetExecutionContext) -> tuple[str, str]:
    """(size, representation) of the cell that is being made."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey)  # a grid is the only multi-partitioned definition
    return key.keys_by_dimension["size"], key.keys_by_dimension["representation"]
