import numpy as np
import polars as pl
import pytest
from scipy.stats import pearsonr, spearmanr

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.records import Score
from torchcell_assets.steps.trained.baselines import fit_baselines
from torchcell_assets.steps.trained.families import fit_aggregations
from torchcell_assets.steps.trained.scores import (
    METRICS,
    ScoreboardMismatch,
    ceiling,
    observations_hash,
    score,
    scoreboard,
)
from torchcell_assets_tests.steps.trained.synthetic import gene_names, random_embedding, screen
from torchcell_assets_tests.steps.trained.test_baselines import singles_of
from torchcell_assets_tests.steps.trained.test_families import SMALL


@pytest.fixture(scope="module")
def subset() -> pl.DataFrame:
    return screen(400)


@pytest.fixture(scope="module")
def baselines(subset) -> pl.DataFrame:
    return fit_baselines(subset, singles_of(subset)).predictions


@pytest.fixture(scope="module")
def cell(subset) -> pl.DataFrame:
    fitted = fit_aggregations(subset, random_embedding(gene_names(300), 6), "elastic_net", SMALL)
    return pl.concat([f.predictions for f in fitted])


def test_every_score_recomputes_from_the_stored_predictions(subset, cell, baselines):
    both = pl.concat([cell, baselines])
    scores = score(both, "1e3", "random_6", ceiling(subset))
    Score.validate(scores)
    assert scores.height == (4 + 5) * 3 * 4 * len(METRICS)
    for row in scores.iter_rows(named=True):
        part = both.filter(
            (pl.col("model") == row["model"])
            & (pl.col("aggregation") == row["aggregation"])
            & (pl.col("split").cast(pl.String) == row["split"])
            & ((pl.col("order") == row["order"]) | (row["order"] == 0))
        )
        x, y = part["predicted"].to_numpy(), part["observed"].to_numpy()
        if row["metric"] == "rmse":
            assert row["value"] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)))
        elif np.ptp(x) < 1e-12:
            assert (row["value"], row["low"], row["high"]) == (None, None, None)  # not NaN
        else:
            measure = spearmanr if row["metric"] == "spearman" else pearsonr
            assert row["value"] == pytest.approx(measure(x, y)[0])
        assert (row["genotypes"], row["scored_on"]) == (len(x), observations_hash(part))


def test_intervals_are_those_of_resampling_genotypes_one_by_one(cell):
    part = cell.filter((pl.col("aggregation") == "pert_sum") & (pl.col("split").cast(pl.String) == "train"))
    scores = score(part, "1e3", "x", {}, draws=2000).filter(order=0)
    x, y = part["predicted"].to_numpy(), part["observed"].to_numpy()
    random = np.random.default_rng(5)
    rows = [random.integers(len(x), size=len(x)) for _ in range(800)]
    for metric, measure in METRICS.items():
        low, high = np.percentile([measure(x[i], y[i]) for i in rows], [2.5, 97.5])
        found = scores.filter(pl.col("metric").cast(pl.String) == metric).row(0, named=True)
        width = high - low
        assert found["low"] == pytest.approx(low, abs=0.12 * width)
        assert found["high"] == pytest.approx(high, abs=0.12 * width)
        assert found["low"] <= found["value"] <= found["high"]


def test_ties_get_middle_ranks_in_every_draw():
    from torchcell_assets.steps.trained.scores import _ranks

    values, times = np.array([0.2, 0.1, 0.2, 0.5]), np.array([[1.0, 2.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    # the first draw holds 0.1, 0.1, 0.2, 0.5: ranks 1.5, 1.5, 3, 4, centred by 2.5
    np.testing.assert_allclose(_ranks(values, times)[0, [1, 0, 3]], [-1.0, 0.5, 1.5])
    np.testing.assert_allclose(_ranks(values, times)[1], [0.0, -1.5, 0.0, 1.5])


def test_scores_are_the_same_every_time_and_in_any_row_order(cell):
    one = score(cell, "1e3", "x", {})
    two = score(cell.sample(fraction=1.0, shuffle=True, seed=1), "1e3", "x", {})
    keys = list(Score.primary_key())
    assert one.sort(keys).equals(two.sort(keys)) or np.allclose(
        one.sort(keys)["low"].drop_nulls(), two.sort(keys)["low"].drop_nulls()
    )


@pytest.mark.parametrize("noise", [0.03, 0.08])
def test_the_pearson_ceiling_is_what_a_perfect_model_reaches(noise):
    measured, truth = screen(3000, noise=noise, seed=8), screen(3000, noise=0.0, seed=8)
    limit = ceiling(measured)["train", 0]
    train = (measured["split"] == "train").to_numpy()
    x, y = truth["value"].to_numpy()[train], measured["value"].to_numpy()[train]
    assert limit.pearson == pytest.approx(pearsonr(x, y)[0], abs=0.01)
    assert limit.rmse == pytest.approx(noise, rel=0.05)
    assert spearmanr(x, y)[0] - 0.02 < limit.spearman < spearmanr(x, y)[0] + 0.12
    assert limit.fraction == 1.0


def test_without_standard_errors_there_is_no_ceiling_and_some_are_counted(subset):
    bare = subset.with_columns(standard_error=pl.lit(None, dtype=pl.Float64))
    limit = ceiling(bare)["test", 0]
    assert (limit.pearson, limit.spearman, limit.rmse, limit.fraction) == (None, None, None, 0.0)
    half = subset.with_columns(standard_error=pl.when(pl.col("rank") % 2 == 0).then("standard_error"))
    assert ceiling(half)["train", 0].fraction == pytest.approx(0.5, abs=0.1)


def test_the_board_refuses_scores_of_other_genotypes_and_names_both(subset, cell, baselines):
    limits = ceiling(subset)
    reference = score(baselines, "1e3", "none", limits)
    assert scoreboard([reference, score(cell, "1e3", "random_6", limits)]).height
    fewer = cell.filter(pl.col("genotype") != cell.filter(pl.col("split").cast(pl.String) == "test")["genotype"][0])
    with pytest.raises(
        ScoreboardMismatch, match=r"elastic_net on random_6 \(size 1e3, test\).*baseline additive_log_ridge"
    ):
        scoreboard([reference, score(fewer, "1e3", "random_6", limits)])
    with pytest.raises(ScoreboardMismatch, match="train the baselines of that size first"):
        scoreboard([reference, score(cell, "1e4", "random_6", limits)])
    with pytest.raises(TorchcellError, match="no scores yet"):
        scoreboard([])
