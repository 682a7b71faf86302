"""Dagster's folder in the data root, whose configuration follows the version that is installed."""

import dagster as dg
import pytest

from torchcell_assets.orchestration import dagster_home


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert dagster_home.prepare() is None
    return tmp_path / "dagster"


def version(text, monkeypatch, tmp_path):
    """Another version of this package is installed, which brings this configuration."""
    shipped = tmp_path / "of_another_version.yaml"
    shipped.write_text(text)
    monkeypatch.setattr(dagster_home, "shipped", lambda name: shipped)
    return shipped


def test_a_fresh_home_holds_the_configuration_and_dagster_reads_it(home):
    assert dagster_home.prepare() is None
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_settings("nux") == {"enabled": False}


def test_a_new_version_s_configuration_reaches_an_old_data_root(home, monkeypatch, tmp_path):
    for text in ("nux: {enabled: true}\n", "telemetry: {enabled: false}\n"):
        version(text, monkeypatch, tmp_path)
        assert dagster_home.prepare() is None
        assert (home / "dagster.yaml").read_text().endswith("\n" + text)


def test_a_configuration_from_before_there_were_marks_is_followed_too(home, monkeypatch, tmp_path):
    (home / "dagster.yaml").write_text(dagster_home.shipped("dagster.yaml").read_text())
    assert dagster_home.prepare() is None
    version("nux: {enabled: true}\n", monkeypatch, tmp_path)
    assert dagster_home.prepare() is None
    assert (home / "dagster.yaml").read_text().endswith("\nnux: {enabled: true}\n")


def test_what_a_person_has_edited_is_kept_and_told(home, monkeypatch, tmp_path):
    edited = (home / "dagster.yaml").read_text() + "# mine\n"
    (home / "dagster.yaml").write_text(edited)
    shipped = version("nux: {enabled: true}\n", monkeypatch, tmp_path)
    assert dagster_home.prepare() == (
        f"{home / 'dagster.yaml'} was edited and is kept; this version brings another one: {shipped}."
    )
    assert (home / "dagster.yaml").read_text() == edited


def test_a_home_of_a_persons_own_keeps_its_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("nux: {enabled: true}\n")
    assert dagster_home.prepare() is None
    assert (tmp_path / "dagster.yaml").read_text() == "nux: {enabled: true}\n"
    assert not dagster_home.is_ours(tmp_path)
