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


def test_the_board_refuses_scores_of_other_observed_values_of_the_same_genotypes(subset, cell, baselines):
    """As where records were pooled anew between two trainings: the genotypes are the same, their fitness is not."""
    limits = ceiling(subset)
    reference = score(baselines, "1e3", "none", limits)
    moved = cell.with_columns(
        observed=pl.when(pl.col("genotype") == cell["genotype"][0]).then(0.123).otherwise("observed")
    )
    split = cell["split"].cast(pl.String)[0]
    words = rf"elastic_net on random_6 \(size 1e3, {split}\) was scored on other genotypes or other observed values \("
    with pytest.raises(
        ScoreboardMismatch, match=words + r"\w{16}\) than its baseline additive_log_ridge \(\w{16}\): train"
    ):
        scoreboard([reference, score(moved, "1e3", "random_6", limits)])
    # the board of two that agree: baselines are held against each other too
    odd = baselines.with_columns(
        observed=pl.when(pl.col("model") == "mean").then(pl.col("observed") + 1).otherwise("observed")
    )
    with pytest.raises(ScoreboardMismatch, match=r"mean on none"):
        scoreboard([score(odd, "1e3", "none", limits)])


def test_the_hash_of_observations_sees_each_pair_and_not_the_order_of_rows():
    rows = pl.DataFrame({"genotype": ["a", "b", "ab"], "observed": [1.0, 0.0, 0.5]})
    same = observations_hash(rows)
    assert observations_hash(rows[::-1]) == same
    assert observations_hash(rows.with_columns(observed=pl.Series([1.0, -0.0, 0.5]))) == same
    assert (
        observations_hash(rows.with_columns(observed=pl.Series([0.0, 1.0, 0.5]))) != same
    )  # the same values, elsewhere
    assert observations_hash(rows.with_columns(observed=pl.Series([1.0, 0.0, 0.5 + 1e-15]))) != same
    assert observations_hash(rows.with_columns(genotype=pl.Series(["a", "b", "ac"]))) != same
    assert observations_hash(rows[:2]) != same
    assert len(same) == 16 and observations_hash(rows.clear()) != same


def test_intervals_of_one_split_use_the_same_draws_for_all_models_and_stop_below_ten_genotypes(cell):
    part = cell.filter(pl.col("split").cast(pl.String) == "test").filter(aggregation="pert_sum")
    twin = part.with_columns(model=pl.lit("twin"))
    scores = score(pl.concat([part, twin]), "1e3", "x", {}, draws=50).sort("metric", "order", "model")
    one, two = (scores.filter(model=name).drop("model") for name in ("elastic_net", "twin"))
    assert one.equals(two)
    few = score(part.head(9), "1e3", "x", {}, draws=50).filter(order=0)
    assert few["low"].null_count() == few["high"].null_count() == 3 and few["value"].null_count() == 0
    enough = score(part.head(10), "1e3", "x", {}, draws=50).filter(order=0)
    assert enough["low"].null_count() == 0


def test_intervals_do_not_depend_on_how_many_draws_are_held_at_once(cell, monkeypatch):
    from torchcell_assets.steps.trained import scores as module

    part = cell.filter((pl.col("aggregation") == "pert_sum") & (pl.col("split").cast(pl.String) == "test"))
    whole = score(part, "1e3", "x", {}, draws=60)
    monkeypatch.setattr(module, "_AT_ONCE", 7 * part.height)
    assert score(part, "1e3", "x", {}, draws=60).equals(whole)


def test_a_score_carries_the_ceiling_of_its_own_split_order_and_metric(subset, cell):
    limits = ceiling(subset)
    part = cell.filter(aggregation="pert_mean")
    scores = score(part, "1e3", "x", limits, draws=5).with_columns(pl.col("split", "metric").cast(pl.String))
    for row in scores.iter_rows(named=True):
        assert row["ceiling"] == getattr(limits[row["split"], row["order"]], row["metric"])
    assert score(part, "1e3", "x", {}, draws=5)["ceiling"].null_count() == scores.height


def test_the_ceilings_are_those_of_the_formula_for_each_order_by_itself(subset):
    limits = ceiling(subset)
    for (split, order), limit in limits.items():
        rows = subset.filter((pl.col("split").cast(pl.String) == split) & ((pl.col("order") == order) | (order == 0)))
        y, se = rows["value"].to_numpy(), rows["standard_error"].to_numpy()
        assert limit.pearson == pytest.approx(np.sqrt(1 - np.mean(se**2) / np.var(y, ddof=1)), abs=1e-12)
        assert limit.rmse == pytest.approx(np.sqrt(np.mean(se**2)), abs=1e-12)
    assert set(limits) == {(split, order) for split in ("train", "validation", "test") for order in (0, 1, 2, 3)}


def test_noise_beyond_the_spread_has_a_ceiling_of_zero_and_three_points_are_the_fewest():
    def limit(values, errors):
        rows = {"split": ["test"] * len(values), "order": [1] * len(values), "value": values, "standard_error": errors}
        return ceiling(pl.DataFrame(rows))["test", 0]

    assert limit([1.0, 1.1, 0.9], [5.0, 5.0, 5.0]).pearson == 0.0
    assert limit([1.0, 1.1], [0.1, 0.1]).pearson is None
    assert limit([1.0, 1.1, 0.9], [0.01, 0.01, 0.01]).pearson is not None
    assert limit([1.0, 1.0, 1.0], [0.01, 0.01, 0.01]).pearson is None  # nothing to be told apart
    assert limit([1.0, 1.1, 0.9, 7.0], [0.01, 0.01, 0.01, None]).fraction == 0.75
    assert limit([1.0, 1.1, 0.9, 7.0], [0.01, 0.01, 0.01, None]).rmse == pytest.approx(0.01)


def test_the_spearman_ceiling_tells_two_clusters_from_their_noise():
    """Half of the genotypes at 0, half at 1, measured with an SE that never confuses them: nothing within a cluster is real.

    A perfect model knows the cluster and nothing else: Spearman is 3/4 if it orders the genotypes of a cluster at random and
    sqrt(3/4) if it predicts one number for them, whatever the size of the noise.
    """
    random = np.random.default_rng(3)
    truth = np.repeat([0.0, 1.0], 1000)
    for noise in (0.02, 0.08):
        rows = {"split": ["test"] * 2000, "order": [1] * 2000, "value": truth + random.normal(0, noise, 2000)}
        limit = ceiling(pl.DataFrame({**rows, "standard_error": [noise] * 2000}))["test", 0]
        assert 0.75 < limit.spearman < np.sqrt(0.75)


def test_the_spearman_ceiling_survives_a_point_far_from_all_others():
    """Its likelihood is 0 at every point of the grid but one, which must not make the weights NaN."""
    random = np.random.default_rng(4)
    values = np.append(random.normal(1.0, 0.1, 300), 40.0)
    rows = {"split": ["test"] * 301, "order": [1] * 301, "value": values, "standard_error": [1e-3] * 301}
    limit = ceiling(pl.DataFrame(rows))["test", 0]
    assert limit.spearman is not None and 0.0 < limit.spearman <= 1.0
