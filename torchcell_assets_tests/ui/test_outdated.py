"""What a person sees who edits a record class: amber with the reason, one press of a button, green again.

The example of docs/staleness.md to the letter, in a checkout of its own; its screenshots come from here.
"""

import colorsys
import contextlib
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

SAMPLE_UNIT = "    sample_unit = dy.String("
PLATES = '    plates = dy.UInt32(nullable=True, description="number of plates")\n'
RECORDS = "    records = dy.List("
NOTE = "    note = dy.String(nullable=True)\n"


STARTED_BY = (
    """query($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results { runId status } } } }"""
)


LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } } }"""
TERMINATE = """mutation($run: String!) { terminateRun(runId: $run) { __typename } }"""
STATUS = """query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"""


def started_by(ui, parent: str) -> dict[str, str]:
    """Run -> status, of those that a run has started."""
    wanted = {"tags": [{"key": "dagster/parent_run_id", "value": parent}]}
    found = ui.ask(STARTED_BY, {"filter": wanted})["runsOrError"]["results"]
    return {run["runId"]: run["status"] for run in found}


@contextlib.contextmanager
def edited(ui, edits: dict[str, tuple[str, str]]) -> Iterator[None]:
    """File -> (text, what is put before it), as long as the block runs: runs read the code anew."""
    files = {ui.checkout / "torchcell_assets" / name: edit for name, edit in edits.items()}
    originals = {file: file.read_text() for file in files}
    try:
        for file, (before, added) in files.items():
            assert originals[file].count(before) == 1
            file.write_text(originals[file].replace(before, added + before))
        yield
    finally:
        for file, text in originals.items():
            file.write_text(text)


def reload(page: Page, ui) -> None:
    page.goto(f"{ui.address}/asset-groups")
    page.get_by_role("button", name="Reload definitions").click()
    expect(page.get_by_text("Definitions reloaded").first).to_be_visible()


def execute_check(page: Page, ui, asset: str, result: str) -> str:
    """Execute `schema_in_sync` from its page and wait for a result; returns its colour."""
    page.goto(f"{ui.address}/assets/{asset}?view=checks&checkDetail=schema_in_sync")
    page.locator("button", has_text=re.compile("^Execute$")).click()
    tag = page.locator(f"[data-tooltip={result}]")
    expect(tag).to_be_visible()
    red, green, blue = map(int, re.findall(r"\d+", tag.evaluate("tag => getComputedStyle(tag).color"))[:3])
    hue = 360 * colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)[0]
    return "amber" if 25 < hue < 60 else "green" if 120 < hue < 170 else f"hue {hue:.0f}"


def row(page: Page) -> list[str]:
    """The table of what is outdated: its only row."""
    return page.locator("table", has_text="why").last.locator("tbody tr").last.locator("td").all_inner_texts()


@pytest.mark.slow
def test_an_edit_of_fitness_turns_amber_and_one_job_makes_it_green_again(page, ui, screenshot):
    before = {asset: ui.latest(*asset) for asset in (("merged/fitness",), ("merged/subset", "1e3"))}
    edits = {
        "schema/records.py": (SAMPLE_UNIT, PLATES),
        "steps/graph/schema_config.yaml": ("    sample_unit: str\n", "    plates: long\n"),
    }
    page.set_viewport_size({"width": 1180, "height": 660})
    with edited(ui, edits):
        reload(page, ui)
        assert execute_check(page, ui, "merged/fitness", "Failed") == "amber"
        assert row(page) == ["all", "Fitness: +plates"]
        screenshot(page, "outdated")

        page.goto(f"{ui.address}/locations/torchcell_assets/jobs/rebuild_outdated/playground")
        page.get_by_role("button", name="Launch Run").click()
        page.wait_for_url("**/runs/*")
        parent = page.url.rsplit("/", 1)[1]
        expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=300_000)
        # what it started went through the queue of the instance, as runs of their own
        started = started_by(ui, parent)
        assert set(started.values()) == {"SUCCESS"}
        assert ui.latest("merged/fitness")["runId"] in started

        assert execute_check(page, ui, "merged/fitness", "Passed") == "green"
        expect(page.get_by_text("Everything stored is in sync.")).to_be_visible()
        screenshot(page, "rebuilt")
    made = {asset for asset, was in before.items() if ui.latest(*asset)["runId"] != was["runId"]}
    assert made == {("merged/fitness",)}  # its rows are the same as before: the wave stopped there


def test_an_edit_of_what_a_sample_holds_names_the_partitions_that_are_outdated(page, ui):
    with edited(ui, {"schema/derived.py": (RECORDS, NOTE)}):  # a check reads the code anew: nothing to reload
        assert execute_check(page, ui, "merged/subset", "Failed") == "amber"
        assert row(page) == ["1e3", "MergedFitness: +note"]


@pytest.mark.slow
def test_who_terminates_the_rebuild_terminates_the_run_that_it_waits_for(ui, page):
    page.goto(f"{ui.address}/runs")
    edits = {  # another field than that of the test before, which has made `plates`
        "schema/records.py": (SAMPLE_UNIT, PLATES.replace("plates", "washes")),
        "steps/graph/schema_config.yaml": ("    sample_unit: str\n", "    washes: long\n"),
    }
    selector = {
        "repositoryLocationName": "torchcell_assets",
        "repositoryName": "__repository__",
        "jobName": "rebuild_outdated",
    }

    def until(done, what: str) -> None:
        end = time.monotonic() + 240
        while not done():
            assert time.monotonic() < end, what
            time.sleep(0.2)

    with edited(ui, edits):
        reload(page, ui)
        parent = ui.ask(LAUNCH, {"params": {"selector": selector, "runConfigData": {}}})["launchRun"]["run"]["runId"]
        until(lambda: "STARTED" in started_by(ui, parent).values(), "nothing was started")
        ui.ask(TERMINATE, {"run": parent})
        ended = {"CANCELED", "FAILURE", "SUCCESS"}
        until(lambda: ui.ask(STATUS, {"run": parent})["runOrError"]["status"] in ended, "the rebuild goes on")
        until(lambda: set(started_by(ui, parent).values()) <= ended, "what it started goes on")
        assert ui.ask(STATUS, {"run": parent})["runOrError"]["status"] == "CANCELED"
        assert "CANCELED" in started_by(ui, parent).values()
