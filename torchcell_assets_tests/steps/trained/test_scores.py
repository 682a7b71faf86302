import numpy as np
import polars as pl
import pytest
from scipy.stats import pearsonr, spearmanr

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Score
from torchcell_assets.steps.trained import resampling
from torchcell_assets.steps.trained.baselines import BASELINES, fit_baselines
from torchcell_assets.steps.trained.ceilings import Ceiling
from torchcell_assets.steps.trained.scores import (
    METRICS,
    ScoreboardMismatch,
    Yardsticks,
    best_baseline,
    observations_hash,
    score,
)
from torchcell_assets_tests.steps.trained.fits import TARGET, fit_aggregations
from torchcell_assets_tests.steps.trained.synthetic import rows
from torchcell_assets_tests.steps.trained.test_baselines import singles_of
from torchcell_assets_tests.steps.trained.test_families import SMALL, described

DRAWS = 60


@pytest.fixture(scope="module")
def predictions() -> pl.DataFrame:
    """Baselines and one cell with its controls, on 700 genotypes and a test set of more than 100."""
    subset = rows(700, more=900)
    made = fit_baselines(subset, singles_of(subset), target=TARGET).predictions
    fitted = fit_aggregations(subset, described(), "elastic_net", SMALL)
    cell = pl.concat([part for f in fitted for part in (f.predictions, f.controls)])
    kind = pl.when("permuted").then(pl.lit("permuted")).otherwise(pl.lit("model"))
    return pl.concat([
        made.with_columns(kind=pl.lit("baseline"), representation=pl.lit("none")),
        cell.with_columns(kind=kind, representation=pl.lit("codon_frequency")),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def queries(predictions) -> pl.DataFrame:
    """Eight query strains over the doubles and triples."""
    test = predictions.filter(pl.col("split") == "test").unique("genotype", maintain_order=True)
    number = pl.when(pl.col("order") > 1).then(pl.format("q{}", pl.col("genes").hash(1) % 8))
    return test.select("genotype", query=number)


@pytest.fixture(scope="module")
def scores(predictions, queries) -> pl.DataFrame:
    limits = {0: Ceiling(0.8, 0.9, 1.0), 1: Ceiling(None, None, 0.5)}
    found = score(predictions, "1e3", Yardsticks(queries, limits), draws=DRAWS)
    return Score.validate(found).with_columns(pl.col("split", "metric", "kind").cast(pl.String))


def of(predictions: pl.DataFrame, row: dict) -> pl.DataFrame:
    """The predictions behind a row of the board."""
    return predictions.filter(
        pl.col("training_sample") == 0, pl.col("split") == row["split"], (pl.col("order") == row["order"]) | (row["order"] == 0),
        *(pl.col(name) == row[name] for name in ("kind", "model", "representation", "aggregation")),
    )  # fmt: skip


def test_every_score_recomputes_from_the_stored_predictions(predictions, scores):
    # four splits; permuted vectors are not cross-validated; orders 0 to 3
    assert scores.height == ((4 + len(BASELINES)) * 4 + 4 * 3) * 4 * len(METRICS)
    for row in scores.iter_rows(named=True):
        part = of(predictions, row)
        x, y = part["predicted"].to_numpy(), part["observed"].to_numpy()
        if row["metric"] == "rmse":
            assert row["value"] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)))
        elif np.ptp(x) < 1e-12:
            assert {row[name] for name in ("value", "low", "high", "minus_best", "minus_additive")} == {None}  # not NaN
        else:
            measure = spearmanr if row["metric"] == "spearman" else pearsonr
            assert row["value"] == pytest.approx(measure(x, y)[0])
        assert (row["genotypes"], row["scored_on"]) == (len(x), observations_hash(part))


def test_differences_are_those_to_the_best_baseline_of_cross_validation_and_to_the_additive_ridge(predictions, scores):
    cv = scores.filter(split="train", metric="rmse", order=0, kind="baseline").sort("value")
    best = cv["model"][0]
    assert set(scores["best_baseline"]) == {best} != {"mean"}
    place = ["split", "metric", "order"]
    for column, name in (("minus_best", best), ("minus_additive", "additive_ridge")):
        reference = scores.filter(kind="baseline", model=name).select(*place, reference="value")
        both = scores.join(reference, on=place)
        expected = both.select(pl.col("value") - pl.col("reference")).to_series()
        assert both[column].null_count() == expected.null_count() < both.height / 2
        np.testing.assert_allclose(both[column].drop_nulls(), expected.drop_nulls(), atol=1e-12)
        own = scores.filter(kind="baseline", model=name, split="test").drop_nulls(f"{column}_low")
        assert (
            own.height and not own.select(f"{column}_low", f"{column}_high").to_numpy().any()
        )  # it is itself in every draw


