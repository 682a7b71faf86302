"""The Neo4j Browser that `make ui` serves beside the Dagster UI."""

import json

from playwright.sync_api import expect

from torchcell_assets.steps.datasets.publications import sga


def test_it_connects_with_the_local_login_and_counts_the_experiments(page, ui):
    graph = json.loads((ui.root / "neo4j" / "connection.json").read_text())
    assert graph["http"].startswith("http://127.0.0.1:")
    page.goto(graph["http"])
    page.get_by_test_id("boltaddress").fill(graph["uri"].removeprefix("bolt://"))
    page.get_by_test_id("username").fill(graph["username"])
    page.get_by_test_id("password").fill(graph["password"])
    page.get_by_test_id("connect").click()
    expect(page.get_by_text(f"You are connected as user {graph['username']}")).to_be_visible()
    page.locator(".monaco-editor").first.click()
    page.keyboard.type("MATCH (e:Experiment) RETURN count(e)")
    page.keyboard.press("Control+Enter")
    frame = page.get_by_test_id("frame").filter(has_text="RETURN count(e)")
    expect(frame.get_by_text(str(sga.FITNESS.published_records), exact=True)).to_be_visible()
