"""The promise of docs/add_a_dataset.md: a publication with two new media, a drug and a reference of its own is a module, its
test, one line and some rows; and what is stored is in sync but for what depends on the new dataset.

Done in a checkout of its own, as a person would, and asked of the real code location there.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from torchcell_assets.staleness import State
from torchcell_assets_tests.mirror import Spec

PROJECT = Path(__file__).parents[1]
DATASETS = Path("torchcell_assets/steps/datasets")
TESTS = Path("torchcell_assets_tests")
MODULE = DATASETS / "publications" / "fitness_roe2021.py"
TEST = TESTS / "steps" / "datasets" / "publications" / "test_fitness_roe2021.py"
LIST = DATASETS / "publications" / "__init__.py"
WORDS = DATASETS / "registered.toml"
STUDY = Path("torchcell_assets/config/studies/screens.toml")
NAME = "fitness_roe2021"

TABLE = "orf,dmso,benomyl\nYAL001C,0.71,0.35\nYBR160W,0.92,0.90\nYPL153C,1.02,\n"
MODULE_TEXT = f'''"""Fitness of three deletion strains with and without benomyl of Roe et al. 2021 (made up for a test)."""

from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import is_blank, read_text
from torchcell_assets.steps.datasets.registered import Registered

ROE_2021 = Source(
    name="roe2021/table.csv",
    sha256=("{hashlib.sha256(TABLE.encode()).hexdigest()}",),
    bytes={len(TABLE)},
    url="https://raw.githubusercontent.com/roe/data/0123456789abcdef0123456789abcdef01234567/table.csv",
    licence="CC-BY-4.0",
    citation="Roe et al. 2021, Journal of Examples 2:1",
    doi="10.0000/roe",
)
NAME = "{NAME}"
_MEDIA = {{
    "dmso": ("YPD + 1 % DMSO", "YPD liquid with DMSO"),
    "benomyl": ("YPD + 50 µM benomyl in DMSO", "YPD liquid with benomyl"),
}}
_REGISTERED = Registered(
    media=tuple(_MEDIA.values()),
    references=("wild type, solvent control",),
    assays=("culture growth",),
    laboratories=("Roe, Example City",),
)


def parse(path: Path) -> Parsed:
    """One row per strain and medium."""
    table = read_text(path, ["orf", "dmso", "benomyl"], separator=",")
    cells = pl.concat(
        table.select(
            "row",
            strain="orf",
            perturbations=pl.concat_list(perturbation(pl.col("orf"), "deletion", marker="KanMX")),
            column=pl.lit(column),
            screen=pl.lit(f"{{NAME}}:{{column}}"),
            medium=pl.lit(medium),
            medium_class=pl.lit(medium_class),
            **_REGISTERED.columns,
            temperature=pl.lit(30.0),
            temperature_source=pl.lit("stated"),
            evidence=pl.lit("measured"),
            publication=pl.lit(ROE_2021.doi),
            value=column,
            uncertainty_type=pl.lit("none"),
            blank=is_blank(column),
        )
        for column, (medium, medium_class) in _MEDIA.items()
    )
    held = cells.filter(~pl.col("blank")).drop("blank")
    return Parsed(as_records(held, Fitness, NAME), blank=cells.height - held.height)


DATASET = Dataset(
    name=NAME,
    record=Fitness,
    sources=(ROE_2021,),
    parse=parse,
    description="One row is the fitness of one deletion strain with or without benomyl.",
    citation=ROE_2021.citation,
    publication=ROE_2021.doi,
    licence=ROE_2021.licence,
    registered=_REGISTERED,
    published_records=5,
)
DATASETS = (DATASET,)
'''
TEST_TEXT = """import os
from pathlib import Path

from torchcell_assets.schema import Fitness, validate
from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets.publications.fitness_roe2021 import DATASET


def test_fitness_is_that_of_the_table(tmp_path):
    parsed = DATASET.read(Sources(cache=tmp_path, mirror=Path(os.environ["ROE"]), offline=True).path)
    kept, failure = validate(Fitness, parsed.records.collect())
    assert (kept.height, parsed.blank, len(failure)) == (DATASET.published_records, 1, 0)
    assert set(kept.select("medium_class", "reference").rows()) == {
        ("YPD liquid with DMSO", "wild type, solvent control"),
        ("YPD liquid with benomyl", "wild type, solvent control"),
    }
"""
ROWS = """
[[media]]
medium = "YPD + 1 % DMSO"
medium_class = "YPD liquid with DMSO"
base = "YPD"
additives = [{ compound = "DMSO", dose = 1, unit = "% (v/v)" }]

[[media]]
medium = "YPD + 50 µM benomyl in DMSO"
medium_class = "YPD liquid with benomyl"
base = "YPD"
additives = [
    { compound = "DMSO", dose = 1, unit = "% (v/v)" },
    { compound = "benomyl", dose = 50, unit = "µM" },
]

[[references]]
reference = "wild type, solvent control"
ploidy = "haploid"

