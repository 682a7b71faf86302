"""The rebuild condition, tick by tick, over real runs; never by the shape of the condition."""

from collections.abc import Callable

import dagster as dg
import pytest

from torchcell_assets.staleness.condition import REBUILD
from torchcell_assets_tests.mirror import Mirror, Spec

SIZES = dg.StaticPartitionsDefinition(["1e3", "1e4", "1e5"])
REPRESENTATIONS = dg.StaticPartitionsDefinition(["one_hot", "esm2"])
GRID = dg.MultiPartitionsDefinition({"size": SIZES, "representation": REPRESENTATIONS})
MERGED = [("merged", "1e3"), ("merged", "1e4")]
MODELS = [("model", "esm2|1e3"), ("model", "one_hot|1e3")]

Tick = Callable[[], dict[str, object]]


def code(version: str) -> dict[str, Spec]:
    return {
        "graph": Spec("graph", (), {}, version, condition=REBUILD),
        "merged": Spec("merged", ("graph",), {}, version, SIZES, condition=REBUILD),
        "model": Spec("model", ("merged",), {}, "1", GRID, condition=REBUILD),
    }


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Mirror:
    """Three assets at version 1; `1e5` of merged and the cells of `1e4` were never made."""
    mirror = Mirror(tmp_path_factory.mktemp("chain"), code("1"))
    mirror.run([("graph", None), *MERGED, *MODELS])
    return mirror


@pytest.fixture
def small(chain, tmp_path) -> Mirror:
    return chain.copy(tmp_path / "instance")


@pytest.fixture
def tick(small) -> Tick:
    """One evaluation of all conditions: asset -> partitions asked for (`yes` without partitions)."""
    cursor = None

    def evaluate() -> dict[str, object]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(small.definitions, small.instance, cursor=cursor)
        cursor = result.cursor
        return {
            one.key.to_user_string(): sorted(one.true_subset.expensively_compute_partition_keys())
            if one.true_subset.is_partitioned
            else "yes"
            for one in result.results
            if not one.true_subset.is_empty
        }

    return evaluate


def test_a_schema_change_goes_down_the_chain_once_and_a_failure_waits_for_its_fix(small, tick):
    assert tick() == {}, "all at version 1; cells that were never made are nobody's business"
    assert tick() == {}, "nothing changed"
    small.deploy(code("2"))
    assert tick() == {"graph": "yes"}, "version 2 deployed: only the root may go"
    small.run([("graph", None)])
    assert tick() == {"merged": ["1e3", "1e4"]}, "graph made again, same data"
    small.broken = {("merged", "1e3")}
    small.run(MERGED)
    assert tick() == {}, "1e3 failed, 1e4 did not"
    assert tick() == {}, "no retry storm"
    small.broken = set()
    small.deploy(code("3"))
    assert tick() == {"graph": "yes"}, "version 3 is the fix"
    small.run([("graph", None)])
    assert tick() == {"merged": ["1e3", "1e4"]}, "the one that failed is asked for again"
    small.run(MERGED)
    assert tick() == {}, "merged made again, same data: models are left alone"
    assert tick() == {}, "quiet"
    small.data["merged", "1e3"] = "B"
    small.run([("merged", "1e3")])
    assert tick() == {"model": ["esm2|1e3", "one_hot|1e3"]}, "other data reach the cells that read them"
    small.run(MODELS)
    assert tick() == {}, "asked for once"


def test_a_change_that_was_deployed_before_the_first_tick_is_seen(small, tick):
    small.deploy(code("2"))
    assert tick() == {"graph": "yes"}


def test_other_data_from_before_the_first_tick_are_seen(small, tick):
    small.data["merged", "1e3"] = "B"
    small.run([("merged", "1e3")])
    assert tick() == {"model": ["esm2|1e3", "one_hot|1e3"]}


def test_a_rollback_asks_for_nothing(small, tick):
    assert tick() == {}
    small.deploy(code("2"))
    assert tick() == {"graph": "yes"}
    small.deploy(code("1"))
    assert tick() == {}


def test_a_cell_that_failed_is_tried_again_when_its_input_has_other_data(small, tick):
    assert tick() == {}
    small.data["merged", "1e3"], small.broken = "B", {"model"}
    small.run([("merged", "1e3")])
    assert tick() == {"model": ["esm2|1e3", "one_hot|1e3"]}
    small.run(MODELS)
    assert tick() == {}
    small.data["merged", "1e3"] = "C"
    small.run([("merged", "1e3")])
    assert tick() == {"model": ["esm2|1e3", "one_hot|1e3"]}
    small.run(MODELS)
    assert tick() == {}


def test_a_move_of_data_during_the_run_of_its_reader_is_not_lost(small, tick):
    assert tick() == {}
    small.data["merged", "1e3"] = "B"
    small.run([("merged", "1e3")])
    assert tick() == {"model": ["esm2|1e3", "one_hot|1e3"]}
    small.run(MODELS[:1])
    small.data["merged", "1e3"] = "C"
    small.run([("merged", "1e3")])  # before the second cell was made, and after the first
    small.run(MODELS[1:])
    assert tick() == {"model": ["esm2|1e3"]}
