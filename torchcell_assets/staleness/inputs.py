"""What an asset is made from has to be there: asked for every asset before its body runs, so that none has to.

Belongs here: the refusal that names the inputs. Does not: whether an input is out of date (outdated.py); that is no reason not
to use it.
"""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from torchcell_assets.errors import TorchcellError
from torchcell_assets.staleness.upstream import made_before, upstream_of
from torchcell_assets.storage import files


class InputMissing(TorchcellError):
    """Something that an asset is made from was never made, or is gone."""


def require_inputs(context: dg.AssetExecutionContext, data_root: Path) -> None:
    """Refuse to make an asset whose inputs are not there.

    An input of which one partition is read has to be made, and to lie where it was stored. Of inputs of which many are read,
    such as the cells of the scoreboard, one of all has to be made.

    Args:
        context: of the asset, before its body runs.
        data_root: where its inputs are stored.

    Raises:
        InputMissing: with the name of every input that is not there.
    """
    graph = context.job_def.asset_layer.asset_graph
    partition = partition_of(context)
    never, gone, many = [], [], []
    for parent in made_before(graph, context.asset_key):
        consumed = upstream_of(graph, context.asset_key, parent)(partition)
        if len(consumed) != 1:
            many.append(parent)
            continue
        made = _latest(context.instance, parent, consumed[0])
        if made is None:
            never.append(_named(parent, consumed[0]))
        elif place := _missing_place(made, data_root):
            gone.append(f"{_named(parent, consumed[0])} ({place})")
    if many and not any(context.instance.get_latest_materialization_event(parent) for parent in many):
        never.append(" or ".join(_named(parent, None) for parent in many))
    told = [*_told(never, "has not been made", "have not been made"), *_told(gone, "is gone", "are gone")]
    if told:
        raise InputMissing(f"{'; '.join(told)}.")


class ManyCells(TorchcellError):
    """A run was asked to make several partitions of an asset at once."""


def partition_of(context: dg.AssetExecutionContext) -> str | None:
    """The partition that a run makes; None of an asset without.

    Raises:
        ManyCells: they are several. Dagster would give all of them one data version.
    """
    if context.has_partition_key:
        return context.partition_key
    if not context.has_partition_key_range:
        return None
    asked = context.partition_key_range
    if asked.start == asked.end:
        return context.partition_key
    raise ManyCells(
        f"A run makes one partition of {context.asset_key.to_user_string()}, and was asked for {asked.start} to {asked.end}: "
        "launch one run a partition, without `Pass partition ranges to single run`."
    )


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> dg.AssetMaterialization | None:
    partitions = None if partition is None else [partition]
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=partitions)
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0].asset_materialization if records else None


def _missing_place(made: dg.AssetMaterialization, data_root: Path) -> Path | None:
    """A file of an input that is not in the data root any more; None where all are, or none was recorded."""
    record = made.metadata.get(files.METADATA)
    if record is None:
        return None
    gone = files.lost(data_root, str(record.value)).gone
    return data_root / gone[0] if gone else None


def _named(key: dg.AssetKey, partition: str | None) -> str:
    return key.to_user_string() if partition is None else f"{key.to_user_string()} {partition}"


def _told(names: list[str], one: str, more: str) -> Iterable[str]:
    if names:
        yield f"{', '.join(names)} {f'{one}: materialize it' if len(names) == 1 else f'{more}: materialize them'} first"
