"""A mirror of the code location: the same keys, edges, partitions, declared uses and conditions, and bodies that do nothing.

Belongs here: what drives real runs over the real graph of assets without raw files, Neo4j or models, as if other code were
deployed. Does not: expectations. Everything is read from the real definitions, so that the mirror cannot drift from them.
"""

import importlib.util
import itertools
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.definitions import defs
from torchcell_assets.schema import RECORD_CLASSES, derived, records
from torchcell_assets.schema.fingerprint import describe
from torchcell_assets.staleness import State, survey
from torchcell_assets.staleness.inputs import partition_of
from torchcell_assets.staleness.provenance import RECIPES_METADATA, USES_METADATA, recipe_note, recorded
from torchcell_assets.staleness.step import code_version

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Cell = tuple[str, str | None]
_numbers = itertools.count()


@dataclass(frozen=True)
class Spec:
    """What the code location says of one asset."""

    key: str
    parents: tuple[str, ...]
    uses: Mapping[str, Any]
    logic: str
    partitions: dg.PartitionsDefinition | None = None
    recipes: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, dg.PartitionMapping] = field(default_factory=dict)
    condition: dg.AutomationCondition | None = None

    @property
    def code_version(self) -> str:
        return code_version(self.uses, self.logic)


def deployed() -> dict[str, Spec]:
    """The real code location, asset by asset."""
    graph = defs.resolve_asset_graph()
    specs = {}
    for node in graph.asset_nodes:
        if layout.is_raw(node.key):
            continue
        recipes = node.metadata.get(RECIPES_METADATA)
        spec = Spec(
            node.key.to_user_string(),
            tuple(sorted(parent.to_user_string() for parent in node.parent_keys)),
            node.metadata[USES_METADATA].value,
            node.code_version.rsplit("-", 1)[0],
            node.partitions_def,
            dict(recipes.value) if recipes else {},
            {parent.to_user_string(): mapping for parent, mapping in node.partition_mappings.items()},
            node.automation_condition,
        )
        assert spec.code_version == node.code_version
        specs[spec.key] = spec
    return specs


def with_use(specs: Mapping[str, Spec], name: str, change: Callable[[Any], Any]) -> dict[str, Spec]:
    """The code location after `change` of one thing that assets use, such as `policy merge_key`."""
    assert any(name in spec.uses for spec in specs.values()), f"nothing uses {name}"
    return {
        key: replace(spec, uses={use: change(said) if use == name else said for use, said in spec.uses.items()})
        for key, spec in specs.items()
    }


def with_classes(specs: Mapping[str, Spec], edited: Mapping[str, Any]) -> dict[str, Spec]:
    """The code location with the record classes that an edit changed; what an earlier one changed of others stays."""
    described = {name: describe(cls) for name, cls in edited.items()}
    said = {f"class {n}": now for n, now in described.items() if now != describe(RECORD_CLASSES[n])}
    return {
        key: replace(spec, uses={use: said.get(use, old) for use, old in spec.uses.items()})
        for key, spec in specs.items()
    }


def edited_classes(folder: Path, cls: str, before: str, after: str) -> dict[str, Any]:
    """The record classes after an edit of the text of one of them, in schema/records.py or schema/derived.py."""
    text = next(text for module in (records, derived) if f"class {cls}(" in (text := Path(module.__file__).read_text()))
    start = text.index(f"class {cls}(")
    end = text.find("\nclass ", start)
    body = text[start:end]
    assert before in body, f"{cls} does not hold {before!r} any more: adapt the edit"
    name = f"edited_records_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(text[:start] + body.replace(before, after, 1) + text[end:])
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return {name: getattr(module, name, own) for name, own in RECORD_CLASSES.items()}


