"""The product as it reaches a person: a checkout in a folder with a space, and the wheel in an empty environment.

Both install what the lock names, from the cache of uv where that has it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import torchcell_assets

PROJECT = Path(torchcell_assets.__file__).parents[1]
FILES = ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE", "dagster.yaml", "workspace.yaml")

pytestmark = pytest.mark.slow


def run(command: list, folder: Path, **variables: str) -> str:
    """What a command says that a person types in a folder; it has to end well."""
    ours = {"TORCHCELL_MIRROR", "TORCHCELL_DATA", "TORCHCELL_STUDY", "DAGSTER_HOME", "NEO4J_URI", "PYTHONPATH", "CI"}
    known = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env={**known, **variables}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the checkout in a folder with a space, set up by `make`."""
    folder = tmp_path_factory.mktemp("folder") / "my check out"
    shutil.copytree(
        PROJECT / "torchcell_assets", folder / "torchcell_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in FILES:
        shutil.copy(PROJECT / name, folder)
    run(["make", ".venv/.run", f"PYTHON={sys.executable}"], folder)
    return folder


@pytest.fixture(scope="module")
def installed(checkout) -> Path:
    """The bin folder of an empty environment in which the built wheel was installed."""
    uv, folder = checkout / ".venv" / "bin" / "uv", checkout.parent
    run([uv, "build", "-q", "--wheel", "--out-dir", folder / "dist", checkout], folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    run([uv, "venv", "-q", "--python", sys.executable, folder / "environment"], folder)
    install = [uv, "pip", "install", "-q", "--python", folder / "environment" / "bin" / "python"]
    run([*install, "--require-hashes", "-r", checkout / "requirements.lock"], folder)
    run([*install, "--no-deps", wheel], folder)
    return folder / "environment" / "bin"


def test_make_works_in_a_checkout_and_over_a_data_root_with_a_space_in_its_path(checkout):
    data = checkout.parent / "my data"
    said = run(["make", "status", "graph-down"], checkout, TORCHCELL_DATA=str(data), TORCHCELL_STUDY="starter")
    assert "assets and partitions are in sync." in said
    assert f"No Neo4j is running in {data / 'neo4j'}." in said
    assert (data / "study").read_text() == "starter\n"
    assert not (checkout / "data").exists()


def test_an_installed_wheel_is_typed_and_makes_the_study_starter_in_an_empty_folder(installed, tmp_path):
    python = installed / "python"
    where = "import torchcell_assets as tc; from pathlib import Path; print(Path(tc.__file__).parent)"
    package = Path(run([python, "-c", where], tmp_path).strip())
    assert package.is_relative_to(installed.parent)
    assert (package / "py.typed").is_file()
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    said = run([installed / "torchcell-assets", "run"], folder, TORCHCELL_STUDY="starter")
    assert "SIMULATED" in said or "Simulated" in said
    assert "Best by cross-validation, and every baseline" in said
    assert (folder / "data" / "trained" / "scoreboard.png").stat().st_size > 10_000
    assert pl.read_parquet(folder / "data" / "datasets" / "fitness_flux_balance.parquet").height > 500
    assert "Everything is in sync; nothing was made" in run([installed / "torchcell-assets", "run"], folder)
    status = run([installed / "torchcell-assets", "status"], folder)
    assert "merged/subset" in status and "trained/scoreboard" not in status
