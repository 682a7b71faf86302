import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.trained.features import AGGREGATIONS, aggregate, genes_of, incidence
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


def test_columns_are_the_genes_asked_for_and_then_the_others_in_the_order_of_their_names():
    lacking = incidence([["YB", "YZ", "YY", "YX", "YW"], ["YA"], ["YV", "YA"]], ["YB", "YA"])
    assert lacking.missing == ["YV", "YW", "YX", "YY", "YZ"] and lacking.genes == ["YB", "YA", *lacking.missing]
    np.testing.assert_array_equal(
        lacking.matrix.toarray(), [[1, 0, 0, 1, 1, 1, 1], [0, 1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0]]
    )
    assert lacking.genotypes_with_missing == 2
    assert lacking.matrix.dtype == np.float64


def test_genes_of_a_row_are_summed_in_the_order_of_their_names_in_every_process():
    row = incidence([NAMES[::-1]], NAMES).matrix
    np.testing.assert_array_equal(row.indices, np.arange(len(NAMES)))


def test_the_genes_of_a_table_are_taken_apart():
    assert genes_of(["YAL001C+YBL007C", "Q0045"]) == [["YAL001C", "YBL007C"], ["Q0045"]]


def test_sparse_features_have_the_indices_that_scikit_learn_accepts():
    X = aggregate(incidence([NAMES[:2]], NAMES), one_hot_embedding(NAMES), "intact_mean")
    assert (X.format, X.dtype, X.indices.dtype, X.indptr.dtype) == ("csr", np.float64, np.int32, np.int32)


def test_a_gene_named_twice_counts_once():
    assert incidence([[NAMES[0], NAMES[0]]], NAMES).matrix.sum() == 1


def test_what_makes_no_sense_is_refused():
    embedding = random_embedding(NAMES, 2)
    with pytest.raises(TorchcellError) as refused:
        aggregate(incidence([[NAMES[0]]], NAMES), embedding, "sum")
    assert str(refused.value) == (
        "There is no aggregation 'sum': use one of pert_sum, pert_mean, intact_sum, intact_mean."
    )
    with pytest.raises(
        TorchcellError, match=r"^A genotype without a deleted gene has no features: leave the wild type out\.$"
    ):
        aggregate(incidence([[NAMES[0]], []], NAMES), embedding, "pert_sum")
    with pytest.raises(
        TorchcellError, match=r"^The genotypes were not laid out over the genes of 'random_2': use its gene list\.$"
    ):
        aggregate(incidence([[NAMES[0]]], NAMES[::-1]), embedding, "pert_sum")


def test_folds_depend_on_the_gene_set_alone():
    genes = [f"{a}+{b}" for a in NAMES for b in NAMES if a < b]
    folds = fold_of(genes, 3, seed=1)
    np.testing.assert_array_equal(fold_of(genes[::-1], 3, seed=1), folds[::-1])
    assert np.bincount(folds).min() > len(genes) / 6
    assert (fold_of(genes, 3, seed=2) != folds).any()


def test_folds_are_the_same_on_every_machine():
    folds = fold_of(["YAL001C", "YAL001C+YBL007C", "Q0045", "YBR160W"], 1000, seed=1)
    assert (folds.tolist(), folds.dtype) == ([823, 42, 689, 187], np.int64)
