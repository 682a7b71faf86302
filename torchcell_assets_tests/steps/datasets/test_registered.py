"""The registered words: rows that do not say what they have to are refused, and a dataset names the rows that its records do."""

from pathlib import Path

import pytest

from torchcell_assets.steps.datasets import DATASETS
from torchcell_assets.steps.datasets.publications import fitness_flux_balance
from torchcell_assets.steps.datasets.registered import (
    FILE,
    TABLES,
    NotRegistered,
    Registered,
    RegistryError,
    registered,
    words,
)
from torchcell_assets.steps.datasets.registered import (
    read as read_rows,
)
from torchcell_assets_tests.steps.datasets.conftest import AT_HAND

GOOD = '[[media]]\nmedium = "YPD + x"\nmedium_class = "y"\nbase = "YPD"\n'
DRUG = 'additives = [{ compound = "x", dose = 1, unit = "mM" }]\n'


@pytest.fixture
def rows(tmp_path: Path):
    def rows(text: str):
        path = tmp_path / "registered.toml"
        path.write_text(text)
        return read_rows(path)

    return rows


def test_a_row_is_what_it_says(rows):
    assert rows(GOOD)["media"] == {("YPD + x", "y"): {"base": "YPD", "additives": []}}
    with_drug = rows(GOOD + DRUG)["media"]["YPD + x", "y"]
    assert with_drug["additives"] == [{"compound": "x", "dose": 1.0, "unit": "mM"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[medium]]\n", "There is no table 'medium': did you mean media?"),
        (GOOD + 'aditives = ""\n', "media: There is no column 'aditives': did you mean additives?"),
        (GOOD.replace('base = "YPD"\n', ""), "the row 'YPD + x, y' breaks base|nullability"),
        (GOOD + GOOD, "the row 'YPD + x, y' breaks primary_key"),
        (GOOD + DRUG.replace("1,", "0,"), "dose"),
        (GOOD + DRUG.replace("dose = 1, ", ""), "dose"),
        (GOOD + DRUG.replace("mM", "mm"), "unit"),
        ('[[references]]\nreference = "diploid"\nploidy = "haploid"\n', "the row 'diploid' breaks name_says_diploid"),
        ('[[references]]\nreference = "a"\nploidy = "triploid"\n', "ploidy"),
        ('[[assays]]\nassay = ""\n', "assay|min_length"),
    ],
)
def test_a_row_that_does_not_say_what_it_has_to_is_refused(rows, text, told):
    with pytest.raises(RegistryError) as refusal:
        rows(text)
    assert told in str(refusal.value) and "registered.toml" in str(refusal.value)


def test_every_dataset_names_registered_rows_and_one_that_is_none_is_refused_with_the_nearest():
    for dataset in DATASETS:
        assert dataset.registered.rows(dataset.name)
    with pytest.raises(
        NotRegistered, match="There is no laboratory 'Weissman, Chicago': did you mean Weissman, San Francisco"
    ):
        Registered(laboratories=("Weissman, Chicago",)).rows("fitness_x")


@pytest.mark.parametrize("dataset", AT_HAND, ids=lambda dataset: dataset.name)
def test_a_dataset_declares_the_rows_that_its_records_name_and_no_others(dataset, read, request):
    simulated = dataset is fitness_flux_balance.DATASET  # of few genes, which name the same rows as all
    kept = request.getfixturevalue("few_simulated") if simulated else read(dataset).kept
    for table, cls in TABLES.items():
        columns = [name for name in cls.primary_key() if name in kept.columns]
        named = set(kept.select(columns).drop_nulls().unique().iter_rows()) if columns else set()
        assert named == set(dataset.registered.keys(table)), table


def test_words_are_told_by_column_in_the_order_of_the_file():
    text = FILE.read_text()
    for column in ("medium_class", "assay", "reference"):
        found = words(column)
        places = [text.index(f'{column} = "{word}"') for word in found]
        assert places == sorted(places) and len(set(found)) == len(found)
    assert len(registered()["media"]) > len(words("medium_class"))
