"""Which study a process serves, and what its data root remembers."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from torchcell_assets.cli import preflight
from torchcell_assets.cli.console import console
from torchcell_assets.config import study, study_fields
from torchcell_assets.steps.vocabulary import KNOWN

BUNDLED = sorted(path.stem for path in study.STUDIES.glob("*.toml"))


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    (tmp_path / "mirror").mkdir()
    monkeypatch.delenv("TORCHCELL_STUDY", raising=False)
    return tmp_path / "data"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_study_names_only_what_there_is(name):
    loaded = study.load(name, KNOWN)
    assert (loaded.name, loaded.place) == (name, name)
    assert loaded.query.parent == study_fields.QUERIES


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


def at(dataset):
    """Which of the datasets of `screens` it is, as a message counts them."""
    return study.load("screens").datasets.index(dataset) + 1


def written(folder, *edits, name="mine.toml"):
    """The study `screens` after some edits of its text."""
    text = (study.STUDIES / "screens.toml").read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    path = folder / name
    path.write_text(text)
    return path


def refused(path):
    with pytest.raises(study.StudyError) as refusal:
        study.load(str(path), KNOWN)
    return str(refusal.value)


def test_a_study_of_ones_own_is_remembered_by_its_path_and_finds_its_own_query(tmp_path, monkeypatch):
    written(tmp_path, ('"fitness.cypher"', '"mine.cypher"'))
    (tmp_path / "mine.cypher").touch()
    monkeypatch.chdir(tmp_path)
    loaded = study.load("mine.toml", KNOWN)
    assert loaded.query == tmp_path / "mine.cypher"
    study.remember(loaded.place)
    monkeypatch.chdir("/")
    assert study.load(study.chosen()) == loaded
    monkeypatch.setenv("HOME", str(tmp_path))
    assert study.load("~/mine.toml") == loaded


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"fitness_costanzo2016"', '"fitness_costanzo_2016"',
         f"datasets[{at('fitness_costanzo2016')}]: There is no dataset 'fitness_costanzo_2016': "
         "did you mean fitness_costanzo2016?"),
        ('"fitness_sga"', '"Fitness_SGA"',
         f"datasets[{at('fitness_sga')}]: There is no dataset 'Fitness_SGA': did you mean fitness_sga?"),
        ('"one_hot"', '"one_hott"', "representations[1]: There is no representation 'one_hott': did you mean one_hot?"),
        ('run_sizes = ["1e3"]', 'run_sizes = ["1e5000"]',
         """run_sizes[1]: There is no size '1e5000': write "1e3", "1.5e4" ... or "all\""""),
        ('run_sizes = ["1e3"]', 'run_sizes = ["1e6"]', "run_sizes: 1e6 is none of the sizes: 1e3, 1e4, 1e5, all"),
        ('run_sizes = ["1e3"]', 'run_sizes = ["1e3"]\nrun_representations = ["random_64"]',
         "run_representations: random_64 is none of the representations: one_hot, codon_frequency, chromosome_pathway, "
         "random_1, random_10, random_100, random_1000"),
        ('run_sizes = ["1e3"]', 'run_sizes = "1e3"', 'run_sizes: write a list, ["1e3"]'),
        ('run_sizes = ["1e3"]', "run_sizes = []", "run_sizes: the list is empty"),
        ('sizes = ["1e3", "1e4", "1e5", "all"]', 'sizes = [1000, "1e3"]', 'sizes[1]: write "1e3" for 1000'),
        ('sizes = ["1e3", "1e4", "1e5", "all"]', 'sizes = ["1e3", "15000"]', """sizes[2]: write "1.5e4" for '15000'"""),
        ('sizes = ["1e3", "1e4", "1e5", "all"]', 'sizes = ["1e3", "1k"]',
         """sizes[2]: There is no size '1k': write "1e3", "1.5e4" ... or "all\""""),
        ('sizes = ["1e3", "1e4", "1e5", "all"]', 'sizes = ["1e3", "1e3"]', "sizes: 1e3 stands there twice"),
        ('grid = "quick"', 'grid = "quik"', "grid: There is no grid 'quik': did you mean quick?"),
        ('grid = "quick"', "", "grid: the key is missing"),
        ('grid = "quick"', 'grids = "quick"\ngrid = "quick"', "grids: There is no key 'grids': did you mean grid?"),
        ('grid = "quick"', 'place = "here"\ngrid = "quick"', "place: the place of the file says that"),
        ("seed = 1", 'seed = "one"', "seed: 'one' cannot be taken (input should be a valid integer)"),
        ('merge_key = "genotype"', 'merge_key = "alleles"',
         "merge_key: There is no merge key 'alleles': it can be genotype, paper"),
        ('medium_class = "SGA plate"', 'medium_class = "SGA plates"',
         "condition.medium_class: There is no medium class 'SGA plates': did you mean SGA plate?"),
        ('reference = "wild type"', 'reference = "wildtype"',
         "condition.reference: There is no reference 'wildtype': did you mean wild type?"),
        ('evidence = ["measured", "derived"]', 'evidence = ["measurd"]',
         "condition.evidence[1]: There is no evidence 'measurd': did you mean measured?"),
        ("temperature = 26.0", "temprature = 26.0\ntemperature = 26.0",
         "condition.temprature: There is no key 'temprature': did you mean temperature?"),
        ("temperature = 26.0", "temperature = 299.15",
         "condition.temperature: 299.15 cannot be taken (input should be less than or equal to 60)"),
        ('title = "Measured fitness of single, double and triple deletion mutants"', "title = 3",
         'title: write "3", with quotes'),
    ],
)  # fmt: skip
def test_one_mistake_in_a_study_is_one_sentence_with_file_key_and_the_nearest_right_word(tmp_path, before, after, said):
    path = written(tmp_path, (before, after))
    assert refused(path) == f"The study {path} cannot be used: {said}"