class Mirror:
    """A Dagster instance, and whatever code is said to be deployed over it.

    data: what a body gives as its data version, by cell or by asset; `A` where nothing is said.
    broken: cells or assets whose body raises.
    """

    def __init__(self, folder: Path, specs: Mapping[str, Spec]) -> None:
        self.folder = folder
        self.instance = dg.DagsterInstance.local_temp(str(folder))
        self.data: dict[Any, str] = {}
        self.broken: set[Any] = set()
        self.deploy(specs)

    def copy(self, folder: Path) -> "Mirror":
        """The same history, to go on from."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        made = Mirror(folder, self.specs)
        made.data = dict(self.data)
        return made

    def deploy(self, specs: Mapping[str, Spec]) -> "Mirror":
        """Other code from now on."""
        self.specs = dict(specs)
        raw = sorted({parent for spec in specs.values() for parent in spec.parents} - specs.keys())
        outside = [
            dg.AssetSpec(key.split("/"), group_name=layout.RAW) for key in raw
        ]  # never seen, as in an old data root
        self.definitions = dg.Definitions(assets=[*(self._asset(spec) for spec in specs.values()), *outside])
        self.graph = self.definitions.resolve_asset_graph()
        return self

    def _asset(self, spec: Spec) -> dg.AssetsDefinition:
        def body() -> dg.MaterializeResult:
            context = dg.AssetExecutionContext.get()
            partition = partition_of(context)
            if {spec.key, (spec.key, partition)} & self.broken:
                raise RuntimeError("boom")
            data = self.data.get((spec.key, partition), self.data.get(spec.key, "A"))
            return dg.MaterializeResult(
                data_version=dg.DataVersion(f"{data} of {partition}"),
                metadata=recipe_note(spec.recipes[partition]) if partition in spec.recipes else None,
            )

        metadata = {USES_METADATA: dg.MetadataValue.json(dict(spec.uses))}
        if spec.recipes:
            metadata[RECIPES_METADATA] = dg.MetadataValue.json(dict(spec.recipes))
        return dg.asset(
            key=spec.key.split("/"),
            deps=[dg.AssetDep(p.split("/"), partition_mapping=spec.mappings.get(p)) for p in spec.parents],
            code_version=spec.code_version,
            partitions_def=spec.partitions,
            metadata=metadata,
            automation_condition=spec.condition,
        )(recorded(body, spec.uses))

    def run(self, cells: Iterable[Cell]) -> None:
        """Real runs, upstream first; what has the same partitions is made in one run, as far as it can be."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        for (_, partition), keys in sorted(
            self._batches(set(cells)).items(), key=lambda item: (item[0][0], str(item[0]))
        ):
            job.get_subset(asset_selection=keys).execute_in_process(
                instance=self.instance, partition_key=partition, run_config=QUIET, raise_on_error=False
            )

    def _batches(self, cells: set[Cell]) -> dict[tuple[int, str | None], set[dg.AssetKey]]:
        stages: dict[dg.AssetKey, int] = {}
        batches: dict[tuple[int, str | None], set[dg.AssetKey]] = {}
        for key in self.graph.toposorted_asset_keys:
            definition = self.graph.get(key).partitions_def
            partitions = [partition for name, partition in cells if name == key.to_user_string()]
            if partitions:
                above = [p for p in self.graph.get(key).parent_keys if p in stages]
                stages[key] = max(
                    (stages[p] + (self.graph.get(p).partitions_def != definition) for p in above), default=0
                )
            for partition in partitions:
                batches.setdefault((stages[key], partition), set()).add(key)
        return batches

    def standings(self, state: State = State.OUTDATED) -> dict[Cell, str]:
        """Cell -> why, of all that is in this state."""
        found = survey(self.instance, self.graph)
        return {(s.key.to_user_string(), s.partition): s.why for s in found if s.state is state}

    def outdated(self) -> set[Cell]:
        """Cells that are stored and outdated."""
        return set(self.standings())

    def why(self, key: str, partition: str | None = None) -> str:
        """The reason that is given for one cell."""
        asset = dg.AssetKey(key.split("/"))
        (standing,) = survey(self.instance, self.graph, {asset: [partition]})
        return standing.why
