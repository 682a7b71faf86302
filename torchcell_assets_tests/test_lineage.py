"""The graph of assets, by name: who depends on whom, by which partitions, and what every asset says of itself."""

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from torchcell_assets.config.layout import STEPS
from torchcell_assets.config.partitions import cell, partitions
from torchcell_assets.config.step_resources import REQUESTS
from torchcell_assets.config.study import current
from torchcell_assets.definitions import defs
from torchcell_assets.schema import Fitness, Interaction, Viability
from torchcell_assets.steps.datasets import GENOME, REFERENCE
from torchcell_assets.steps.datasets.assets import of_the_study

GRAPH = defs.resolve_asset_graph()
OF = partitions(current())
FAMILIES = ("elastic_net", "support_vector", "random_forest")
RECORDS = of_the_study(current())
STORED = (*REFERENCE, *RECORDS)
FITNESS = {f"graph/{one.name}" for one in STORED if one.record is Fitness}
INTERACTIONS = {f"graph/{one.name}" for one in STORED if one.record is Interaction}
VIABILITY = {f"datasets/{one.name}" for one in STORED if one.record is Viability}
IN_GRAPH = (GENOME, *RECORDS)
RAW = {node.key for node in GRAPH.asset_nodes if node.group_name == "raw"}
"""The world outside: no step."""
MADE = [node for node in GRAPH.asset_nodes if node.key not in RAW]
OF_A_DATASET = {
    **{f"datasets/{one.name}": one for one in STORED},
    **{f"graph/{one.name}": one for one in IN_GRAPH},
}
"""Assets that follow from the list of datasets, whatever it holds."""


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def raw(file: str) -> str:
    return f"raw/{re.sub('[^A-Za-z0-9]+', '_', file)}"


PARENTS = {
    **{f"datasets/{one.name}": {raw(source.name) for source in one.raw_files} for one in STORED},
    **{f"graph/{one.name}": {f"datasets/{one.name}"} for one in IN_GRAPH},
    "merged/fitness": FITNESS,
    "merged/interaction": INTERACTIONS,
    "merged/subset": {"merged/fitness", *VIABILITY},
    "merged/test_set": {"merged/fitness", *VIABILITY},
    "merged/key_value": {"merged/subset"},
    "representations/gene_embedding": {"datasets/genome"},
    "trained/baselines": {"merged/subset", "merged/test_set", "merged/fitness", *VIABILITY},
    **{
        f"trained/{family}": {"merged/subset", "merged/test_set", "representations/gene_embedding"}
        for family in FAMILIES
    },
    "trained/scoreboard": {
        "merged/test_set",
        "merged/fitness",
        "trained/baselines",
        *(f"trained/{family}" for family in FAMILIES),
    },
}


@pytest.mark.parametrize("child", PARENTS)
def test_every_asset_has_exactly_these_parents(child):
    assert GRAPH.get(key(child)).parent_keys == {key(parent) for parent in PARENTS[child]}


def mapped(child: str, partition: str, parent: str) -> set[str]:
    mapping = GRAPH.get_partition_mapping(key(child), key(parent))
    child_definition, parent_definition = GRAPH.get(key(child)).partitions_def, GRAPH.get(key(parent)).partitions_def
    subset = child_definition.subset_with_partition_keys([partition])
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, child_definition, parent_definition)
    return set(result.partitions_subset.get_partition_keys())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cell_depends_on_its_own_size_and_its_own_representation(family):
    one = cell("1e3", "codon_frequency")
    assert mapped(f"trained/{family}", one, "merged/subset") == {"1e3"}
    assert mapped(f"trained/{family}", one, "representations/gene_embedding") == {"codon_frequency"}


def test_baselines_depend_on_their_own_size():
    assert mapped("trained/baselines", "1e4", "merged/subset") == {"1e4"}


def test_a_key_value_store_depends_on_its_own_size_and_nothing_depends_on_it():
    assert mapped("merged/key_value", "1e4", "merged/subset") == {"1e4"}
    assert GRAPH.get(key("merged/key_value")).child_keys == set()


def test_partitions_are_the_dimensions_of_the_plan():
    assert (
        GRAPH.get(key("merged/subset")).partitions_def == GRAPH.get(key("merged/key_value")).partitions_def == OF.size
    )
    assert GRAPH.get(key("representations/gene_embedding")).partitions_def == OF.representation
    assert all(GRAPH.get(key(f"trained/{family}")).partitions_def == OF.grid for family in FAMILIES)
    assert all(len(OF.grid.get_partition_keys()) < 100 for _ in FAMILIES)  # from 100 on Dagster looks at no edge


