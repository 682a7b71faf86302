"""The facts in the catalogue are well formed, and the files that ship in packages are the ones that it names."""

import re
from pathlib import Path

import pytest

from torchcell_assets.sources import CATALOG, Source, Sources

PACKAGED = [source for source in CATALOG.values() if source.package]


@pytest.mark.parametrize("source", CATALOG.values(), ids=CATALOG)
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
    singles = CATALOG["costanzo2016/strain_ids_and_single_mutant_fitness.xlsx"]
    assert [digest[:8] for digest in singles.sha256] == ["6836cf82", "3b9d3351"]
