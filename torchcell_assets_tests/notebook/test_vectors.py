"""Vectors and neighbours as a notebook asks for them: by any name, and what it is told where they are not there."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import torchcell_assets as tc
from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema import Gene
from torchcell_assets.steps.representations import known_partners, table
from torchcell_assets.steps.representations.known_partners import Known
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding

NAMES = gene_names(30)
VECTORS = np.random.default_rng(4).normal(size=(29, 6)).astype(np.float32)
VECTORS[7], VECTORS[8] = VECTORS[3] * 2 + 0.01, VECTORS[3] + 0.1


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Genes are called GENE0, GENE1 ... but for the ninth, which has no name; the last is not described."""
    monkeypatch.delenv("TORCHCELL_MIRROR", raising=False)
    (tmp_path / "datasets").mkdir()
    names = [None if at == 8 else f"GENE{at}" for at in range(len(NAMES))]
    columns = {"gene": NAMES, "name": names, "aliases": [[] for _ in NAMES]}
    types = {name: column.dtype for name, column in Gene.columns().items()}
    filled = {name: columns.get(name, [None] * len(NAMES)) for name in types}
    pl.DataFrame(filled, schema=types).write_parquet(tmp_path / "datasets" / "genome.parquet")
    made = table.GeneEmbedding("random_10", NAMES[:29], VECTORS, {"genes": 29, "genes_missing": NAMES[29:]})
    for one in (made, one_hot_embedding(NAMES)):
        with atomic_write(layout.embedding_file(tmp_path, one.key)) as temporary:
            table.write(temporary, one)
    return tmp_path


def test_an_embedding_is_genes_a_dense_matrix_and_how_it_was_made(root):
    found = tc.embedding("random_10", root)
    assert (found.key, found.genes, found.manifest["genes_missing"]) == ("random_10", NAMES[:29], NAMES[29:])
    np.testing.assert_array_equal(found.matrix, VECTORS)
    assert repr(found) == "<random_10: 29 genes x 6 dimensions>"
    sparse = tc.embedding("one_hot", root)
    np.testing.assert_array_equal(sparse.matrix, np.eye(30, dtype=np.float32))
    assert sparse.matrix.dtype == np.float32
    with pytest.raises(AttributeError):
        found.matrix = VECTORS


@pytest.mark.parametrize("name", ["gene3", "GENE3", NAMES[3]])
def test_neighbours_are_found_by_any_name_nearest_first(root, name):
    found = tc.neighbours(name, "random_10", root=root)
    cosines = VECTORS @ VECTORS[3] / np.linalg.norm(VECTORS, axis=1) / np.linalg.norm(VECTORS[3])
    order = [at for at in np.argsort(-cosines) if at != 3 and cosines[at] > 0][:10]
    assert found["gene"].to_list() == [NAMES[at] for at in order]
    assert found["cosine"].to_list() == pytest.approx(cosines[order].tolist(), abs=1e-6)
    assert found.filter(pl.col("gene") == NAMES[8])["name"].to_list() == [None]
    assert found["name"][0] == "GENE7"
    assert tc.neighbours(name, "random_10", n=2, root=root).equals(found.head(2))


def test_whether_neighbours_are_partners_is_said_where_it_is_known_and_nothing_is_downloaded(root, monkeypatch):
    monkeypatch.setattr("torchcell_assets.sources.Sources._download", lambda *args: pytest.fail("it asks the network"))
    unknown = tc.neighbours("GENE3", "random_10", root=root)
    assert unknown.columns == ["gene", "name", "cosine", "complex_partner", "ohnolog"]
    assert unknown["complex_partner"].null_count() == unknown["ohnolog"].null_count() == unknown.height
    pairs = pl.DataFrame({"gene": [NAMES[3], NAMES[8]], "partner": [NAMES[8], NAMES[3]]})
    monkeypatch.setattr(known_partners, "known", lambda sources: Known({"ohnolog": pairs}, None, []))
    known = tc.neighbours("GENE3", "random_10", root=root)
    assert known.filter("ohnolog")["gene"].to_list() == [NAMES[8]]
    assert known["ohnolog"].null_count() == 0 and known["complex_partner"].null_count() == known.height


def test_one_hot_genes_have_no_neighbours(root):
    assert tc.neighbours("GENE3", "one_hot", root=root).is_empty()


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (
            lambda root: tc.embedding("unirep_65", root),
            r"There is no representation 'unirep_65': did you mean unirep_64\?",
        ),
        (lambda root: tc.neighbours("GENE3", "radnom_10", root=root), r"did you mean random_10\?"),
        (
            lambda root: tc.embedding("esm2_650M", root),
            r"'esm2_650M' is not in .* yet: `make embed KEY=esm2_650M`, or materialize that partition of "
            r"representations/gene_embedding\. It holds one_hot, random_10\.",
        ),
        (lambda root: tc.neighbours("GENE29", "random_10", root=root), rf"does not describe GENE29 \({NAMES[29]}\)"),
        (lambda root: tc.neighbours(NAMES[29], "random_10", root=root), rf"does not describe {NAMES[29]}: "),
        (lambda root: tc.neighbours("GENE33", "random_10", root=root), r"No gene is called 'GENE33'"),
        (lambda root: tc.neighbours("GENE3", "random_10", 0, root), r"0 neighbours cannot be told"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(root, ask, why):
    with pytest.raises(TorchcellError, match=why):
        ask(root)
