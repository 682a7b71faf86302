"""What the variables TORCHCELL_* may hold, and what is said of those that nothing reads."""

import os
from pathlib import Path

import pytest

from torchcell_assets import environment
from torchcell_assets.cli import preflight
from torchcell_assets.cli.console import console
from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.environment import EnvironmentRefused
from torchcell_assets.neo4j_local import jars


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(environment.PREFIX)]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("said", "on"),
    [
        ("on", True),
        ("true", True),
        ("TRUE", True),
        ("1", True),
        ("off", False),
        ("False", False),
        ("0", False),
        ("", False),
    ],
)
def test_automation_is_on_or_off(monkeypatch, said, on):
    monkeypatch.setenv("TORCHCELL_AUTOMATION", said)
    assert environment.automation() is on


def test_every_variable_that_cannot_be_used_is_named_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_AUTOMATION", "yes please")
    monkeypatch.setenv("TORCHCELL_GRAPH_PREVIOUS", "-1")
    monkeypatch.setenv("TORCHCELL_MIRROR", str(tmp_path / "nothing"))
    monkeypatch.setenv("TORCHCELL_DEEP_PYTHON", str(tmp_path))
    with pytest.raises(EnvironmentRefused) as refusal:
        environment.check()
    assert str(refusal.value).splitlines() == [
        f"TORCHCELL_MIRROR={tmp_path / 'nothing'} is no folder: make it, or unset TORCHCELL_MIRROR.",
        "TORCHCELL_AUTOMATION=yes please says neither on nor off: set it to on or to off.",
        "TORCHCELL_GRAPH_PREVIOUS=-1 is no number of stores: set it to 0 on a small disk, or to 1 or more.",
        f"TORCHCELL_DEEP_PYTHON={tmp_path} is no program: name the python of an environment with the extra `deep` "
        "(`make test-deep` makes .venv-deep/bin/python), or unset it.",
    ]


def test_a_variable_that_nothing_reads_is_told_with_the_nearest_one(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    monkeypatch.setenv("TORCHCELL_STUDY", "starter")
    with console.capture() as said:
        preflight.choose_study()
    assert said.get() == ""
    monkeypatch.setenv("TORCHCEL_DATA", "not ours")
    monkeypatch.setenv("TORCHCELL_MIROR", "/[somewhere]")
    with console.capture() as said:
        preflight.choose_study()
    assert said.get().strip() == (
        "There is no variable 'TORCHCELL_MIROR': did you mean TORCHCELL_MIRROR? Nothing reads it."
    )


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    (tmp_path / "raw files").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TORCHCELL_DATA", "~/my data")
    monkeypatch.setenv("TORCHCELL_MIRROR", "~/raw files")
    assert DataRoot().folder == tmp_path / "my data"
    assert RawFiles(root=DataRoot()).sources().mirror == tmp_path / "raw files"
    environment.settle()
    assert os.environ["TORCHCELL_DATA"] == str(tmp_path / "my data")


def test_a_tilde_of_a_user_without_home_is_one_sentence(monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", "~/data")
    monkeypatch.setattr(Path, "expanduser", lambda self: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(EnvironmentRefused, match=r"TORCHCELL_DATA=~/data begins with ~ and no home folder is known"):
        environment.check()


def test_a_child_in_another_folder_means_the_same_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    monkeypatch.setenv("TORCHCELL_DATA", "data")
    monkeypatch.setenv("TORCHCELL_MIRROR", "raw")
    environment.settle()
    monkeypatch.chdir("/")
    assert (environment.data_root(), environment.mirror()) == (tmp_path / "data", tmp_path / "raw")


def test_a_user_without_home_has_a_cache_in_the_data_root(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(uid):
        raise KeyError(f"uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert jars._cache() == tmp_path / "cache"
    with pytest.raises(EnvironmentRefused, match="no home folder is known"):
        monkeypatch.setenv("TORCHCELL_DATA", "~/data")
        environment.check()
