"""`store_in_sync`: what the server says of itself against the last materialization. A wiped volume must not stay green."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot, GraphStore
from torchcell_assets.config.study import Study
from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.graph import bundle, load, ownership, verification

if TYPE_CHECKING:
    from neo4j import Driver


class Built(NamedTuple):
    """What the last materialization of an asset of the graph made: the name of its build, and how many rows that has."""

    build: str
    rows: int


def materialized(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, Built]:
    """Asset of the graph -> what its last materialization made, of those that have one; one statement."""
    found = {}
    for record in instance.get_asset_records(list(keys)):
        event = record.asset_entry.last_materialization_record
        said: Mapping[str, Any] = event.asset_materialization.metadata if event and event.asset_materialization else {}
        if "build" in said:
            built = Built(str(said["build"].value), said["dagster/row_count"].value)
            found[record.asset_entry.asset_key] = built
    return found


def _check(
    study: Study, name: str, description: str, wrong: "Callable[[Driver, str, Path], list[str]]"
) -> dg.AssetChecksDefinition:
    """wrong: what the server holds otherwise than the bundle in a folder says."""
    key = layout.key(study, "graph", name)

    @dg.asset_check(asset=key, name="store_in_sync", description=description)
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot, store: GraphStore) -> dg.AssetCheckResult:
        made = materialized(context.instance, [key]).get(key)
        if made is None:
            return dg.AssetCheckResult(passed=False, description="never materialized")
        try:
            with store.driver() as driver:
                ownership.refuse_of_another_root(driver, store.database_name, ownership.id_of(root.folder))
                found = wrong(driver, store.database_name, layout.bundles(root.folder, name) / made.build)
        except TorchcellError as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        return dg.AssetCheckResult(
            passed=not found, description="; ".join(found) or None, metadata={"materialized": made.build}
        )

    return check


def _wrong_records(driver: "Driver", database: str, folder: Path) -> list[str]:
    manifest = bundle.read_manifest(folder)
    serves = load.current_build(driver, database, manifest.dataset)
    other = [f"serves {serves} and {manifest.build} was materialized"] * (serves != manifest.build)
    return [*other, *verification.differences(driver, database, manifest)]


def _wrong_genes(study: Study) -> "Callable[[Driver, str, Path], list[str]]":
    names = [dataset.name for dataset in of_the_study(study)]

    def wrong(driver: "Driver", database: str, folder: Path) -> list[str]:
        left = verification.strange_datasets(driver, database, names)
        told = [f"the graph holds {', '.join(left)}, which the study does not: materialize graph/genome"] * bool(left)
        return [*told, *verification.gene_differences(driver, database, folder)]

    return wrong


def checks(study: Study) -> list[dg.AssetChecksDefinition]:
    """One check of each asset of the graph."""
    genes = "The server holds the genes that were materialized, every property, and no dataset that left the study."
    records = "The server serves the build that was materialized, with the counts and every column of its bundle."
    return [
        _check(study, GENOME.name, genes, _wrong_genes(study)),
        *(_check(study, dataset.name, records, _wrong_records) for dataset in of_the_study(study)),
    ]