def test_the_interval_of_a_difference_is_paired(predictions, scores):
    """Resampled one by one with the draws of the module: both models see the same genotypes."""
    row = scores.filter(split="test", metric="spearman", order=0, aggregation="pert_mean", kind="model").row(
        0, named=True
    )
    model, additive = (
        of(predictions, {**row, **which}).sort("genotype")
        for which in (
            {},
            {"kind": "baseline", "model": "additive_ridge", "representation": "none", "aggregation": "none"},
        )
    )
    y, random = model["observed"].to_numpy(), np.random.default_rng(0)
    draws = [random.integers(len(y), size=len(y)) for _ in range(DRAWS)]
    one, other = (
        np.array([spearmanr(m["predicted"].to_numpy()[i], y[i])[0] for i in draws]) for m in (model, additive)
    )
    assert (row["low"], row["high"]) == pytest.approx(np.percentile(one, resampling.INTERVAL))
    found = (row["minus_additive_low"], row["minus_additive_high"])
    assert found == pytest.approx(np.percentile(one - other, resampling.INTERVAL))


def test_the_second_interval_draws_query_strains_and_genotypes_without_one(predictions, scores, queries):
    row = scores.filter(split="test", metric="pearson", order=0, aggregation="pert_sum", kind="model").row(
        0, named=True
    )
    part = of(predictions, row).sort("genotype").join(queries, on="genotype", how="left", maintain_order="left")
    names = [f"query {q}" if q else g for g, q in part.select("genotype", "query").iter_rows()]
    units = np.unique(names, return_inverse=True)[1]
    assert len(set(units)) == 8 + (part["order"] == 1).sum()
    x, y = part["predicted"].to_numpy()[None], part["observed"].to_numpy()
    expected = resampling.interval(resampling.resampled(x, y, units, draws=DRAWS)["pearson"][0])
    assert (row["low_queries"], row["high_queries"]) == pytest.approx(expected)
    # singles have no query strain, and the small test split none that is known here
    assert scores.filter(order=1)["low_queries"].null_count() == scores.filter(order=1).height
    assert scores.filter(split="test_of_size")["low_queries"].null_count() == scores.filter(split="test_of_size").height
    assert scores.filter(split="test", order=0, metric="rmse")["minus_best_low_queries"].null_count() == 0


def test_few_genotypes_or_few_query_strains_have_no_interval(predictions, queries):
    test = predictions.filter((pl.col("split") == "test") & (pl.col("training_sample") == 0))
    train = predictions.filter((pl.col("split") == "train") & (pl.col("training_sample") == 0))
    names = test["genotype"].unique().sort()

    def lows(count: int, strains: int) -> tuple[int, int]:
        few = pl.concat([train, test.filter(pl.col("genotype").is_in(names.head(count).implode()))])
        merged = queries.with_columns(query=pl.format("q{}", pl.int_range(pl.len()) % strains))
        found = score(few, "1e3", Yardsticks(merged), draws=5).filter(
            (pl.col("order") == 0) & (pl.col("metric") == "rmse") & (pl.col("split") == "test")
        )
        return found["low"].count(), found["low_queries"].count()

    everything = len(BASELINES) + 8
    assert lows(99, 8) == (0, 0)
    assert lows(100, 8) == (everything, everything)
    assert lows(100, 5) == (everything, everything)
    assert lows(100, 4) == (everything, 0)


def test_nothing_that_was_fitted_or_chosen_by_has_an_interval(scores):
    assert set(scores.filter(pl.col("low").is_not_null())["split"]) == {
        "test"
    }  # the small one has fewer than 100 genotypes
    assert scores.filter(split="test_of_size", order=0)["genotypes"][0] < 100


def test_the_spread_is_the_jackknife_over_the_smaller_training_samples(predictions, scores):
    row = scores.filter(split="test", metric="pearson", order=2, aggregation="pert_mean", kind="model").row(
        0, named=True
    )
    samples = predictions.filter(
        pl.col("training_sample") > 0, pl.col("aggregation") == "pert_mean", pl.col("order") == 2
    )
    values = [pearsonr(s["predicted"], s["observed"])[0] for s in samples.partition_by("training_sample")]
    assert len(values) == 5
    assert row["spread"] == pytest.approx(np.sqrt(4 / 5 * sum((v - np.mean(values)) ** 2 for v in values)))
    other = scores.filter((pl.col("kind") != "model") | (pl.col("split") != "test"))
    assert other["spread"].null_count() == other.height


