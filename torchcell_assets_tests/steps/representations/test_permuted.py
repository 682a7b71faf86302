import numpy as np
import scipy.sparse as sp

from torchcell_assets.steps.representations.permuted import has_control, permuted
from torchcell_assets.steps.representations.recipes import RANDOM, RECIPES
from torchcell_assets.steps.representations.table import GeneEmbedding

NAMES = [f"YAL{i:03d}W" for i in range(1, 201)]
VECTORS = np.arange(400, dtype=np.float32).reshape(200, 2)
DENSE = GeneEmbedding("codon_frequency", NAMES, VECTORS, {"fingerprint": "0"})


def test_every_gene_gets_the_vector_of_another_and_none_is_lost():
    found = permuted(DENSE, 1)
    assert found.genes == NAMES and found.key == DENSE.key
    assert not (found.vectors == VECTORS).any()
    assert sorted(found.vectors.tolist()) == VECTORS.tolist()
    shifts = (found.vectors[:, 0] - VECTORS[:, 0]) / 2
    assert len(set(shifts.tolist())) > 100  # no mere shift along the list: neighbours on a chromosome are alike


def test_the_permutation_is_that_of_seed_and_genes_alone():
    one = permuted(DENSE, 1).vectors
    assert np.array_equal(one, permuted(DENSE, 1).vectors)
    assert not np.array_equal(one, permuted(DENSE, 2).vectors)
    sparse = permuted(GeneEmbedding("x", NAMES, sp.csr_array(VECTORS), {}), 1)
    assert np.array_equal(sparse.vectors.toarray(), one)


def test_a_representation_has_a_control_if_it_says_more_than_which_gene_it_is():
    without = [key for key in RECIPES if not has_control(key)]
    assert without == ["one_hot", *(f"random_{dimension}" for dimension in RANDOM)]
    assert not has_control("nothing that we know")
