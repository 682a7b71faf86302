"""What a user sees and does in the Dagster UI, in a real browser over a real data root."""

import json
import time
import urllib.request

import psutil
import pytest
from playwright.sync_api import expect

GROUPS = ("datasets", "graph", "merged", "representations", "trained")


def ask(ui, query: str, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{ui.address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


LATEST = """query($key: AssetKeyInput!, $partition: String!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetMaterializations(partitions: [$partition], limit: 1) { timestamp runId runOrError { ... on Run { status } } } } } }"""


def latest(ui, name: str, partition: str) -> dict:
    key = {"path": ["trained", name]}
    return ask(ui, LATEST, key=key, partition=partition)["assetNodeOrError"]["assetMaterializations"][0]


def test_the_lineage_shows_the_five_groups_from_left_to_right(page, ui):
    page.goto(f"{ui.address}/asset-groups")
    left = {}
    for group in GROUPS:
        node = page.locator("svg, foreignObject").get_by_text(group, exact=True).last
        expect(node).to_be_visible()
        left[group] = node.bounding_box()["x"]
    assert left["datasets"] < left["graph"] < left["merged"] < left["trained"]
    assert left["graph"] < left["representations"] < left["trained"]


def test_an_asset_page_shows_description_columns_and_a_rendered_plot(page, ui):
    page.goto(f"{ui.address}/assets/datasets/fitness_sga")
    expect(page.get_by_text("Description").first).to_be_visible()
    expect(page.get_by_text("genotype identity: see schema/genotype.py")).to_be_visible()
    page.goto(f"{ui.address}/assets/datasets/fitness_sga?view=events")
    row = page.locator("tr", has_text="plot").get_by_text("[Show Markdown]")
    row.first.click()
    image = page.locator("img[alt='fitness_sga']")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 300


def test_a_model_has_a_grid_of_sizes_and_representations(page, ui):
    page.goto(f"{ui.address}/assets/trained/elastic_net?view=partitions")
    for key in ("one_hot", "random_10", "1e3"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible()
    expect(page.get_by_text("Materialized (2)")).to_be_visible()


def test_one_cell_materialized_from_the_page_ends_green_and_moves_its_metadata(page, ui):
    cell = "random_10|1e3"
    before = latest(ui, "elastic_net", cell)
    page.goto(f"{ui.address}/assets/trained/elastic_net?view=partitions&partition={cell.replace('|', '%7C')}")
    expect(page.get_by_text("Materialized (2)")).to_be_visible()
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 partition")).to_be_visible()  # the dialog starts from the cell that the page shows
    launch = dialog.get_by_role("button", name="Launch 1 run")
    expect(launch).to_be_enabled()
    launch.click()
    end = time.monotonic() + 120
    while (now := latest(ui, "elastic_net", cell))["timestamp"] == before["timestamp"] or now["runOrError"][
        "status"
    ] != "SUCCESS":
        assert time.monotonic() < end, now
        time.sleep(1)
    assert now["runId"] != before["runId"]
    assert latest(ui, "elastic_net", "one_hot|1e3")["timestamp"] < now["timestamp"]


def test_nothing_listens_beyond_loopback(ui):
    mine = psutil.Process(ui.process.pid)
    listening = [
        connection.laddr.ip
        for process in (mine, *mine.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_render(page, ui, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(f"{ui.address}/assets/trained/scoreboard")
    expect(page.get_by_text("One row is one score of one model").first).to_be_visible()