def test_a_query_that_is_not_there_says_where_it_would_be(tmp_path):
    path = written(tmp_path, ('"fitness.cypher"', '"fitnes.cypher"'))
    assert refused(path) == (
        f"The study {path} cannot be used: query: There is no query 'fitnes.cypher': did you mean fitness.cypher; "
        f"a query of your own would be {tmp_path / 'fitnes.cypher'}"
    )


def test_all_mistakes_of_a_study_are_told_at_once_and_each_once(tmp_path):
    path = written(
        tmp_path, ('"fitness_sga"', '"fitness_sag"'), ('"one_hot"', '"one_hott"'), ("run_sizes", "run_size"),
        ('"1e5"', '"1e5000"'), ('"quick"', '"quik"'), ("seed = 1", "seed = 1.5"), ('"derived"', '"dervied"'),
    )  # fmt: skip
    said = refused(path).splitlines()
    assert said[0] == f"The study {path} cannot be used:"
    assert [line.split(":")[0].strip() for line in said[1:]] == [
        f"datasets[{at('fitness_sga')}]", "sizes[3]", "representations[1]", "run_sizes", "grid",
        "seed", "condition.evidence[2]", "run_size",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "start", ["from torchcell_assets.definitions import defs", "main(['status'])", "main(['run'])"]
)
def test_every_way_of_starting_refuses_a_study_before_anything_is_made(tmp_path, start):
    path = written(tmp_path, ('"fitness_sga"', '"fitness_sag"'), ('"random_10"', '"random_11"'))
    setting = {"TORCHCELL_STUDY": str(path), "TORCHCELL_DATA": str(tmp_path / "data"), "DAGSTER_HOME": ""}
    code = (
        start
        if start.startswith("from")
        else f"import sys; from torchcell_assets.__main__ import main; sys.exit({start})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **setting}, cwd=Path(study.__file__).parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "did you mean fitness_sga?" in done.stderr
    assert "did you mean random_1?" in done.stderr
    assert ("Traceback" in done.stderr) == start.startswith("from")  # Dagster shows it on its page
    assert not (tmp_path / "data").exists()


def test_a_study_is_frozen():
    loaded = study.load("starter")
    for edit in (lambda: setattr(loaded, "seed", 2), lambda: setattr(loaded.condition, "temperature", 1.0)):
        with pytest.raises(ValidationError, match="frozen"):
            edit()


def test_an_unknown_study_names_the_nearest_one(tmp_path):
    with pytest.raises(study.StudyError, match="There is no study 'screen': did you mean screens"):
        study.load("screen")
    with pytest.raises(
        study.StudyError, match="it can be language_models, published, screens, starter; set TORCHCELL_STUDY to"
    ):
        study.load("nothing")
    with pytest.raises(study.StudyError, match=r"There is no study file /nothing\.toml: set TORCHCELL_STUDY"):
        study.load("/nothing.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('title = "x"'.encode("utf-16"), "is not written in UTF-8: save it again with that encoding."),
        (b"title = x", "is no TOML: Invalid value (at line 1, column 9); compare it with"),
    ],
)
def test_a_file_that_is_no_toml_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    assert f"The study {path} {said}" in refused(path)
    assert "\n" not in refused(path)


