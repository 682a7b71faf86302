"""What a user sees and does in the Dagster UI, in a real browser over a real data root."""

import re
import time

import polars as pl
import psutil
import pytest
from playwright.sync_api import expect

from torchcell_assets.schema import Fitness


def test_an_asset_page_shows_description_and_every_column_with_its_description(page, ui):
    page.goto(f"{ui.address}/assets/datasets/fitness_sga")
    expect(page.get_by_text("One row is the fitness of one double or triple mutant")).to_be_visible()
    rows = page.locator("table", has_text="Column name").locator("tbody tr")
    expect(rows.first).to_be_visible()
    cells = [row.locator("td").all_inner_texts() for row in rows.all()]
    shown = {name.strip(): description.strip() for name, _, description in cells}
    wanted = {name: column.description.replace("`", "") for name, column in Fitness.columns().items()}
    assert {name: shown.get(name) for name in wanted} == wanted


def test_the_preview_is_a_table_of_stored_values_and_the_plot_a_picture(page, ui):
    stored = pl.read_parquet(ui.root / "datasets" / "fitness_sga.parquet")
    page.goto(f"{ui.address}/assets/datasets/fitness_sga?view=events")
    page.locator("tr", has_text="preview").get_by_text("[Show Markdown]").first.click()
    table = page.get_by_role("dialog").locator("table")
    expect(table.locator("tbody tr")).to_have_count(8)
    assert table.locator("th").all_inner_texts() == stored.columns
    shown = dict(zip(stored.columns, table.locator("tbody tr").first.locator("td").all_inner_texts(), strict=True))
    first = stored.filter(pl.col("id") == shown["id"]).row(0, named=True)
    assert shown["genes"] == first["genes"]
    assert float(shown["value"]) == pytest.approx(first["value"], rel=1e-4)
    page.get_by_role("button", name="Close").click()

    page.locator("tr", has_text="plot").get_by_text("[Show Markdown]").first.click()
    image = page.locator("img[alt='fitness_sga']")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 300


def test_the_page_of_the_scoreboard_shows_its_figure_first(page, ui):
    page.goto(f"{ui.address}/assets/trained/scoreboard")
    rows = page.locator("tr", has=page.locator("td")).filter(has_text=re.compile("figure_|not_trained|bytes|preview"))
    expect(rows.first).to_contain_text("figure_1e3")
    rows.first.get_by_text("[Show Markdown]").click()
    image = page.locator("img[alt='scoreboard 1e3']")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 600


def test_what_an_asset_used_and_read_is_json_behind_a_link_and_no_page_of_text(page, ui):
    page.goto(f"{ui.address}/assets/trained/scoreboard?view=events")
    for name, holds in (("torchcell/uses", "class Score"), ("torchcell/inputs", "trained/elastic_net")):
        row = page.locator("tr", has_text=name).first
        assert holds not in row.inner_text()
        row.get_by_text("[Show JSON]").click()
        expect(page.get_by_role("dialog").get_by_text(holds).first).to_be_visible()
        page.get_by_role("button", name="Close").click()


def test_the_ui_starts_without_a_warning_of_another_configuration(ui):
    said = ui.log.read_text()
    assert f"http://127.0.0.1:{ui.address.rsplit(':', 1)[1]}" in said
    assert "dagster.yaml" not in said


def test_a_model_has_a_grid_of_sizes_and_representations(page, ui):
    page.goto(f"{ui.address}/assets/trained/elastic_net?view=partitions")
    for key in ("one_hot", "random_10", "1e3"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible()
    expect(page.get_by_text("Materialized (2)")).to_be_visible()


def test_one_cell_materialized_from_the_page_ends_green_and_moves_its_metadata(page, ui):
    cell = "random_10|1e3"
    before = ui.latest("trained/elastic_net", cell)
    page.goto(f"{ui.address}/assets/trained/elastic_net?view=partitions&partition={cell.replace('|', '%7C')}")
    expect(page.get_by_text("Materialized (2)")).to_be_visible()
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 partition")).to_be_visible()  # the dialog starts from the cell that the page shows
    launch = dialog.get_by_role("button", name="Launch 1 run")
    expect(launch).to_be_enabled()
    launch.click()
    end = time.monotonic() + 300
    while (now := ui.latest("trained/elastic_net", cell))["timestamp"] == before["timestamp"] or now["runOrError"][
        "status"
    ] != "SUCCESS":
        assert time.monotonic() < end, now
        time.sleep(0.5)
    assert now["runId"] != before["runId"]
    assert ui.latest("trained/elastic_net", "one_hot|1e3")["timestamp"] < now["timestamp"]


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


COLOURS = """element => {
  let behind = element;
  while (/rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
}"""


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, of `rgb(r, g, b)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_both_themes_are_applied_and_legible(page, ui, theme):
    page.emulate_media(color_scheme="dark" if theme == "Light" else "light")  # it is the setting that decides
    page.add_init_script(f"""localStorage.setItem('dagster-theme', '"{theme}"')""")
    page.goto(f"{ui.address}/assets/trained/scoreboard")
    text = page.get_by_text("One row is one score of one model").first
    expect(text).to_be_visible()
    ink, paper = map(luminance, text.evaluate(COLOURS))
    assert (paper > 0.8) if theme == "Light" else (paper < 0.05)
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7  # WCAG 2, AAA
