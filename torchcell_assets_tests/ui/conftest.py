"""The UI as a user starts it, over a small real data root, and a headless Chromium.

The browser is Debian's (`apt-get install chromium`): the one that playwright would fetch is not needed.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = 120  # seconds


@dataclass
class Ui:
    address: str
    process: subprocess.Popen
    root: Path


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("a browser is needed: install Chromium (Debian: apt-get install chromium)")
    assert found, "Chromium is needed: apt-get install chromium"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def ui(tiny_root, chromium, tmp_path_factory) -> Iterator[Ui]:
    subprocess.run([sys.executable, "-m", "torchcell_assets", "run"], env=tiny_root, check=True, capture_output=True)
    port = free_port()
    log = tmp_path_factory.mktemp("ui") / "log"
    command = [sys.executable, "-m", "torchcell_assets", "ui", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=tiny_root, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        started = Ui(f"http://127.0.0.1:{port}", process, Path(tiny_root["TORCHCELL_DATA"]))
        try:
            _wait_until_it_answers(started, log)
            yield started
        finally:
            below = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
            _, alive = psutil.wait_procs(below, timeout=30)
            assert alive == [], "the UI left processes behind"


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


@pytest.fixture(scope="session")
def browser(chromium):
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, ui) -> Iterator[Page]:
    """An empty page that knows which outside hosts it was made to ask."""
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    outside: list[str] = []
    opened.on(
        "request",
        lambda request: (
            outside.append(request.url)
            if request.url.startswith("http") and not request.url.startswith("http://127.0.0.1")
            else None
        ),
    )
    yield opened
    context.close()
    assert outside == []