def test_the_spread_of_a_mean_is_its_standard_error():
    """A model that predicts the mean of train, off by the standard error of a mean: what the jackknife has to find."""
    from torchcell_assets.steps.trained.scores import _spread

    random, found = np.random.default_rng(0), []
    for _ in range(200):
        values = random.normal(size=500)
        means = [np.delete(values, np.s_[100 * k : 100 * k + 100]).mean() for k in range(5)]
        table = pl.DataFrame({
            "kind": "model", "model": "m", "representation": "r", "aggregation": "a", "order": 1,
            "training_sample": range(1, 6), "predicted": means, "observed": -10.0,
        })  # fmt: skip
        found.append(_spread(table, 0)["model", "m", "r", "a", "rmse"])
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(1 / np.sqrt(500), rel=0.1)


def test_the_band_of_noise_stands_at_pearson_on_the_test_set_alone(scores):
    there = scores.filter(pl.col("ceiling_low").is_not_null())
    assert set(there.select("split", "metric", "order").unique().iter_rows()) == {("test", "pearson", 0)}
    assert set(there.select("ceiling_low", "ceiling_high").unique().iter_rows()) == {(0.8, 0.9)}


def test_scores_are_the_same_every_time_and_in_any_row_order(predictions, queries):
    keys = list(Score.primary_key())
    one, two = (
        score(table, "1e3", Yardsticks(queries), draws=20).sort(keys)
        for table in (predictions, predictions.sample(fraction=1.0, shuffle=True, seed=1))
    )
    for name in one.columns:
        if one[name].dtype.is_float():
            np.testing.assert_allclose(one[name].to_numpy(), two[name].to_numpy(), atol=1e-12)
        else:
            assert one[name].equals(two[name])


def test_another_measurement_is_scored_on_the_genotypes_that_it_has(predictions, queries):
    test = predictions.filter((pl.col("split") == "test") & (pl.col("model") == "mean"))
    again = test.head(120).select(
        who=pl.lit("Doe 2020"),
        genotype="genotype",
        order="order",
        observed="observed",
        repeated=pl.col("observed") * 2 + 0.1,
    )
    found = score(predictions, "1e3", Yardsticks(queries, {}, again), draws=20).with_columns(
        pl.col("kind", "metric").cast(pl.String)
    )
    rows_of_it = found.filter(kind="repeat")
    assert set(rows_of_it["metric"]) == {"spearman", "pearson"} and set(rows_of_it["model"]) == {"Doe 2020"}
    whole = rows_of_it.filter(order=0)
    assert whole["value"].to_list() == pytest.approx([1.0, 1.0]) and whole["genotypes"].to_list() == [120, 120]
    assert whole["low"].to_list() == pytest.approx([1.0, 1.0])
    assert rows_of_it.filter(pl.col("order") > 0)["low"].null_count() == rows_of_it.filter(pl.col("order") > 0).height


def test_the_board_refuses_other_genotypes_and_other_observed_values_and_names_both(predictions, queries):
    by = Yardsticks(queries)
    cell, first = pl.col("kind") == "model", predictions["genotype"][0]
    split = predictions["split"].cast(pl.String)[0]
    words = (
        rf"elastic_net on codon_frequency \(size 1e3, {split}\) was scored on other genotypes or other observed values "
    )
    words += r"\(\w{16}\) than its baseline additive_log_ridge \(\w{16}\): train"
    with pytest.raises(ScoreboardMismatch, match=words):
        score(predictions.filter(~cell | (pl.col("genotype") != first)), "1e3", by)
    moved = pl.when(cell & (pl.col("genotype") == first)).then(0.123).otherwise("observed")
    with pytest.raises(ScoreboardMismatch, match=words):
        score(predictions.with_columns(observed=moved), "1e3", by)
    odd = pl.when(pl.col("model") == "mean").then(pl.col("observed") + 1).otherwise("observed")
    with pytest.raises(ScoreboardMismatch, match=r"^mean \(size 1e3"):
        score(predictions.with_columns(observed=odd), "1e3", by)
    with pytest.raises(ScoreboardMismatch, match=r"elastic_net on codon_frequency \(size 1e3\) has no baselines"):
        score(predictions.filter(pl.col("kind") != "baseline"), "1e3", by)
    with pytest.raises(TorchcellError):
        best_baseline(predictions.clear(), "1e3")


def test_the_best_baseline_is_chosen_without_the_test_genotypes(predictions):
    whole = predictions.filter(pl.col("training_sample") == 0).with_columns(pl.col("split").cast(pl.String))
    best = best_baseline(whole, "1e3")
    spoilt = pl.when(pl.col("split") != "train").then(pl.lit(9.0)).otherwise("predicted")
    assert (
        best_baseline(
            whole.with_columns(predicted=pl.when(pl.col("model") == best).then(spoilt).otherwise("predicted")), ""
        )
        == best
    )
    perfect = pl.when(pl.col("model") == "mean").then("observed").otherwise("predicted")
    assert best_baseline(whole.with_columns(predicted=perfect), "1e3") == "mean"


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
