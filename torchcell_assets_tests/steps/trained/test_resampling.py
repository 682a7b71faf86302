import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from torchcell_assets.steps.trained import resampling
from torchcell_assets.steps.trained.resampling import centred_ranks, interval, resampled

RANDOM = np.random.default_rng(0)
TRUTH = np.round(RANDOM.normal(size=60), 1)  # with ties
PREDICTED = np.stack([np.round(TRUTH + RANDOM.normal(size=60), 1), RANDOM.normal(size=60)])
ALONE = np.arange(60)


def drawn(units: np.ndarray, draws: int, seed: int) -> list[np.ndarray]:
    """The same draws as lists of genotypes, one by one."""
    random, count = np.random.default_rng(seed), int(units.max()) + 1
    return [
        np.concatenate([np.flatnonzero(units == u) for u in random.integers(count, size=count)]) for _ in range(draws)
    ]


@pytest.mark.parametrize("units", [ALONE, ALONE % 7, np.minimum(ALONE, 12)], ids=["genotypes", "even", "one large"])
def test_each_draw_has_the_metrics_of_the_genotypes_that_it_holds(units):
    found = resampled(PREDICTED, TRUTH, units, draws=40, seed=3)
    for at, rows in enumerate(drawn(units, 40, 3)):
        for model in (0, 1):
            x, y = PREDICTED[model, rows], TRUTH[rows]
            assert found["spearman"][model, at] == pytest.approx(spearmanr(x, y)[0], abs=1e-9)
            assert found["pearson"][model, at] == pytest.approx(pearsonr(x, y)[0], abs=1e-9)
            assert found["rmse"][model, at] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)), abs=1e-12)


def test_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    whole = resampled(PREDICTED, TRUTH, ALONE % 7, draws=60)
    monkeypatch.setattr(resampling, "_AT_ONCE", 7 * 60)
    parts = resampled(PREDICTED, TRUTH, ALONE % 7, draws=60)
    for metric, values in whole.items():
        np.testing.assert_allclose(values, parts[metric], atol=1e-12)


def test_ties_get_middle_ranks_in_every_draw():
    values, times = (
        np.array([0.2, 0.1, 0.2, 0.5]),
        np.array([[1.0, 2.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [3.0, 1, 1, 1]]),
    )
    for row, counts in zip(centred_ranks(values, times), times, strict=True):
        copies = np.repeat(values, counts.astype(int))
        expected = rankdata(copies) - (len(copies) + 1) / 2
        np.testing.assert_allclose(np.repeat(row, counts.astype(int)), expected)


def test_a_constant_has_no_correlation_and_no_interval_of_it():
    found = resampled(np.ones((1, 60)), TRUTH, ALONE, draws=30)
    assert np.isnan(found["spearman"]).all() and np.isnan(found["pearson"]).all() and np.isfinite(found["rmse"]).all()
    assert interval(found["spearman"][0]) == (None, None)
    assert interval(np.array([np.nan, 1.0, 2.0, 3.0])) == pytest.approx((1.05, 2.95))
    assert interval(np.array([np.nan, 1.0])) == (None, None)


def test_an_interval_over_clusters_is_as_wide_as_their_number_makes_it():
    """Forty genotypes in each of ten units that share one error: the mean error is known to within that of ten numbers."""
    random = np.random.default_rng(5)
    units = np.repeat(np.arange(10), 40)
    truth = np.zeros(400)
    predicted = np.abs(random.normal(size=10))[units][None]
    by_unit, by_genotype = (
        np.std(resampled(predicted, truth, of, draws=400)["rmse"] ** 2) for of in (units, np.arange(400))
    )
    assert by_unit / by_genotype == pytest.approx(np.sqrt(40), rel=0.15)
