"""The table of docs/representations.md against the registry: every key, its dimension, what it reads, its licence and weights."""

import os
import re
from pathlib import Path

import pytest

from torchcell_assets.sources import Snapshot, Sources
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.recipes import RECIPES

PAGE = Path(__file__).parents[3] / "docs" / "representations.md"
READS = {
    "protein": "protein",
    "coding": "coding sequence",
    "about_gene": "5,979 bases about the gene",
    "five_prime": "1,003 bases up to the start codon",
    "three_prime": "300 bases from the stop codon on",
}


def cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip("|").split("|")]


def rows() -> dict[str, dict[str, str]]:
    """Key -> column -> cell, of the first table; a licence `as` another key is that key's."""
    first = re.search(r"^\| key .*?(?=\n\n)", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)[0].splitlines()
    found = [dict(zip(cells(first[0]), cells(line), strict=True)) for line in first[2:]]
    keys = [row.pop("key").strip("`") for row in found]
    assert len(keys) == len(set(keys))
    by_key = dict(zip(keys, found, strict=True))
    for row in found:
        if other := re.fullmatch(r"as `(\w+)`", row["licence"]):
            row["licence"] = by_key[other[1]]["licence"]
    return by_key


def size(of: int) -> str:
    return f"{of / 1e6:,.0f} MB" if of >= 1e6 else f"{of / 1e6:.1f} MB"


def test_the_table_has_a_row_for_every_key_and_no_other():
    assert rows().keys() == RECIPES.keys()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_row_says_what_the_recipe_is(recipe):
    row = rows()[recipe.key]
    if recipe.dimension is not None:
        assert row["dimension"] == str(recipe.dimension)
    model = MODELS.get(recipe.parameters.get("model"))
    read = {one.name: one for one in [*recipe.files, *([model.weights] if model else [])]}
    assert row["licence"] == ("; ".join(one.licence for one in read.values()) or "none needed")
    if model is None:
        assert row["weights"] == "none"
        return
    assert row["reads"] == READS[model.reads]
    pickle = isinstance(model.weights, Snapshot) and model.weights.pickles
    assert row["weights"] == size(model.weights.bytes) + (", a pickle" if pickle else "")
    if "without" in recipe.parameters:
        assert (
            f"nothing beside `{model.name}`" == row["cost"]
            and recipe.parameters["without"].lower() in row["what it is"]
        )


def test_the_dimensions_that_a_file_decides_are_those_of_the_published_one(raw_files, tmp_path):
    mirror = os.environ.get("TORCHCELL_MIRROR")
    sources = Sources(cache=tmp_path, mirror=Path(mirror) if mirror else None)
    genes = GENOME.read(sources.path).records.collect()
    open_ones = {recipe.key: recipe for recipe in RECIPES.values() if recipe.dimension is None}
    assert rows()[open_ones.pop("one_hot").key]["dimension"] == "one per gene"
    for key, recipe in open_ones.items():
        files = {source.name: sources.path(source) for source in recipe.files}
        assert rows()[key]["dimension"] == str(table.build(recipe, genes, files).dimension)
