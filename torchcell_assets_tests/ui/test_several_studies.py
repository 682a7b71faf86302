"""Two studies in one UI: the files of docs/several_studies.md to the letter, each with a data root of its own."""

import re
import time
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import expect

from torchcell_assets_tests import main_job
from torchcell_assets_tests.ui.conftest import PROJECT, Ui, serving

PAGE = PROJECT / "docs" / "several_studies.md"
STUDIES = ("starter", "screens")
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"""
KEYS = """query { assetNodes { assetKey { path } repository { location { name } } } }"""


def written(folder: Path) -> Path:
    """The files of the page, with data roots inside `folder`; returns the workspace."""
    found = re.findall(
        r"^`([a-z]+\.(?:py|yaml))`[^\n]*:\n\n```[a-z]+\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert [name for name, _ in found] == ["starter.py", "screens.py", "workspace.yaml"]
    for name, text in found:
        (folder / name).write_text(text.replace("/data/", f"{folder}/data/"))
    return folder / "workspace.yaml"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, chromium):
    """The UI over both studies."""
    folder = tmp_path_factory.mktemp("several")
    ours = main_job.environment(folder / "instance") | {"TORCHCELL_STUDY": "starter"}
    with serving(ours, PROJECT, folder / "log", "--workspace", str(written(folder))) as started:
        yield folder, started


def materialize(ui: Ui, study: str, asset: str) -> str:
    """Launch the materialization of an asset of a study and wait for its end; returns the status."""
    selector = {
        "repositoryLocationName": study,
        "repositoryName": "__repository__",
        "jobName": "__ASSET_JOB",
        "assetSelection": [{"path": [study, *asset.split("/")]}],
    }
    launched = ui.ask(LAUNCH, {"params": {"selector": selector, "runConfigData": {}}})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    end = time.monotonic() + 240
    while time.monotonic() < end:
        status = ui.ask(RUN, {"run": launched["run"]["runId"]})["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        time.sleep(0.5)
    raise AssertionError(f"{study}/{asset} did not end: {status}")


@pytest.mark.slow
def test_each_study_has_its_own_keys_and_its_own_data_root(shared, browser, tmp_path):
    folder, ui = shared
    nodes = ui.ask(KEYS, {})["assetNodes"]
    assert {node["repository"]["location"]["name"] for node in nodes} == set(STUDIES)
    assert all(node["assetKey"]["path"][0] == node["repository"]["location"]["name"] for node in nodes)

    assert materialize(ui, "starter", "datasets/genome") == "SUCCESS"
    assert pl.read_parquet(folder / "data" / "starter" / "datasets" / "genome.parquet").height > 6000
    assert not (folder / "data" / "screens" / "datasets").exists()
    assert ui.materializations("screens/datasets/genome") == []

    assert materialize(ui, "screens", "datasets/genome") == "SUCCESS"
    for study in STUDIES:
        assert (folder / "data" / study / "study").read_text().strip() == study
        assert len(ui.materializations(f"{study}/datasets/genome")) == 1

    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.goto(f"{ui.address}/locations")
    for study in STUDIES:
        expect(page.get_by_role("link", name=study).first).to_be_visible()
    page.goto(f"{ui.address}/assets/starter/datasets/genome")
    expect(page.get_by_text("One row is").first).to_be_visible()


@pytest.mark.slow
def test_what_stands_behind_another_asset_of_the_study_is_made_from_the_same_data_root(shared):
    folder, ui = shared
    assert materialize(ui, "starter", "datasets/viability_deletion_project") == "SUCCESS"
    assert materialize(ui, "starter", "graph/viability_deletion_project") == "SUCCESS"
    assert list(
        (folder / "data" / "starter" / "graph" / "bundles" / "viability_deletion_project").glob("*/manifest.json")
    )
    assert (folder / "data" / "starter" / "neo4j").is_dir()
