"""Pieces and rows: nothing is lost, nothing twice, nothing padded that need not be."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.steps.representations.language_models import packing

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=60)


@given(lengths, st.integers(2, 50), st.data())
def test_windows_cover_every_token_and_none_is_longer_than_the_limit(sizes, limit, data):
    overlap = data.draw(st.integers(0, limit - 1))
    covered = [np.zeros(size, dtype=int) for size in sizes]
    cut = packing.pieces(sizes, limit, overlap)
    for piece in cut:
        assert 0 < piece.length <= limit
        covered[piece.sequence][piece.start : piece.stop] += 1
    assert all((one > 0).all() for one in covered)
    for number, size in enumerate(sizes):
        own = [piece for piece in cut if piece.sequence == number]
        assert (len(own) == 1) == (size <= limit)
        assert all(one.stop - other.start >= overlap for one, other in itertools.pairwise(own))


def test_what_has_no_limit_is_one_piece_and_an_overlap_as_long_as_a_window_is_refused():
    assert packing.pieces([4910], None) == [packing.Piece(0, 0, 4910)]
    assert [(p.start, p.stop) for p in packing.pieces([1023], 1022, 256)] == [(0, 1022), (1, 1023)]
    assert [(p.start, p.stop) for p in packing.pieces([2000], 1000, 256)] == [(0, 1000), (744, 1744), (1000, 2000)]
    with pytest.raises(ValueError, match="cannot overlap by 10"):
        packing.pieces([5], 10, 10)


@given(lengths, st.integers(50, 400))
def test_every_piece_has_its_place_in_one_row_and_no_row_holds_more_than_its_budget(sizes, budget):
    filled = packing.rows(sizes, budget)
    assert sorted(at for row in filled for at in row) == list(range(len(sizes)))
    for row in filled:
        assert sum(sizes[at] for at in row) <= budget or len(row) == 1


def test_rows_of_a_proteome_are_more_than_99_percent_full():
    """Lengths like those of yeast's proteins: log-normal about 360, the longest 4,910."""
    sizes = np.clip(np.random.default_rng(0).lognormal(5.9, 0.65, 6600), 16, 4910).astype(int)
    filled = packing.rows(sizes, 32_768)
    assert sizes.sum() / (len(filled) * 32_768) > 0.99


def test_a_row_says_where_each_piece_begins_and_which_tokens_are_pooled():
    row = packing.row([np.array([7, 8, 9]), np.array([5])], head=[0], tail=[2], length=12, padding=1)
    assert row.tokens.tolist() == [0, 7, 8, 9, 2, 0, 5, 2, 1, 1, 1, 1]
    assert row.positions.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 0, 0, 0, 0]
    assert row.bounds.tolist() == [0, 5, 8]
    assert row.inner.tolist() == [[1, 4], [6, 7]]
    assert row.longest == 5
    assert packing.row([np.array([7])], head=[], tail=[1]).tokens.tolist() == [7, 1]
