"""The examples of docs/add_a_representation.md are taken from the page and run."""

import re
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.sources import Sources
from torchcell_assets.steps import representations
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.representations import own_table, table

PAGE = Path(__file__).parents[3] / "docs" / "add_a_representation.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def genes(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    sources = Sources(cache=tmp_path_factory.mktemp("raw"), offline=True)
    return GENOME.read(sources.path).records.collect()


@pytest.fixture
def page(tmp_path: Path) -> dict[str, object]:
    """What the first recipe of the page defines, its table in a mirror folder."""
    found: dict[str, object] = {}
    exec(blocks("python")[0], found)
    [source] = found["OWN"].files
    path = tmp_path / "mirror" / source.name
    path.parent.mkdir(parents=True)
    path.write_text(blocks("csv")[0])
    sources = Sources(cache=tmp_path / "cache", mirror=tmp_path / "mirror", offline=True)
    return found | {"files": {source.name: sources.path(source)}}


def test_the_documented_table_becomes_a_representation(page, genes):
    embedding = table.build(page["OWN"], genes, page["files"])
    assert embedding.genes == ["YAL001C", "YAL002W"]
    assert embedding.vectors.tolist() == [[1160, pytest.approx(132.1)], [1274, pytest.approx(144.4)]]
    assert "YAL003W" in embedding.manifest["genes_missing"] and len(embedding.manifest["genes_missing"]) == 6598
    assert embedding.manifest["notes"] == {"columns": ["residues", "kilodalton"], "genes_unknown": ["YZZ999W"]}


def test_the_documented_family_becomes_a_representation(page, genes, tmp_path, monkeypatch):
    _, module, recipe, look = blocks("python")
    (tmp_path / "protein_size.py").write_text(module)
    monkeypatch.setattr(representations, "__path__", [*representations.__path__, str(tmp_path)])
    page["genes"] = genes
    exec(recipe, page)
    exec(look, page)
    embedding = page["embedding"]
    assert embedding.dimension == 2 and embedding.manifest["genes_missing"] == []
    of = dict(zip(embedding.genes, embedding.vectors.tolist(), strict=True))
    assert of["YAL001C"] == [1160, pytest.approx(132.1065, abs=1e-3)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gene,residues\nYAL001C,1\n", r"has no column 'kilodalton'; it has gene, residues\."),
        ("gene,residues,kilodalton\nYAL001C,1,2\nYAL001C,1,3\n", r"has the gene 'YAL001C' more than once"),
        (
            "gene,residues,kilodalton\nYAL001C,1,heavy\n",
            r"has 'heavy' in the column 'kilodalton' of YAL001C: write a number",
        ),
        ("gene,residues,kilodalton\nYAL001C,inf,2\n", r"has 'inf' in the column 'residues' of YAL001C: write a number"),
        ("gene,residues,kilodalton\nYAL001C,1,2,3\n", "cannot be read as a table"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_one_sentence(page, genes, tmp_path, text, told):
    path = tmp_path / "size.csv"
    path.write_text(text)
    with pytest.raises(own_table.OwnTableError, match=told):
        table.build(page["OWN"], genes, dict.fromkeys(page["files"], path))


def test_a_table_of_other_genes_is_refused(page, genes, tmp_path):
    path = tmp_path / "size.csv"
    path.write_text("gene,residues,kilodalton\nCDC28,298,34.1\n")
    with pytest.raises(own_table.OwnTableError, match=r"none of its genes .* systematic names"):
        table.build(page["OWN"], genes, dict.fromkeys(page["files"], path))
