import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from torchcell_assets.errors import TorchcellError
from torchcell_assets.notebook.tables import NotThere, open_table
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.recipes import RECIPES

GENES = pl.DataFrame({"gene": ["YAL001C", "YAL002W", "YAL003W", "YAL005C"]})


@pytest.mark.parametrize("key", ["one_hot", "random_10"])
def test_safetensors_give_back_what_was_written(tmp_path, key):
    embedding = table.build(RECIPES[key], GENES)
    table.write(tmp_path / "e.safetensors", embedding)
    back = table.read(tmp_path / "e.safetensors")
    assert (back.key, back.genes, back.manifest) == (embedding.key, embedding.genes, embedding.manifest)
    assert type(back.vectors) is type(embedding.vectors) and back.vectors.dtype == np.float32
    assert abs(back.vectors - embedding.vectors).max() == 0
    assert table.content_hash(back) == table.content_hash(embedding)
    assert [path.name for path in tmp_path.iterdir()] == ["e.safetensors"]


@pytest.mark.parametrize("keep", [0, 5, 200, -4])
def test_a_truncated_file_is_refused_with_one_sentence(tmp_path, keep):
    path = tmp_path / "e.safetensors"
    table.write(path, table.build(RECIPES["random_10"], GENES))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TorchcellError, match=r"^[^\n]+materialize it again\.$"):
        table.read(path)


@pytest.mark.parametrize("key", ["one_hot", "random_10"])
def test_a_representation_opens_as_genes_with_their_vectors(tmp_path, key):
    embedding = table.build(RECIPES[key], GENES)
    path = tmp_path / "representations" / "gene_embedding" / f"{key}.safetensors"
    path.parent.mkdir(parents=True)  # who makes the asset replaces files in a folder that is there
    table.write(path, embedding)
    opened = open_table(f"representations/gene_embedding/{key}", tmp_path)
    assert opened.schema == {"gene": pl.String, "vector": pl.Array(pl.Float32, embedding.dimension)}
    assert opened["gene"].to_list() == embedding.genes
    dense = embedding.vectors.toarray() if sp.issparse(embedding.vectors) else embedding.vectors
    assert np.array_equal(opened["vector"].to_numpy(), dense)


def test_what_is_stored_and_is_no_table_is_not_told_to_be_made(tmp_path):
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "pert_sum.skops").touch()
    with pytest.raises(NotThere, match=r"'trained/pert_sum' is a model and no table: `torchcell_assets\.predict\("):
        open_table("trained/pert_sum", tmp_path)
    with pytest.raises(NotThere, match=r"'graph/fitness_sga' is in the graph server .* in 'datasets/fitness_sga'"):
        open_table("graph/fitness_sga", tmp_path)
    with pytest.raises(NotThere, match="materialize that asset"):
        open_table("representations/gene_embedding/one_hot", tmp_path)


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros((2, 2))}, path)
    with pytest.raises(TorchcellError, match="no gene embedding of ours"):
        table.read(path)
    with pytest.raises(TorchcellError, match="There is no gene embedding"):
        table.read(tmp_path / "absent.safetensors")


def test_the_content_hash_sees_values_genes_and_order_but_not_the_form():
    embedding = table.build(RECIPES["one_hot"], GENES)

    def other(genes=embedding.genes, vectors=embedding.vectors):
        return table.content_hash(table.GeneEmbedding("x", list(genes), vectors, {}))

    same = table.content_hash(embedding)
    dense = embedding.vectors.toarray()
    assert other(vectors=dense) == same
    assert other(vectors=sp.csr_array(dense)) == same
    assert other(vectors=np.where(dense == 0, np.float32(-0.0), dense)) == same
    assert other(vectors=dense[::-1]) != same
    assert other(vectors=dense * np.float32(1 + 1e-6)) != same
    assert other(genes=embedding.genes[::-1]) != same


def test_the_content_hash_is_pinned():
    """A library upgrade is no change of data: this value may only change with the encoding itself."""
    vectors = np.array([[0.5, 0.0], [0.0, -2.0]], dtype=np.float32)
    assert table.content_hash(table.GeneEmbedding("x", ["YAL001C", "YAL002W"], vectors, {})) == "622df340d9a6c6d7"


def test_neighbours_are_the_genes_that_point_the_same_way():
    vectors = np.array([[1, 0], [2, 0.2], [0.5, 0.5], [-1, 0]], dtype=np.float32)
    for form in (vectors, sp.csr_array(vectors)):
        embedding = table.GeneEmbedding("x", GENES["gene"].to_list(), form, {})
        near = table.neighbours(embedding, "YAL001C")
        assert [gene for gene, _ in near] == ["YAL002W", "YAL003W"]
        assert near[1][1] == pytest.approx(np.sqrt(0.5))
    with pytest.raises(TorchcellError, match="does not describe 'CDC28'"):
        table.neighbours(embedding, "CDC28")


def test_one_hot_genes_have_no_neighbours():
    assert table.neighbours(table.build(RECIPES["one_hot"], GENES), "YAL002W") == []
