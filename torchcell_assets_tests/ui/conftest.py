"""The UI as a user starts it, over a small real data root, and a headless Chromium.

The UI runs from a copy of the checkout, so that a test may edit the code as a person does, and over a copy of the data
root. The browser is Debian's (`apt-get install chromium`): the one that playwright would fetch is not needed.

TORCHCELL_SCREENSHOTS=docs makes the screenshots of the documentation again, into that folder.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect, sync_playwright

import torchcell_assets
from torchcell_assets_tests import main_job

PROJECT = Path(torchcell_assets.__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = 300  # seconds; on two idle cores it answers after 30
NAVIGATION = 240  # pixels at the left of every page
LATEST = """query($key: AssetKeyInput!, $partitions: [String!]) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetMaterializations(partitions: $partitions, limit: 1) {
    timestamp runId runOrError { ... on Run { status } } } } } }"""


@dataclass
class Ui:
    """A running UI: its address, its process, its data root, the checkout that it serves, and what it says."""

    address: str
    process: subprocess.Popen
    root: Path
    checkout: Path
    log: Path

    def latest(self, asset: str, partition: str | None = None) -> dict:
        """The last materialization of an asset or of one partition of it, as the UI's own server tells it."""
        found = self.materializations(asset, partition)
        return found[0]

    def materializations(self, asset: str, partition: str | None = None) -> list[dict]:
        """At most one: the last materialization of an asset or of one partition of it."""
        variables = {"key": {"path": asset.split("/")}, "partitions": [partition] if partition else None}
        return self.ask(LATEST, variables)["assetNodeOrError"]["assetMaterializations"]

    def ask(self, query: str, variables: dict) -> dict:
        """What the UI's own server answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("a browser is needed: install Chromium (Debian: apt-get install chromium)")
    assert found, "Chromium is needed: apt-get install chromium"
    return found


@pytest.fixture(scope="package")
def checkout(tmp_path_factory) -> Path:
    """A copy of the code that a test may edit."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        PROJECT / "torchcell_assets", folder / "torchcell_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("workspace.yaml", "dagster.yaml", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder)
    return folder


@pytest.fixture(scope="package")
def environment(tiny_made, checkout, tmp_path_factory) -> dict[str, str]:
    """The environment of the copied code over a copy of a data root for which the main job was run."""
    root = tmp_path_factory.mktemp("ui") / "data"
    shutil.copytree(tiny_made.root, root)
    copied = {"TORCHCELL_DATA": str(root), "DAGSTER_HOME": str(root / "dagster"), "PYTHONPATH": str(checkout)}
    found = {**main_job.environment(root), **copied}
    where = "import torchcell_assets; print(torchcell_assets.__file__)"
    served = subprocess.check_output([sys.executable, "-c", where], env=found, cwd=checkout, text=True)
    assert Path(served.strip()).is_relative_to(checkout)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(environment: dict[str, str], checkout: Path, log: Path, *options: str) -> Iterator[Ui]:
    """The UI as `torchcell-assets ui` serves it, for as long as the block runs."""
    port = free_port()
    command = [sys.executable, "-m", "torchcell_assets", "ui", "--port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=checkout, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
        started = Ui(f"http://127.0.0.1:{port}", process, Path(environment["TORCHCELL_DATA"]), checkout, log)
        try:
            _wait_until_it_answers(started, log)
            yield started
        finally:
            below = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
            _, alive = psutil.wait_procs(below, timeout=30)
            assert alive == [], "the UI left processes behind"


@pytest.fixture(scope="package")
def ui(environment, checkout, chromium, tmp_path_factory) -> Iterator[Ui]:
    with serving(environment, checkout, tmp_path_factory.mktemp("log") / "ui") as started:
        yield started


def _wait_until_it_answers(started: Ui, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert started.process.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(f"{started.address}/server_info", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the UI does not answer: {log.read_text()[-2000:]}")


@pytest.fixture(
    scope="module"
)  # its event loop runs as long as it is open, and other tests of the worker have their own
def browser(chromium):
    expect.set_options(timeout=60_000)  # five seconds are too few on a busy machine
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, ui) -> Iterator[Page]:
    """An empty page; no outside host may be asked through it. What its security policy blocks was not asked."""
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("requestfailed", lambda request: asked.remove(request.url) if request.failure == "csp" else None)
    yield opened
    context.close()
    assert asked
    assert [url for url in asked if url.startswith("http") and not url.startswith("http://127.0.0.1")] == []


@pytest.fixture(scope="session")
def screenshot() -> Callable[..., None]:
    """Saves what a page shows right of `left` and below `top`, for the documentation; does nothing unless asked."""
    folder = os.environ.get("TORCHCELL_SCREENSHOTS")

    def save(page: Page, name: str, left: int = NAVIGATION, top: int = 0) -> None:
        if folder:
            page.wait_for_load_state("networkidle")
            width, height = page.viewport_size["width"] - left, page.viewport_size["height"] - top
            clip = {"x": left, "y": top, "width": width, "height": height}
            page.screenshot(path=Path(folder) / f"{name}.png", clip=clip, animations="disabled")

    return save
