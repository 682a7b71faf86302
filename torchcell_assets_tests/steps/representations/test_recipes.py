import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets.genome import translate
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.chromosome_pathway import CHROMOSOMES
from torchcell_assets.steps.representations.codon_frequency import CODONS
from torchcell_assets.steps.representations.recipes import BIOCHEMICAL_PATHWAYS, RECIPES

# ten lines of SGD's file, as published
PATHWAYS = """\
4-aminobutyrate degradation\t4-aminobutyrate aminotransferase\t2.6.1.19\tUGA1\tPMID:3888627
acetoin biosynthesis II\t\t\tPDC1\tPMID:16535224|PMID:2404950
acetoin biosynthesis II\t\t4.1.1.1\tPDC1\tPMID:16535224
acetoin biosynthesis II\t\t4.1.1.1\tPDC5\tPMID:16535224
aerobic respiration, electron transport chain\t\t1.10.2.2\t\t
glucose fermentation\tpyruvate decarboxylase\t4.1.1.1\tPDC1\tPMID:2404950
thiamine biosynthesis\t\t\tThi4\tPMID:16850348
nowhere\t\t\tABC99\t
"""


@pytest.fixture
def genes() -> pl.DataFrame:
    rows = [
        ("YGR019W", "UGA1", ["UGA1"], "VII", "ATGTCTATTTGTTAA"),
        ("YLR044C", "PDC1", [], "XII", "ATGTCTGAAATTTAA"),
        ("YLR134W", "PDC5", [], "XII", "ATGTCTGAAATAACATAG"),
        ("YGR144W", "THI4", ["ESP35", "MOL1"], "VII", "ATGTCTGCTACCTAA"),
        ("Q0045", "COX1", [], "mito", "ATGGTACAATAA"),
        ("YAL001C", None, [], "I", "ATGGTACTGTAG"),
    ]
    table = pl.DataFrame(rows, schema=["gene", "name", "aliases", "chromosome", "cds"], orient="row")
    proteins = [protein.removesuffix("*") for protein in translate(table["cds"].to_list())]
    return table.with_columns(protein=pl.Series(proteins), start=pl.int_range(pl.len()) + 1).with_columns(
        end=pl.col("start") + pl.col("cds").str.len_bytes() - 1
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "biochemical_pathways.tab"
    path.write_text(PATHWAYS)
    return {BIOCHEMICAL_PATHWAYS.name: path}


OF_FEW_GENES = [
    key for key, recipe in RECIPES.items() if key != "network_proximity" and "model" not in recipe.parameters
]
"""That one wants more genes than dimensions: see test_network_proximity.py; and language models a worker: test_vectors.py."""


@pytest.mark.parametrize("key", OF_FEW_GENES)
def test_every_recipe_describes_every_gene(key, genes, files, tmp_path):
    sources = Sources(cache=tmp_path / "cache", offline=True)
    files |= {source.name: sources.path(source) for source in RECIPES[key].files if source.package}
    embedding = table.build(RECIPES[key], genes, files)
    assert embedding.genes == genes["gene"].to_list()
    assert embedding.vectors.dtype == np.float32
    assert embedding.vectors.shape == (genes.height, embedding.dimension)
    assert embedding.manifest["genes_missing"] == []
    assert embedding.manifest["fingerprint"] == RECIPES[key].fingerprint
    assert table.content_hash(table.build(RECIPES[key], genes, files)) == table.content_hash(embedding)


def test_a_fingerprint_covers_everything_but_the_description():
    recipe = RECIPES["random_10"]
    assert replace(recipe, description="other words").fingerprint == recipe.fingerprint
    changes = [
        {"key": "x"},
        {"family": "x"},
        {"dimension": 11},
        {"parameters": {"a": 1}},
        {"logic": "2"},
        {"files": (BIOCHEMICAL_PATHWAYS,)},
        {"files": (replace(BIOCHEMICAL_PATHWAYS, sha256=("0" * 64,)),)},
    ]
    prints = {replace(recipe, **change).fingerprint for change in changes} | {recipe.fingerprint}
    assert len(prints) == 1 + len(changes)
    assert all(len(text) == 10 and int(text, 16) >= 0 for text in prints)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_is_described_in_json(recipe):
    assert json.loads(json.dumps(recipe.describe())) == recipe.describe()


def test_a_random_code_belongs_to_the_gene_whatever_the_gene_list(genes):
    recipe = RECIPES["random_100"]
    whole = table.build(recipe, genes)
    some = table.build(recipe, genes[[4, 1]])
    np.testing.assert_array_equal(some.vectors, whole.vectors[[4, 1]])


def test_random_codes_are_standard_normal_over_sqrt_dimension_and_unrelated():
    many = pl.DataFrame({"gene": [f"YAL{i:03d}W" for i in range(500)]})
    vectors = table.build(RECIPES["random_100"], many).vectors * 10
    assert abs(vectors.mean()) < 0.02 and abs(vectors.std() - 1) < 0.02
    assert abs(np.corrcoef(vectors[0], vectors[1])[0, 1]) < 0.4
    first = table.build(RECIPES["random_10"], many).vectors
    assert not np.allclose(first * np.sqrt(10), vectors[:, :10])  # no code is the beginning of another


def test_random_codes_do_not_depend_on_library_versions():
    digest = hashlib.shake_256(b"random_1:YAL001C").digest(4)
    uniform = (int.from_bytes(digest, "little") + 0.5) / 2**32
    value = table.build(RECIPES["random_1"], pl.DataFrame({"gene": ["YAL001C"]})).vectors[0, 0]
    from statistics import NormalDist

    assert value == pytest.approx(NormalDist().inv_cdf(uniform), abs=1e-5)


def test_codon_frequencies_sum_to_one_and_are_counted(genes):
    embedding = table.build(RECIPES["codon_frequency"], genes)
    np.testing.assert_allclose(embedding.vectors.sum(axis=1), 1.0, atol=1e-6)
    vector = dict(zip(CODONS, embedding.vectors[genes["gene"].to_list().index("YLR134W")], strict=True))
    assert {codon: value for codon, value in vector.items() if value} == pytest.approx(
        dict.fromkeys(["ATG", "TCT", "GAA", "ATA", "ACA", "TAG"], 1 / 6)
    )


@pytest.mark.parametrize("cds", [None, "", "ATGA", "ATGNNNTAA"])
def test_a_gene_without_a_usable_sequence_is_listed_not_zero(genes, cds):
    broken = genes.with_columns(cds=pl.when(pl.col("gene") == "Q0045").then(pl.lit(cds)).otherwise("cds"))
    embedding = table.build(RECIPES["codon_frequency"], broken)
    assert embedding.manifest["genes_missing"] == ["Q0045"]
    assert "Q0045" not in embedding.genes and len(embedding.genes) == genes.height - 1
    assert np.isfinite(embedding.vectors).all()


def test_chromosome_and_pathways_stand_side_by_side(genes, files):
    embedding = table.build(RECIPES["chromosome_pathway"], genes, files)
    rows = dict(zip(embedding.genes, embedding.vectors.toarray(), strict=True))
    pathways = ["4-aminobutyrate degradation", "acetoin biosynthesis II", "glucose fermentation", "nowhere"]
    assert embedding.dimension == len(CHROMOSOMES) + len(pathways) + 1  # and thiamine
    place = len(CHROMOSOMES)
    assert rows["YLR044C"].nonzero()[0].tolist() == [CHROMOSOMES.index("XII"), place + 1, place + 2]
    assert rows["YGR144W"].nonzero()[0].tolist() == [CHROMOSOMES.index("VII"), place + 4]  # Thi4, in protein style
    assert rows["YAL001C"].nonzero()[0].tolist() == [CHROMOSOMES.index("I")]
    assert embedding.manifest["notes"] == {"pathway_genes_unknown": ["ABC99"]}


def test_a_gene_on_an_unknown_chromosome_is_listed(genes, files):
    odd = genes.with_columns(
        chromosome=pl.when(pl.col("gene") == "YAL001C").then(pl.lit("2-micron")).otherwise("chromosome")
    )
    assert table.build(RECIPES["chromosome_pathway"], odd, files).manifest["genes_missing"] == ["YAL001C"]


def test_a_foreign_pathway_file_is_refused(genes, files):
    files[BIOCHEMICAL_PATHWAYS.name].write_text("gene\tpathway\nPDC1\tglycolysis\n")
    with pytest.raises(TorchcellError, match=r"has 2 columns, but SGD's biochemical pathways have 5"):
        table.build(RECIPES["chromosome_pathway"], genes, files)


def test_a_lacking_raw_file_is_named(genes):
    with pytest.raises(TorchcellError, match=BIOCHEMICAL_PATHWAYS.name):
        table.build(RECIPES["chromosome_pathway"], genes)
