"""SIZE, REPRESENTATION and GRID: the only place where a PartitionsDefinition is built.

One object per dimension, used by every asset: a grid whose dimension holds only a subset of the upstream keys would
silently depend on nothing. Dagster sorts the dimensions of a grid by name, so a cell reads `one_hot|1e3`; use
`cell()` to name one, and `keys_of()` for the size and the representation of the one that is being made.
"""

import dagster as dg

from torchcell_assets.config.study import current

SIZE = dg.StaticPartitionsDefinition(list(current().sizes))
REPRESENTATION = dg.StaticPartitionsDefinition(list(current().representations))
GRID = dg.MultiPartitionsDefinition({"size": SIZE, "representation": REPRESENTATION})


def cell(size: str, representation: str) -> dg.MultiPartitionKey:
    """The key of one cell of GRID."""
    return dg.MultiPartitionKey({"size": size, "representation": representation})


def keys_of(context: dg.AssetExecutionContext) -> tuple[str, str]:
    """(size, representation) of the cell that is being made."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey)  # GRID is the only multi-partitioned definition
    return key.keys_by_dimension["size"], key.keys_by_dimension["representation"]
