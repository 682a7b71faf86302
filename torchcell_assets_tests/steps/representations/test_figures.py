"""The map of a representation: where a gene stands, and which colour it has."""

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from torchcell_assets.steps.representations import figures

GENES = [f"YAL{at:03}C" for at in range(60)]


def numbers(dimension: int = 5) -> np.ndarray:
    scale = np.arange(dimension, 0, -1)
    return (np.random.default_rng(3).normal(size=(60, dimension)) * scale + 2).astype(np.float32)


def test_the_axes_are_those_of_a_decomposition_by_numpy_each_with_its_largest_entry_positive():
    vectors = numbers()
    points, explained = figures.place(vectors)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    np.testing.assert_allclose(points, centred @ axes.T, atol=1e-3)
    np.testing.assert_allclose(explained, (lengths**2 / (lengths**2).sum())[:2], rtol=1e-4)


def test_a_map_is_the_same_each_time_and_of_sparse_numbers_and_changes_none():
    vectors = numbers(30)
    before = vectors.copy()
    sparse = sp.csr_array(vectors)
    first, _ = figures.place(vectors)
    np.testing.assert_array_equal(first, figures.place(vectors)[0])
    np.testing.assert_allclose(figures.place(sparse)[0], first, atol=0.02)  # of some tens
    np.testing.assert_array_equal(vectors, before)
    np.testing.assert_array_equal(sparse.toarray(), before)


@pytest.mark.parametrize("of", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("shape", [(60, 1), (2, 5), (3, 2), (1, 4)])
def test_few_dimensions_and_few_genes_have_a_map_too(of, shape):
    points, explained = figures.place(of(numbers(shape[1])[: shape[0]]))
    assert points.shape == (shape[0], 2) and explained.shape == (2,) and np.isfinite(points).all()


def test_each_gene_has_the_colour_of_its_compartment_and_the_known_ones_a_name():
    compartments = pl.DataFrame({"gene": GENES[:30], "compartment": ["nucleus"] * 20 + ["ribosome"] * 10})
    figure = figures.gene_map(GENES, numbers(), compartments, {GENES[4]: "CDC28", "YXX": "none"}, "a key")
    [axes] = figure.axes
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == ["other or not known (30)", "nucleus (20)", "ribosome (10)"]
    points = figures.place(numbers())[0]
    np.testing.assert_allclose(axes.collections[2].get_offsets(), points[20:30], atol=1e-6)
    assert [text.get_text() for text in axes.texts] == ["CDC28"]
    assert axes.get_title() == "a key, 60 genes"


def test_without_compartments_all_genes_are_drawn_in_one_colour():
    [axes] = figures.gene_map(GENES, numbers(), None, {}, "a key").axes
    assert axes.get_legend() is None and len(axes.collections[0].get_offsets()) == 60
