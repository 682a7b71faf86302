"""Stored against recorded, over a data root that the main job made: every kind of file, deleted and cut, one at a time."""

import json
import shutil
from pathlib import Path

import pytest

from torchcell_assets.staleness.provenance import FILES_METADATA
from torchcell_assets_tests import main_job
from torchcell_assets_tests.stored_files import FILES

STEPS = ("datasets", "graph", "merged", "representations", "trained")


@pytest.fixture(scope="module")
def root(tiny_made, tmp_path_factory) -> Path:
    """A copy of what the main job made."""
    root = tmp_path_factory.mktemp("stored") / "data"
    shutil.copytree(tiny_made.root, root)
    return root


@pytest.fixture(scope="module")
def told(root) -> dict:
    """What came of it when each file was lost, by asset and partition."""
    code, said = main_job.run(root, "torchcell_assets_tests.stored_files")
    assert code == 0, said
    return json.loads(said.splitlines()[-1])


def test_every_file_of_a_data_root_is_recorded_by_what_made_it(tiny_made):
    recorded: set[str] = set()
    seen: set[tuple] = set()
    with main_job.instance(tiny_made.root) as here:
        for key in here.all_asset_keys():
            for record in here.fetch_materializations(key, limit=100).records:  # newest first
                made = record.asset_materialization
                if (key, made.partition) not in seen:
                    seen.add((key, made.partition))
                    own = {path for path, *facts in json.loads(made.metadata[FILES_METADATA].value) if facts}
                    assert not own & recorded, "a file has one maker"
                    recorded |= own
    stored = [path for step in STEPS for path in (tiny_made.root / step).rglob("*") if path.is_file()]
    names = {str(path.relative_to(tiny_made.root)) for path in stored if path.suffix != ".lock"}
    assert names - {"graph/data_root_id"} == recorded  # whose graph it is: remembered, and made by no asset


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_deleted_or_cut_is_named_alone_and_made_again_and_not_verified_meanwhile(told, name):
    found = told[name]
    assert found["gone"] == {"lost": {name: f"missing | missing: {found['path']} is gone"}, "check": False}
    assert found["back"] == {}, "the same file, put back"
    changed = f"changed | {found['path']} was changed after it was made"
    assert found["cut"] == {"lost": {name: changed}, "check": False}
    assert (found["code"], found["after"]) == (0, {"lost": {}, "check": True}), found["said"]


@pytest.mark.slow
def test_a_deleted_store_of_the_graph_is_seen_without_a_server_and_loaded_again(told):
    found = told["no store"]
    gone = "missing | missing: neo4j/data is gone"
    assert found["lost"] == {"graph/genome": gone, "graph/fitness_sga": gone}
    assert "neo4j/data is gone" in found["status"]
    assert (found["code"], found["after"]) == (0, {}), found["said"]
    assert "2 made in" in found["said"]


@pytest.mark.slow
def test_an_emptied_server_is_loaded_again(told):
    found = told["emptied server"]
    assert found["lost"].keys() == {"graph/genome", "graph/fitness_sga"}
    assert found["lost"]["graph/fitness_sga"] == "missing | missing: the graph serves no build of fitness_sga"
    assert found["lost"]["graph/genome"].startswith("missing | missing: the graph serves 0 of ")
    assert (found["code"], found["after"]) == (0, {}), found["said"]


@pytest.mark.slow
def test_what_was_made_again_is_what_it_was(tiny_made, root, told):
    assert main_job.versions(root) == tiny_made.versions
    assert main_job.tables(root) == tiny_made.tables
