"""The lineage page: every group and every asset at its place, and exactly the edges that there are.

Edges are read off the drawing: a path belongs to the box at whose right side it begins and the box at whose left side it ends.
"""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

GROUPS = ("datasets", "graph", "merged", "representations", "trained")
RAW = "raw"
"""The raw files: no step, the world outside."""
BETWEEN_GROUPS = {
    (RAW, "datasets"),
    ("datasets", "graph"),
    ("datasets", "representations"),
    ("graph", "merged"),
    ("merged", "trained"),
    ("representations", "trained"),
}
FAMILIES = ("elastic_net", "support_vector", "random_forest")
BETWEEN_ASSETS = {
    *((RAW, f"datasets/{name}") for name in ("chromosomes", "fitness_sga", "genome")),
    ("datasets/fitness_sga", "graph/fitness_sga"),
    ("datasets/genome", "graph/genome"),
    ("datasets/genome", "representations/gene_embedding"),
    ("graph/fitness_sga", "merged/fitness"),
    ("merged/fitness", "merged/subset"),
    ("merged/subset", "merged/key_value"),
    ("merged/fitness", "trained/baselines"),
    ("merged/subset", "trained/baselines"),
    ("trained/baselines", "trained/scoreboard"),
    ("merged/fitness", "merged/test_set"),
    ("merged/fitness", "trained/scoreboard"),
    *(("merged/test_set", f"trained/{one}") for one in ("baselines", "scoreboard", *FAMILIES)),
    *(("merged/subset", f"trained/{family}") for family in FAMILIES),
    *(("representations/gene_embedding", f"trained/{family}") for family in FAMILIES),
    *((f"trained/{family}", "trained/scoreboard") for family in FAMILIES),
}
DRAWING = "svg[class*=AssetGraphExplorer]"
# boxes with their titles, and the two ends of every path, all in the coordinates of the drawing
READ = """drawing => ({
  boxes: [...drawing.querySelectorAll('foreignObject')].map(box => ({
    title: box.querySelector('[data-tooltip]')?.dataset.tooltip ?? box.textContent,
    left: box.x.baseVal.value, right: box.x.baseVal.value + box.width.baseVal.value,
    top: box.y.baseVal.value, bottom: box.y.baseVal.value + box.height.baseVal.value,
  })).filter(box => box.title),
  ends: [...drawing.querySelectorAll(':scope > path')].map(path =>
    [0, path.getTotalLength()].map(at => path.getPointAtLength(at)).map(point => [point.x, point.y])),
})"""
Box = dict[str, Any]


def inside(inner: Box, outer: Box) -> bool:
    return (
        inner is not outer
        and outer["left"] <= inner["left"] <= inner["right"] <= outer["right"]
        and outer["top"] <= inner["top"] <= inner["bottom"] <= outer["bottom"]
    )


def drawn(page: Page) -> tuple[dict[str, Box], list[tuple[str, str]]]:
    """Boxes by name, an asset in an open group as `group/asset`; and the edges between them."""
    read = page.locator(DRAWING).evaluate(READ)
    boxes = {}
    for box in read["boxes"]:
        around = [other for other in read["boxes"] if inside(box, other)]
        if not any(inside(other, box) for other in read["boxes"]):
            boxes["/".join([*(group["title"] for group in around), box["title"]])] = box

    def at(point: tuple[float, float], side: str) -> str:
        x, y = point
        middle = {name: (box["top"] + box["bottom"]) / 2 for name, box in boxes.items()}
        (found,) = [n for n, box in boxes.items() if abs(box[side] - x) < 8 and abs(middle[n] - y) < 2]
        return found

    return boxes, [(at(begin, "right"), at(end, "left")) for begin, end in read["ends"]]


@pytest.fixture
def lineage(page, ui):
    """Opens the lineage page with these groups open, and waits until as many edges are drawn."""

    def opened(groups: tuple[str, ...], edges: int, height: int) -> Page:
        page.set_viewport_size({"width": 1600, "height": height})  # what is outside of the window is not drawn
        page.goto(f"{ui.address}/asset-groups?expanded={','.join(f'global%40global%3A{group}' for group in groups)}")
        expect(page.locator(f"{DRAWING} > path")).to_have_count(edges)
        return page

    return opened


def test_the_raw_files_and_the_five_groups_stand_from_left_to_right_with_exactly_these_edges(lineage, screenshot):
    page = lineage((), len(BETWEEN_GROUPS), 480)
    for group in (RAW, *GROUPS):
        expect(page.locator(f"{DRAWING} foreignObject").get_by_text(group, exact=True)).to_be_visible()
    boxes, edges = drawn(page)
    assert set(boxes) == {RAW, *GROUPS}
    assert sorted(edges) == sorted(BETWEEN_GROUPS)
    for begin, end in BETWEEN_GROUPS:
        assert boxes[begin]["right"] < boxes[end]["left"]
    expect(page.get_by_text("fetching statuses")).to_have_count(0)
    screenshot(page, "lineage", left=541, top=110)


def test_the_open_groups_show_every_asset_with_exactly_its_inputs(lineage):
    boxes, edges = drawn(lineage(GROUPS, len(BETWEEN_ASSETS), 1200))
    assert set(boxes) == {name for edge in BETWEEN_ASSETS for name in edge}
    assert sorted(edges) == sorted(BETWEEN_ASSETS)
