"""Vectors by sequence: what was stored comes back, from whichever process, and what is damaged is told."""

import multiprocessing

import numpy as np
import pytest

from torchcell_assets.steps.representations.sequence_cache import CacheError, SequenceCache, digest

DECIDES = {"model": "m", "weights": "w"}


def cache(place, decides=DECIDES):
    return SequenceCache.of(place, decides, 3)


def test_vectors_come_back_in_the_order_that_is_asked_for_and_what_is_not_there_is_nan(tmp_path):
    held = cache(tmp_path)
    held.add([digest("MK"), digest("MA")], np.array([[1, 2, 3], [4, 5, 6]]))
    held.add([digest("MW")], np.array([[7, 8, 9]], dtype=np.float64))
    assert held.known() == {digest("MK"), digest("MA"), digest("MW")}
    found = held.vectors(map(digest, ["MW", "none", "MK", "MW"]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[7, 8, 9], [np.nan] * 3, [1, 2, 3], [7, 8, 9]])


def test_another_model_has_another_folder_and_the_same_one_the_same(tmp_path):
    assert cache(tmp_path).folder == cache(tmp_path, dict(reversed(DECIDES.items()))).folder
    assert cache(tmp_path).folder != cache(tmp_path, DECIDES | {"weights": "v"}).folder


@pytest.mark.parametrize(
    "wrong", [np.full((1, 3), np.nan), np.full((1, 3), np.inf), np.zeros((1, 4)), np.zeros((2, 3))]
)
def test_what_is_no_vector_of_the_model_is_not_stored(tmp_path, wrong):
    with pytest.raises(CacheError):
        cache(tmp_path).add([digest("MK")], wrong)
    assert cache(tmp_path).known() == set()


def test_a_truncated_shard_is_named_and_costs_no_more_than_itself(tmp_path):
    held = cache(tmp_path)
    held.add([digest("MK")], np.ones((1, 3)))
    (shard,) = held.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(CacheError, match=f"{shard.name} is damaged.*delete it"):
        held.known()
    shard.unlink()
    assert held.known() == set()


def _add(place, worker):
    held = cache(place)
    for number in range(20):
        held.add([digest(f"{worker}:{number}"), digest("both")], np.full((2, 3), worker + 1.0))


def test_processes_that_write_at_once_lose_nothing_and_agree_on_what_both_have_computed(tmp_path):
    spawned = multiprocessing.get_context("spawn")
    workers = [spawned.Process(target=_add, args=(tmp_path, worker)) for worker in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    held = cache(tmp_path)
    wanted = [digest(f"{worker}:{number}") for worker in range(3) for number in range(20)]
    np.testing.assert_array_equal(held.vectors(wanted)[:, 0], np.repeat([1, 2, 3], 20))
    np.testing.assert_array_equal(held.vectors([digest("both")]), held.vectors([digest("both")]))
