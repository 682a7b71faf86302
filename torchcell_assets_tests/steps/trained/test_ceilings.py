import numpy as np
import polars as pl
import pytest
from scipy.stats import pearsonr

from torchcell_assets.steps.trained.ceilings import Ceiling, ceilings
from torchcell_assets_tests.steps.trained.synthetic import screen


def limit(values, errors, shared=None) -> Ceiling:
    rows = {"order": [1] * len(values), "value": values, "standard_error": errors, "shared_error": shared}
    types = {"standard_error": pl.Float64, "shared_error": pl.Float64}
    return ceilings(pl.DataFrame(rows, schema_overrides=types))[0]


@pytest.mark.parametrize("noise", [0.03, 0.08])
def test_the_ceiling_is_what_a_perfect_model_reaches(noise):
    measured, truth = (screen(3000, noise=n, seed=8).with_columns(shared_error=0.0) for n in (noise, 0.0))
    found = ceilings(measured)
    for order, of_order in found.items():
        rows = ((measured["order"] == order) | (order == 0)).to_numpy()
        reached = pearsonr(truth["value"].to_numpy()[rows], measured["value"].to_numpy()[rows])[0]
        assert of_order.low == of_order.high == pytest.approx(reached, abs=0.025 if order else 0.01)
    assert set(found) == {0, 1, 2, 3}


def test_the_band_is_between_models_that_learn_none_and_all_of_the_error_that_crosses_share():
    """Crosses of forty arrays: truth + an error of the array + one of their own. A model that knows the arrays beats `low`."""
    random = np.random.default_rng(2)
    array = np.repeat(np.arange(40), 100)
    truth, common = random.normal(1.0, 0.2, 4000), random.normal(0, 0.15, 40)[array]
    measured = truth + common + random.normal(0, 0.1, 4000)
    found = limit(measured, np.full(4000, np.hypot(0.1, 0.15)), np.full(4000, 0.15))
    assert found.low == pytest.approx(pearsonr(truth, measured)[0], abs=0.03)
    assert found.high == pytest.approx(pearsonr(truth + common, measured)[0], abs=0.01)
    assert found.low < found.high - 0.1


def test_where_standard_errors_are_missing_there_is_no_ceiling():
    values = np.linspace(0.5, 1.0, 20)
    most = [None, *[0.05] * 19]
    expected = np.sqrt(1 - 0.05**2 / np.var(values[1:], ddof=1))
    assert limit(values, most) == Ceiling(pytest.approx(expected), pytest.approx(expected), 0.95)
    assert limit(values, [None, None, None, *[0.05] * 17]) == Ceiling(None, None, 0.85)
    assert limit(values, [None] * 20) == Ceiling(None, None, 0.0)


def test_noise_beyond_the_spread_has_a_ceiling_of_zero_and_three_points_are_the_fewest():
    assert limit([1.0, 1.1, 0.9], [5.0, 5.0, 5.0]).low == 0.0
    assert limit([1.0, 1.1], [0.1, 0.1]).low is None
    assert limit([1.0, 1.0, 1.0], [0.01, 0.01, 0.01]).low is None  # nothing to be told apart


def test_a_band_is_written_as_one_number_where_it_rounds_to_one():
    assert Ceiling(0.931, 0.949, 1.0).limits == "0.93 to 0.95"
    assert Ceiling(0.931, 0.934, 1.0).limits == "0.93"