[[laboratories]]
laboratory = "Roe, Example City"
"""
LINE = "    fitness_flux_balance,\n"
DUMP = """
import json
from torchcell_assets_tests.mirror import deployed
print(json.dumps({key: [spec.parents, spec.uses, spec.code_version] for key, spec in deployed().items()}))
"""
DERIVED = ("test_lineage.py", "steps/test_raw_files.py", "staleness/test_uses_are_complete.py", "config/test_study.py",
           "staleness/test_code_of_assets.py")  # fmt: skip
"""Tests that go through all datasets."""


def git(checkout: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *who, *words], cwd=checkout, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The code before the new dataset is committed, and the dataset staged above it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("torchcell_assets", "torchcell_assets_tests"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml", "CITATION.cff"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(PROJECT / "docs", folder / "docs", ignore=shutil.ignore_patterns("*.png"))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "before")
    (folder / MODULE).write_text(MODULE_TEXT)
    (folder / TEST).write_text(TEST_TEXT)
    with (folder / WORDS).open("a") as words:
        words.write(ROWS)
    listed = (folder / LIST).read_text()
    assert listed.count(LINE) == 1
    (folder / LIST).write_text(listed.replace(LINE, f"{LINE}    fitness_roe2021,\n"))
    git(folder, "add", "-A")
    (folder / "mirror" / "roe2021").mkdir(parents=True)
    (folder / "mirror" / "roe2021" / "table.csv").write_text(TABLE)
    return folder


def run(checkout: Path, *words: str, **environment: str) -> str:
    place = {"PYTHONPATH": str(checkout), "ROE": str(checkout / "mirror"), "TORCHCELL_DATA": str(checkout / "data")}
    said = subprocess.run(
        [sys.executable, *words],
        cwd=checkout,
        env={**os.environ, **place, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-5000:] + said.stderr[-5000:]
    return said.stdout


def with_roe(checkout: Path) -> str:
    """The study `screens` with the new dataset."""
    text = (checkout / STUDY).read_text()
    assert text.count('    "fitness_sga",\n') == 1
    return text.replace('    "fitness_sga",\n', f'    "{NAME}",\n    "fitness_sga",\n')


@pytest.fixture(scope="module")
def said(checkout) -> dict[str, list]:
    """What the code location says of itself with the new dataset, in a study of a person's own."""
    study = checkout / "mine.toml"
    study.write_text(with_roe(checkout))
    return json.loads(run(checkout, "-c", DUMP, TORCHCELL_STUDY=str(study)).splitlines()[-1])


def test_it_takes_a_module_its_test_one_line_and_rows(checkout):
    lines = [line.split("\t") for line in git(checkout, "diff", "--cached", "--numstat").splitlines()]
    rows = ROWS.count("\n")
    assert {path: (int(added), int(removed)) for added, removed, path in lines} == {
        str(MODULE): (MODULE_TEXT.count("\n"), 0),
        str(TEST): (TEST_TEXT.count("\n"), 0),
        str(LIST): (1, 0),
        str(WORDS): (rows, 0),
    }


def test_the_module_parses_and_its_own_test_passes(checkout):
    assert "1 passed" in run(checkout, "-m", "pytest", str(TEST), "-n0", "-v")


def test_it_outdates_the_merged_table_and_nothing_else(mirror_in_sync, said, tmp_path):
    mirror = mirror_in_sync.copy(tmp_path)
    new = {f"datasets/{NAME}", f"graph/{NAME}"}
    assert said.keys() - mirror.specs.keys() == new
    specs = {}
    for key, (parents, uses, version) in said.items():
        like = mirror.specs.get(key) or replace(mirror.specs[key.replace(NAME, "fitness_sga")], key=key)
        specs[key] = replace(
            like, parents=tuple(parents), uses=uses, logic=version.rsplit("-", 1)[0], mappings=like.mappings
        )
        assert isinstance(specs[key], Spec) and specs[key].code_version == version
    mirror.deploy(specs)
    before = set(mirror_in_sync.standings(State.NEVER_MADE))
    assert mirror.outdated() == {("merged/fitness", None)}
    assert mirror.why("merged/fitness") == f"now depends on graph/{NAME}"
    assert set(mirror.standings(State.NEVER_MADE)) - before == {(key, None) for key in new}


def test_a_dataset_depends_on_its_own_rows_alone(said, mirror_in_sync):
    words = said[f"datasets/{NAME}"][1]["policy registered"]
    assert set(words) == {
        "medium YPD + 1 % DMSO, YPD liquid with DMSO",
        "medium YPD + 50 µM benomyl in DMSO, YPD liquid with benomyl",
        "reference wild type, solvent control",
        "assay culture growth",
        "laboratory Roe, Example City",
    }
    assert words["medium YPD + 50 µM benomyl in DMSO, YPD liquid with benomyl"]["additives"] == [
        {"compound": "DMSO", "dose": 1.0, "unit": "% (v/v)"},
        {"compound": "benomyl", "dose": 50.0, "unit": "µM"},
    ]
    for key, spec in mirror_in_sync.specs.items():
        assert spec.uses.get("policy registered") == said[key][1].get("policy registered")


@pytest.mark.slow
def test_no_other_test_has_to_be_touched_where_a_study_takes_it(checkout):
    """The tests that go through all datasets, with the new one in the default study."""
    (checkout / STUDY).write_text(with_roe(checkout))
    run(checkout, "-m", "pytest", *(str(TESTS / name) for name in DERIVED), "-n0", "-q")
