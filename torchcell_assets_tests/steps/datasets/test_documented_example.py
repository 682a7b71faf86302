"""The example of docs/add_a_dataset.md is taken from the page and run."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "add_a_dataset.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


def test_the_documented_dataset_parses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Callable[[str], None]
):
    monkeypatch.chdir(tmp_path)
    registry(blocks("toml")[0])
    [table] = blocks("csv")
    page: dict[str, object] = {}
    source, module, look = blocks("python")
    exec(source, page)
    path = tmp_path / "mirror" / page["DOE_2020"].name
    path.parent.mkdir(parents=True)
    path.write_text(table)
    assert page["DOE_2020"].sha256 == (hashlib.sha256(table.encode()).hexdigest(),)
    assert page["DOE_2020"].bytes == len(table)
    exec(module, page)
    exec(look, page)
    kept = page["kept"].sort("row")
    assert page["DATASET"].published_records == kept.height == 2
    assert page["parsed"].blank == 1
    assert len(page["failure"]) == 0
    assert kept["id"].to_list() == ["fitness_doe2020:1:fitness", "fitness_doe2020:3:fitness"]
    assert kept["genotype"].to_list() == ["YAL001C:deletion:delta:haploid", "YPL153C:deletion:delta:haploid"]
    assert kept.select("value", "uncertainty", "samples").rows() == [(0.71, 0.04, 8), (1.02, 0.03, 8)]
