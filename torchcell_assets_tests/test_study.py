"""Which study a process serves, and what its data root remembers."""

import zipfile

import pytest

from torchcell_assets import choosing, study
from torchcell_assets.steps.datasets import DATASETS
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.terminal import console

BUNDLED = sorted(path.stem for path in study.STUDIES.glob("*.toml"))


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TORCHCELL_STUDY", raising=False)
    return tmp_path / "data"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_study_names_only_what_there_is(name):
    loaded = study.load(name)
    assert set(loaded.datasets) <= {dataset.name for dataset in DATASETS}
    assert set(loaded.representations) <= set(RECIPES)
    assert set(loaded.run_sizes) <= set(loaded.sizes)
    assert loaded.grid in GRIDS
    assert loaded.query.is_file()


def test_a_fresh_data_root_has_no_study_and_a_used_one_remembers_it():
    assert study.chosen() is None
    study.remember("starter")
    assert study.chosen() == "starter"


def test_the_environment_wins_over_memory_but_a_data_root_keeps_its_study(monkeypatch):
    study.remember("screens")
    monkeypatch.setenv("TORCHCELL_STUDY", "starter")
    assert study.chosen() == "starter"
    with pytest.raises(study.StudyError, match="belongs to the study 'screens', not 'starter': set TORCHCELL_DATA"):
        study.remember("starter")


def test_a_study_of_ones_own_is_remembered_by_its_path_and_finds_its_own_query(tmp_path, monkeypatch):
    mine = tmp_path / "mine.toml"
    mine.write_text((study.STUDIES / "screens.toml").read_text().replace('"fitness.cypher"', '"mine.cypher"'))
    monkeypatch.chdir(tmp_path)
    loaded = study.load("mine.toml")
    assert loaded.query == tmp_path / "mine.cypher"
    study.remember(loaded.place)
    monkeypatch.chdir("/")
    assert study.load(study.chosen()) == loaded


def test_an_unknown_or_broken_study_is_one_sentence(tmp_path):
    with pytest.raises(
        study.StudyError, match="There is no study 'nothing': set TORCHCELL_STUDY to one of published, screens, starter"
    ):
        study.load("nothing")
    broken = tmp_path / "broken.toml"
    broken.write_text('title = "x"')
    with pytest.raises(study.StudyError, match=r"cannot be read: .*; compare it with") as refusal:
        study.load(str(broken))
    assert "\n" not in str(refusal.value)


def test_a_study_names_every_file_that_a_person_has_to_download_and_makes_nothing(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr("torchcell_assets.sources.files._ask", lambda urls, timeout: dict.fromkeys(urls, ""))
    published = study.load("published")
    by_hand = [source for source in choosing.raw_files(published) if source.landing]
    with console.capture() as said, pytest.raises(study.StudyError, match="lacks 9 raw files, named above"):
        choosing.require_raw_files(published)
    lines = said.get().splitlines()
    assert len(lines) == 9
    for line, source in zip(lines, by_hand, strict=True):
        assert f"Download it from {source.landing}" in line
        assert f"put it at {data_root / 'raw' / source.name}" in line
        (tmp_path / "mirror" / source.name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / source.name).touch()
    choosing.require_raw_files(published)


def test_zips_as_they_were_downloaded_are_files_that_are_there(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_MIRROR", str(tmp_path / "mirror"))
    published = study.load("published")
    for source in choosing.raw_files(published):
        if source.landing:
            folder, name = source.name.split("/")
            (data_root / "raw" / folder).mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(data_root / "raw" / folder / "supplement.zip", "a") as archive:
                archive.writestr(f"Tables/{name}", b"")
    choosing.require_raw_files(published)


def test_a_stored_dataset_asks_for_no_raw_file(data_root):
    published = study.load("published")
    for name in published.datasets:
        (data_root / "datasets").mkdir(parents=True, exist_ok=True)
        (data_root / "datasets" / f"{name}.parquet").touch()
    assert not any(source.landing for source in choosing.raw_files(published, stored=False))
    choosing.require_raw_files(published)
