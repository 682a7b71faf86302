import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.trained.features import AGGREGATIONS, aggregate, incidence
from torchcell_assets.steps.trained.splits import fold_of
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding

NAMES = gene_names(12)
genotypes = st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4).map(sorted), min_size=1, max_size=8)


def directly(genotype, embedding, aggregation):
    """By the definition: go through the genes one by one."""
    which, how = aggregation.split("_")
    dense = embedding.vectors.toarray() if sp.issparse(embedding.vectors) else embedding.vectors
    rows = [
        vector.astype(np.float64)
        for gene, vector in zip(embedding.genes, dense, strict=True)
        if (gene in genotype) == (which == "pert")
    ]
    return np.append(np.sum(rows, axis=0) if how == "sum" else np.mean(rows, axis=0), len(genotype))


@settings(max_examples=40, deadline=None)
@given(
    genotypes=genotypes, dimension=st.integers(1, 5), seed=st.integers(0, 9), aggregation=st.sampled_from(AGGREGATIONS)
)
def test_one_product_gives_what_direct_summation_gives(genotypes, dimension, seed, aggregation):
    embedding = random_embedding(NAMES, dimension, seed)
    X = aggregate(incidence(genotypes, NAMES), embedding, aggregation)
    np.testing.assert_allclose(X, [directly(g, embedding, aggregation) for g in genotypes], rtol=1e-9, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(genotypes=genotypes, seed=st.integers(0, 9))
def test_intact_sum_is_the_total_minus_pert_sum(genotypes, seed):
    embedding = random_embedding(NAMES, 3, seed)
    lacking = incidence(genotypes, NAMES)
    intact, perturbed = (aggregate(lacking, embedding, a)[:, :-1] for a in ("intact_sum", "pert_sum"))
    total = embedding.vectors.astype(np.float64).sum(axis=0)
    np.testing.assert_allclose(intact, total - perturbed, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(genotypes=genotypes)
def test_sparse_features_differ_from_the_definition_by_what_no_gene_changes(genotypes):
    embedding, G = one_hot_embedding(NAMES), len(NAMES)
    for aggregation in AGGREGATIONS:
        X = aggregate(incidence(genotypes, NAMES), embedding, aggregation)
        assert sp.issparse(X)
        exact = np.array([directly(g, embedding, aggregation) for g in genotypes])
        k = exact[:, -1]
        left_out = {"intact_sum": np.ones_like(k), "intact_mean": 1 / (G - k)}.get(aggregation, np.zeros_like(k))
        np.testing.assert_allclose(X.toarray()[:, :-1] + left_out[:, None], exact[:, :-1], atol=1e-12)
        np.testing.assert_array_equal(X.toarray()[:, -1], k)


def test_a_gene_without_a_vector_counts_as_the_mean_gene_and_is_listed():
    embedding = random_embedding(NAMES, 4)
    lacking = incidence([[NAMES[0], "YZL999W"], [NAMES[1]]], NAMES)
    assert lacking.missing == ["YZL999W"] and lacking.genotypes_with_missing == 1
    X = aggregate(lacking, embedding, "pert_sum")
    vectors = embedding.vectors.astype(np.float64)
    np.testing.assert_allclose(X[0], np.append(vectors[0] + vectors.mean(axis=0), 2))
    np.testing.assert_allclose(X[1], np.append(vectors[1], 1))
    sparse = aggregate(lacking, one_hot_embedding(NAMES), "pert_sum")
    np.testing.assert_array_equal(sparse.toarray()[0], np.append(np.eye(len(NAMES))[0], 2))


def test_a_gene_named_twice_counts_once():
    assert incidence([[NAMES[0], NAMES[0]]], NAMES).matrix.sum() == 1


def test_what_makes_no_sense_is_refused():
    embedding = random_embedding(NAMES, 2)
    with pytest.raises(TorchcellError, match="no aggregation 'sum'"):
        aggregate(incidence([[NAMES[0]]], NAMES), embedding, "sum")
    with pytest.raises(TorchcellError, match="wild type"):
        aggregate(incidence([[]], NAMES), embedding, "pert_sum")
    with pytest.raises(TorchcellError, match="gene list"):
        aggregate(incidence([[NAMES[0]]], NAMES[::-1]), embedding, "pert_sum")


def test_folds_depend_on_the_gene_set_alone():
    genes = [f"{a}+{b}" for a in NAMES for b in NAMES if a < b]
    folds = fold_of(genes, 3, seed=1)
    np.testing.assert_array_equal(fold_of(genes[::-1], 3, seed=1), folds[::-1])
    assert np.bincount(folds).min() > len(genes) / 6
    assert (fold_of(genes, 3, seed=2) != folds).any()