def test_the_mark_with_which_an_editor_begins_a_file_is_no_mistake(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().decode().encode("utf-8-sig"))
    assert study.load(str(path), KNOWN).datasets == study.load("screens").datasets


def test_a_study_file_that_was_moved_is_followed_once_its_new_place_is_named(tmp_path, monkeypatch):
    old = written(tmp_path)
    study.remember(study.load(str(old)).place)
    new = tmp_path / "elsewhere" / "mine.toml"
    new.parent.mkdir()
    with pytest.raises(study.StudyError, match="set TORCHCELL_DATA to another folder"):
        study.remember(str(new))  # the old one is there: this is another study
    old.rename(new)
    with pytest.raises(study.StudyError) as refusal:
        study.chosen()
    assert f"{old}, is gone: put it back, or name its new place once (TORCHCELL_STUDY=.../mine.toml)." in str(
        refusal.value
    )
    monkeypatch.setenv("TORCHCELL_STUDY", str(new))
    study.remember(study.load(study.chosen()).place)
    monkeypatch.delenv("TORCHCELL_STUDY")
    assert study.chosen() == str(new)


def test_a_study_file_under_a_new_name_says_where_to_write_that(data_root, tmp_path):
    study.remember(str(tmp_path / "old.toml"))
    with pytest.raises(study.StudyError, match="belongs to the study") as refusal:
        study.remember(str(tmp_path / "new.toml"))
    assert f"write {tmp_path / 'new.toml'} into {data_root / 'study'}." in str(refusal.value)


def test_a_study_names_every_file_that_a_person_has_to_download_and_makes_nothing(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr("torchcell_assets.sources.files.ask", lambda urls, timeout: dict.fromkeys(urls, ""))
    published = study.load("published")
    by_hand = [source for source in preflight.raw_files(published) if source.landing]
    with console.capture() as said, pytest.raises(study.StudyError, match="lacks 9 raw files, named above"):
        preflight.require_raw_files(published)
    sentence, _, _, *rows, _ = said.get().splitlines()
    assert sentence.startswith(
        "The study 'published' needs 9 raw files that cannot be had (a person has to download them):"
    )
    assert [re.split(r"\s{2,}", row) for row in rows] == [
        [source.name, source.landing, str(data_root / "raw" / source.name)] for source in by_hand
    ]
    for source in by_hand:
        (tmp_path / "mirror" / source.name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / source.name).touch()
    preflight.require_raw_files(published)


def test_a_first_run_without_network_is_one_sentence_one_table_and_what_runs_instead(data_root, monkeypatch):
    monkeypatch.delenv("TORCHCELL_MIRROR", raising=False)
    nowhere = {"answer": "cannot be reached (no network)"}
    monkeypatch.setattr(
        "torchcell_assets.sources.files.ask", lambda urls, timeout: {url: f"{url} {nowhere['answer']}" for url in urls}
    )
    wanted = [source for source in preflight.raw_files(study.load("screens")) if source.url]
    with console.capture() as said:
        preflight.choose_study()
    sentence, _, head, *rows, _, instead = said.get().splitlines()
    assert sentence == (
        f"The study 'screens' needs {len(wanted)} raw files that cannot be had (raw.githubusercontent.com cannot be reached "
        "(no network)): download each and put it where the table says, or in a folder that TORCHCELL_MIRROR names, under "
        "whatever name; a zip may stay as it is."
    )
    assert head.split() == ["file", "from", "to"]
    assert [row.split() for row in rows] == [
        [source.name, source.url, str(data_root / "raw" / source.name)] for source in wanted
    ]
    assert instead.startswith("Now runs the study 'starter', SIMULATED growth; once the files are there")
    assert study.chosen() == "starter"


def test_zips_as_they_were_downloaded_are_files_that_are_there(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHCELL_MIRROR", str(tmp_path / "mirror"))
    published = study.load("published")
    for source in preflight.raw_files(published):
        if source.landing:
            folder, name = source.name.split("/")
            (data_root / "raw" / folder).mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(data_root / "raw" / folder / "supplement.zip", "a") as archive:
                archive.writestr(f"Tables/{name}", b"")
    preflight.require_raw_files(published)


def test_a_stored_dataset_asks_for_no_raw_file(data_root):
    published = study.load("published")
    for name in published.datasets:
        (data_root / "datasets").mkdir(parents=True, exist_ok=True)
        (data_root / "datasets" / f"{name}.parquet").touch()
    assert not any(source.landing for source in preflight.raw_files(published, stored=False))
    preflight.require_raw_files(published)
