"""What every raw file of a dataset or a representation says of itself, and that those in packages are the ones that are meant."""

import re
from itertools import chain
from pathlib import Path

import pytest
import yaml

from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.datasets import DATASETS, REFERENCE
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.raw_files import OF_THE_PAGE
from torchcell_assets.steps.representations.recipes import RECIPES

READ_BY = [
    *(dataset.raw_files for dataset in (*REFERENCE, *DATASETS)),
    *(recipe.files for recipe in RECIPES.values()),
    OF_THE_PAGE,
]
SOURCES = list(dict.fromkeys(source for files in READ_BY for source in files))
PACKAGED = [source for source in SOURCES if source.package]


def test_a_name_is_that_of_one_file():
    assert len({source.name for source in SOURCES}) == len(SOURCES) > len(PACKAGED) > 0


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_says_where_it_comes_from_and_what_to_cite(source: Source):
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in source.sha256)
    assert source.bytes is None or source.bytes > 0
    assert source.citation
    assert source.licence
    assert source.doi.startswith("10.")
    if source.package:
        assert source.url is None
        assert source.member
    elif source.landing:
        assert source.url is None
        assert "https://" in source.landing
    else:
        assert source.bytes
        assert source.url is not None
        assert re.search(r"/[0-9a-f]{40}/", source.url), "pinned to a commit"


@pytest.mark.parametrize("source", PACKAGED, ids=lambda source: source.name)
def test_a_file_inside_a_package_is_found_without_a_network(source: Source, tmp_path: Path):
    path = Sources(cache=tmp_path / "cache", offline=True).path(source)
    assert path.stat().st_size == source.bytes


def test_both_savings_of_the_costanzo_table_are_accepted():
    assert [digest[:8] for digest in COSTANZO_2016_SINGLES.sha256] == ["6836cf82", "3b9d3351"]


CITED = Path(__file__).parents[2] / "CITATION.cff"


def test_the_exported_citations_name_every_model_and_file_behind_a_representation():
    """GitHub makes BibTeX of them."""
    references = yaml.safe_load(CITED.read_text())["references"]
    dois = {one.get("doi") for one in references}
    assert len([one for one in references if "doi" in one]) == len(dois - {None}), "each once"
    behind = chain(
        OF_THE_PAGE, *(recipe.files for recipe in RECIPES.values()), (one.weights for one in MODELS.values())
    )
    for one in behind:
        if one.doi:
            assert one.doi in dois, one.citation
        else:
            name = one.citation.rsplit(", ", 1)[-1]
            assert any(name in reference["title"] for reference in references), one.citation
    for model in MODELS.values():
        [reference] = [one for one in references if one.get("doi", "") == model.weights.doi]
        licence = re.match(r"MIT|CC BY-NC(-SA)? 4\.0", model.weights.licence)
        assert licence is None or licence[0] in reference["title"]
