"""CPU-seconds of `outdated()` for 1,000 and 10,000 stored partitions, beside Dagster's own question per partition.

    python benchmarks/outdated.py [partitions ...]

The grid has two inputs, one per dimension, like a family of models; each stored event carries what a trained cell's does
(tags, a plot, a description of three record classes, a preview), and a cell has as many files on the disk, which are looked at.
Dagster is asked for a sample, and its time is scaled up.
"""

import math
import random
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView, TemporalContext
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._time import get_current_datetime
from rich.console import Console
from rich.table import Table

from torchcell_assets.schema import MergedFitness, Prediction, Score
from torchcell_assets.staleness.outdated import State, survey
from torchcell_assets.staleness.provenance import FILES_METADATA, SECONDS_METADATA, USES_METADATA
from torchcell_assets.staleness.step import code_version, describe_uses
from torchcell_assets.storage import files

USES = [MergedFitness, Prediction, Score]
SAMPLE = 300
PLOT = 5_000  # repetitions: an event of some 65 kB, as those of the models of the study `screens`
FILES = ("predictions", "search", "pert_sum", "pert_mean", "intact_sum", "intact_mean")
MARKS = {1_000: 0.3, 10_000: 3.0}


def code_location(partitions: int) -> dg.Definitions:
    side = math.isqrt(partitions)
    sizes = dg.StaticPartitionsDefinition([f"s{i}" for i in range(side)])
    representations = dg.StaticPartitionsDefinition([f"r{i}" for i in range(-(-partitions // side))])
    grid = dg.MultiPartitionsDefinition({"size": sizes, "representation": representations})
    subset = dg.AssetSpec("subset", partitions_def=sizes, code_version="1")
    embedding = dg.AssetSpec("embedding", partitions_def=representations, code_version="1")
    model = dg.AssetSpec(
        "model",
        deps=["subset", "embedding"],
        partitions_def=grid,
        code_version=code_version(describe_uses(USES), "1"),
        metadata={USES_METADATA: dg.MetadataValue.json(describe_uses(USES))},
    )

    @dg.multi_asset(specs=[subset, embedding, model], can_subset=True)
    def everything(): ...

    return dg.Definitions(assets=[everything])


def files_of(root: Path, partition: str) -> str:
    """The record of the files of one cell, which lie in the data root."""
    folder = root / "trained" / "model" / partition.replace("|", "/")
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(name)
    return files.relative_to(root, files.record({folder: folder}))


def store(instance: dg.DagsterInstance, graph, partitions: int, root: Path | None = None) -> list[str]:
    """root: where each cell has its files; without it no files are recorded."""

    def event(key: str, partition: str, tags: dict, metadata: dict | None = None) -> None:
        said = {"dagster/data_version": f"of {partition}", **tags}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, tags=said, metadata=metadata)
        )

    for name in ("subset", "embedding"):
        for partition in graph.get(dg.AssetKey(name)).partitions_def.get_partition_keys():
            event(name, partition, {"dagster/code_version": "1"})
    notes = {
        USES_METADATA: dg.MetadataValue.json(describe_uses(USES)),
        SECONDS_METADATA: 12.5,
        "dagster/row_count": 1000,
        "preview": dg.MetadataValue.md("genotype | predicted\n" * 40),
        "plot": dg.MetadataValue.md(f"![plot](data:image/png;base64,{'iVBORw0KGgo' * PLOT})"),
        **{f"test_spearman_{name}": 0.5 for name in ("pert_sum", "pert_mean", "intact_sum", "intact_mean")},
    }
    keys = graph.get(dg.AssetKey("model")).partitions_def.get_partition_keys()[:partitions]
    current = graph.get(dg.AssetKey("model")).code_version
    for at, partition in enumerate(keys):
        representation, size = partition.split("|")
        tags = {"dagster/code_version": current if at % 10 else "1-old"}
        for parent, consumed in (("subset", size), ("embedding", representation)):
            tags[f"dagster/input_data_version/{parent}"] = sha256(f"of {consumed}".encode()).hexdigest()
            tags[f"dagster/input_event_pointer/{parent}"] = "1000000000"
        record = {FILES_METADATA: dg.MetadataValue.text(files_of(root, partition))} if root else {}
        event("model", partition, tags, {**notes, **record})
    return [str(key) for key in keys]


def main() -> None:
    table = Table(
        "stored partitions", "files", "outdated (CPU-s)", "mark", "Dagster (CPU-s)", "asked", "ratio", "outdated found"
    )
    for partitions in [int(argument) for argument in sys.argv[1:]] or MARKS:
        graph = code_location(partitions).resolve_asset_graph()
        with dg.DagsterInstance.ephemeral() as instance, tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            keys = store(instance, graph, partitions, root)
            key = dg.AssetKey("model")
            started = time.process_time()
            found = sum(s.state is State.OUTDATED for s in survey(instance, graph, root=root) if s.key == key)
            ours = time.process_time() - started
            asked = random.Random(1).sample(keys, min(SAMPLE, len(keys)))
            now = TemporalContext(effective_dt=get_current_datetime(), last_event_id=None)
            started = time.process_time()
            view = AssetGraphView(temporal_context=now, instance=instance, asset_graph=graph)
            resolver = CachingStaleStatusResolver(instance, graph, view)
            for partition in asked:
                resolver.get_status(key, partition)
                resolver.get_stale_causes(key, partition)
            theirs = (time.process_time() - started) / len(asked) * len(keys)
        mark = f"< {MARKS[partitions]}" if partitions in MARKS else ""
        row = (
            f"{len(keys) * len(FILES):,}",
            f"{ours:.2f}",
            mark,
            f"{theirs:.1f}",
            f"{len(asked):,}",
            f"{theirs / ours:.0f}",
            f"{found:,}",
        )
        table.add_row(f"{partitions:,}", *row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
