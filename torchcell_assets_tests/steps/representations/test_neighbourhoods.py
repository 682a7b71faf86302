"""The share of partners among the nearest: a case that is counted by hand, and a loop that counts any case."""

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.steps.representations import neighbourhoods

GENES = ["A", "B", "C", "D", "E", "F"]
DEGREES = np.radians([0, 10, 25, 45, 70, 80])
CIRCLE = np.column_stack([np.cos(DEGREES), np.sin(DEGREES)]).astype(np.float32) * np.array([[1, 5, 2, 1, 3, 9]]).T
"""Of A, the nearest are B, C, D, E, F; of B: A, C, D; of D: C, E, B or F; of E: F, D; of F: E, D."""


def pairs(*both: tuple[str, str]) -> pl.DataFrame:
    rows = [*both, *((other, one) for one, other in both)]
    return pl.DataFrame(rows, schema={"gene": pl.String, "partner": pl.String}, orient="row")


def share(vectors, partners: pl.DataFrame, nearest: int, genes=GENES) -> neighbourhoods.Share:
    return neighbourhoods.shares(genes, vectors, {"kind": partners}, nearest)["kind"]


def by_hand(genes, vectors, partners: pl.DataFrame, nearest: int) -> tuple[float, float]:
    """Share and chance by a loop over genes, of vectors among which no two cosines tie."""
    known = set(partners.filter(pl.col("gene") != pl.col("partner")).rows())
    hits = places = expected = 0.0
    for at, gene in enumerate(genes):
        others = [other for other in range(len(genes)) if other != at]
        of_gene = [genes[other] for other in others if (gene, genes[other]) in known]
        cosines = {
            genes[other]: float(
                vectors[at] @ vectors[other] / np.linalg.norm(vectors[at]) / np.linalg.norm(vectors[other])
            )
            for other in others
        }
        near = sorted((name for name in cosines if cosines[name] > 0), key=lambda name: -cosines[name])[:nearest]
        hits += len(set(near) & set(of_gene))
        places += min(len(of_gene), nearest)
        expected += len(of_gene) * min(nearest, len(others)) / len(others)
    return hits / places, expected / places


def test_the_share_of_a_small_case_is_the_one_that_is_counted_on_paper():
    # among the two nearest: A has B of B and D, B has A, D has none (C and E are nearer), E has F and F has E
    found = share(CIRCLE, pairs(("A", "B"), ("A", "D"), ("E", "F")), 2)
    assert (found.genes, found.pairs) == (5, 6)
    assert found.share == pytest.approx((1 + 1 + 0 + 1 + 1) / (2 + 1 + 1 + 1 + 1))
    assert found.chance == pytest.approx(6 * (2 / 5) / 6)


def test_a_gene_is_no_partner_of_itself_and_takes_no_place_among_its_nearest():
    own = pl.concat([pairs(("A", "B")), pl.DataFrame({"gene": GENES, "partner": GENES})])
    assert share(CIRCLE, own, 1) == share(CIRCLE, pairs(("A", "B")), 1)
    assert share(CIRCLE, own, 1).share == 1.0


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 30))
def test_the_share_is_that_of_a_loop_over_genes(seed, nearest, count):
    random = np.random.default_rng(seed)
    genes = [f"G{at}" for at in range(count)]
    vectors = random.normal(size=(count, 7)).astype(np.float32)
    one, other = random.integers(0, count, (2, 40))
    partners = pairs(
        *{(genes[min(pair)], genes[max(pair)]) for pair in zip(one, other, strict=True) if pair[0] != pair[1]}
    )
    found = share(vectors, partners, nearest, genes)
    expected = by_hand(genes, vectors.astype(np.float64), partners, nearest)
    assert (found.share, found.chance) == pytest.approx(expected, abs=1e-9)


def test_blocks_change_nothing(monkeypatch):
    random = np.random.default_rng(1)
    genes = [f"G{at}" for at in range(50)]
    vectors = random.normal(size=(50, 5)).astype(np.float32)
    partners = pairs(*((f"G{at}", f"G{at + 7}") for at in range(40)))
    whole = share(vectors, partners, 5, genes)
    monkeypatch.setattr(neighbourhoods, "_AT_ONCE", 7)
    assert share(vectors, partners, 5, genes) == whole


def test_the_order_of_genes_changes_nothing_even_where_all_are_alike():
    alike, partners = np.ones((6, 3), dtype=np.float32), pairs(("A", "B"), ("C", "F"))
    found = share(alike, partners, 2)
    assert found.share == pytest.approx(found.chance) == pytest.approx(2 / 5)
    assert share(alike, partners, 2, GENES[::-1]).share == pytest.approx(found.share)


def test_sparse_vectors_have_the_shares_of_the_same_numbers_and_stay_as_they_are():
    random = np.random.default_rng(2)
    dense = (random.random((40, 30)) < 0.2) * random.random((40, 30)).astype(np.float32)
    dense[3] = 0
    genes = [f"G{at}" for at in range(40)]
    partners = pairs(*((f"G{at}", f"G{at + 3}") for at in range(30)))
    sparse, before = sp.csr_array(dense), dense.copy()
    assert share(sparse, partners, 4, genes) == share(dense, partners, 4, genes)
    np.testing.assert_array_equal(dense, before)
    np.testing.assert_array_equal(sparse.toarray(), before)


def test_genes_at_a_right_angle_are_near_to_none():
    assert share(sp.csr_array(sp.eye_array(6, format="csr", dtype=np.float32)), pairs(("A", "B")), 3).share == 0.0
    assert share(np.array([[1], [-1], [2], [-2], [3], [-3]], dtype=np.float32), pairs(("A", "B")), 3).share == 0.0


def test_of_genes_without_partners_nothing_is_said():
    found = share(CIRCLE, pairs(("A", "X"), ("Y", "Z")), 2)
    assert np.isnan(found.share) and np.isnan(found.chance) and (found.genes, found.pairs) == (0, 0)
    assert np.isnan(share(CIRCLE[:1], pairs(("A", "B")), 2, GENES[:1]).share)