def test_folder_group_and_key_prefix_agree():
    assert {node.group_name for node in MADE} == set(STEPS)
    for node in GRAPH.asset_nodes:
        assert node.group_name == node.key.path[0]
        assert len(node.key.path) == 2


def test_every_asset_says_what_it_is():
    for node in MADE:
        assert node.description and node.code_version and node.owners and node.kinds, node.key


def test_every_asset_points_at_its_code():
    for node in MADE:
        references = node.metadata["dagster/code_references"].code_references
        assert Path(references[0].file_path).parts[-3:] == ("steps", node.key.path[0], "assets.py")
        assert all(Path(one.file_path).is_file() for one in references)
    shown = [one.label for one in GRAPH.get(key("merged/fitness")).metadata["dagster/code_references"].code_references]
    assert shown == ["merged", "numbers", "measurements", "fitness.cypher", "perturbations.cypher"]


def test_every_asset_has_the_check_that_shows_staleness():
    assert {check.asset_key for check in GRAPH.asset_check_keys if check.name == "schema_in_sync"} == {
        node.key for node in MADE
    }


def test_raw_files_are_external_assets_that_say_what_they_are_and_are_not_made_here():
    assert {key(raw(source.name)) for one in STORED for source in one.raw_files} == RAW
    for one in map(GRAPH.get, RAW):
        assert one.is_external and one.is_observable and not one.is_materializable
        assert {"file", "sha256", "licence", "citation", "publication"} <= one.metadata.keys()
        assert {child.path[0] for child in one.child_keys} == {"datasets"}
    assert not {job.name for job in defs.resolve_all_job_defs() if RAW & job.asset_layer.selected_asset_keys} - {
        "__ASSET_JOB"
    }


@pytest.mark.parametrize(("step", "pool"), [("graph", "neo4j_write"), ("trained", "training")])
def test_heavy_steps_say_what_they_ask_of_a_machine(step, pool):
    made = [asset for asset in defs.assets if {key.path[0] for key in asset.keys} == {step}]
    pooled = [asset for asset in made if asset.op.pool == pool]
    assert {asset.key.path[1] for asset in made} - {asset.key.path[1] for asset in pooled} <= {"scoreboard"}
    for asset in pooled:
        assert (
            "requests" in asset.op.tags["dagster-k8s/config"]
            and f'"memory": "{REQUESTS[pool].memory_gb}G"' in (asset.op.tags["dagster-k8s/config"])
        )


def test_every_asset_that_reads_raw_files_has_the_check_of_them():
    checked = {check.asset_key for check in GRAPH.asset_check_keys if check.name == "raw_files_as_pinned"}
    reads = {node.key for node in GRAPH.asset_nodes if node.key.path[0] == "datasets"}
    assert checked == reads | {key("representations/gene_embedding")}


def test_the_code_location_loads():
    dg.Definitions.validate_loadable(defs)


@pytest.mark.parametrize("asset", OF_A_DATASET)
def test_an_asset_of_a_dataset_says_what_its_dataset_is(asset):
    dataset, node = OF_A_DATASET[asset], GRAPH.get(key(asset))
    assert node.kinds == ({"parquet"} if node.group_name == "datasets" else {"neo4j"})
    assert node.partitions_def is None and node.owners == ["team:torchcell-assets"]
    if node.group_name == "datasets":
        assert node.description == dataset.description
    elif dataset is not GENOME:
        assert dataset.name in node.description and dataset.record.__name__ in node.description


def test_specs_change_only_in_a_reviewed_commit(snapshot):
    specs = {
        node.key.to_user_string(): {
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": list(node.owners),
            "partitions": None if node.partitions_def is None else node.partitions_def.get_num_partitions(),
            "description": (node.description or "").splitlines()[0],
        }
        for node in MADE
        if node.key.to_user_string() not in OF_A_DATASET
    }
    assert dict(sorted(specs.items())) == snapshot


def test_loading_the_code_location_imports_nothing_heavy():
    heavy = ("torch", "lmdb", "transformers", "neo4j", "biocypher", "sklearn", "matplotlib", "cobra")
    script = f"import sys, torchcell_assets.definitions; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
