import numpy as np
import polars as pl
import pytest

from torchcell_assets.schema.derived import Prediction
from torchcell_assets.steps.trained.baselines import BASELINES, fit_baselines, mean_per_order, product_of_singles
from torchcell_assets.steps.trained.query_baselines import query_strain, query_x_single
from torchcell_assets_tests.steps.trained.synthetic import gene_names, rows, rows_of, table

A, B, C, D, Q, R = gene_names(6)
NONE = pl.DataFrame(schema={"gene": pl.String, "value": pl.Float64})


def singles_of(subset: pl.DataFrame) -> pl.DataFrame:
    trained = subset.filter((pl.col("order") == 1) & (pl.col("split") == "train"))
    return trained.select(gene="genes", value="value")


def test_every_baseline_predicts_every_genotype_once():
    subset = rows(300, more=200)
    predictions = fit_baselines(subset, singles_of(subset), target="fitness").predictions
    Prediction.validate(predictions)
    assert predictions.height == subset.height * len(BASELINES) > 300 * len(BASELINES)
    assert predictions["model"].unique(maintain_order=True).to_list() == list(BASELINES)
    assert set(predictions["aggregation"]) == {"none"}


def test_mean_and_mean_per_order_are_those_of_train():
    subset = table([A, B, f"{A}+{B}", C, f"{A}+{C}"], [1.0, 0.8, 0.5, 0.1, 0.2],
                   split=["train", "train", "train", "test", "validation"])  # fmt: skip
    np.testing.assert_allclose(mean_per_order(subset), [0.9, 0.9, 0.5, 0.9, 0.5])


def test_the_product_uses_measured_singles_and_says_how_many():
    subset = table([f"{A}+{B}", f"{A}+{C}", A, f"{A}+{B}+{C}"], [0.4, 0.5, 0.8, 0.3],
                   split=["train", "test", "train", "validation"])  # fmt: skip
    predicted, coverage = product_of_singles(subset, pl.DataFrame({"gene": [A, B], "value": [0.8, 0.5]}))
    # a genotype never predicts itself: the single mutant A counts as 1
    np.testing.assert_allclose(predicted, [0.4, 0.8, 1.0, 0.4])
    assert coverage == pytest.approx({"test": 1 / 2, "train": 2 / 3, "validation": 2 / 3})
    assert product_of_singles(subset, NONE)[0].tolist() == [1.0] * 4


def test_additive_ridge_finds_additive_effects_and_log_ridge_multiplicative_ones():
    subset = rows(900, genes=40, noise=0.001)
    predictions = fit_baselines(subset, singles_of(subset), target="fitness").predictions.filter(
        pl.col("split").cast(pl.String) == "test"
    )
    error = {
        name: (part["predicted"] - part["observed"]).abs().mean()
        for (name,), part in predictions.group_by("model", maintain_order=True)
    }
    assert error["additive_log_ridge"] < error["additive_ridge"] < 0.5 * error["mean"]


def test_the_test_labels_do_not_reach_the_predictions():
    subset = rows(300)
    inside = pl.col("split").cast(pl.String) == "train"
    other = subset.with_columns(value=pl.when(inside).then("value").otherwise(0.0))
    one, two = (
        fit_baselines(s, singles_of(subset), target="fitness").predictions["predicted"] for s in (subset, other)
    )
    assert one.equals(two)


CROSSES = [f"{A}+{Q}", f"{B}+{Q}", f"{C}+{Q}", f"{A}+{R}", f"{B}+{R}", f"{D}+{Q}", D]
QUERIES = ["q1", "q1", "q1", "r1", "r1", "q1", None]
VALUES = [0.4, 0.3, 0.9, 0.5, 0.6, 9.0, 1.0]
SPLITS = ["train", "train", "train", "train", "train", "test", "train"]
OUTSIDE = np.arange(7)  # every training genotype is a fold of its own


def crosses(**change) -> pl.DataFrame:
    return table(CROSSES, VALUES, split=SPLITS, queries=QUERIES).with_columns(**change)


def test_the_query_strain_is_the_mean_of_its_training_crosses_but_those_of_the_fold():
    found = query_strain(crosses(), OUTSIDE)
    assert found == pytest.approx([0.6, 0.65, 0.35, 0.6, 0.5, 1.6 / 3, np.mean(VALUES[:5])])
    # in one fold with all others of its query strain, nothing is left but the others of the order
    assert query_strain(crosses(), np.array([0, 0, 0, 1, 2, 9, 9]))[:3] == pytest.approx([0.55] * 3)


def test_an_unknown_query_strain_is_the_mean_of_its_order():
    of_order = np.mean(VALUES[:5])
    for query in ("q9", None):
        odd = crosses(query=pl.Series([*QUERIES[:5], query, None]))
        assert query_strain(odd, OUTSIDE)[5] == pytest.approx(of_order)
        assert query_x_single(odd, NONE, OUTSIDE, 0.05)[5] == pytest.approx(of_order)


def test_query_x_single_multiplies_what_the_query_strain_is_worth_by_the_single_of_the_array_gene():
    singles = pl.DataFrame({"gene": [A, B, D, Q], "value": [0.8, 0.5, 0.7, 0.01]})
    found = query_x_single(crosses(), singles, np.full(7, 3), 0.05)  # train is one fold: nothing to learn for itself
    # q1 is worth the mean of 0.4 / 0.8 and 0.3 / 0.5; C has no single, and says nothing of it
    assert found[5] == pytest.approx(0.55 * 0.7)
    apart = query_x_single(crosses(), singles, OUTSIDE, 0.05)
    assert apart[:5] == pytest.approx([0.6 * 0.8, 0.5 * 0.5, 0.35, 1.2 * 0.8, 0.625 * 0.5])
    assert apart[6] == pytest.approx(np.mean(VALUES[:5]))  # a single mutant is not predicted by itself
    # a single mutant that hardly grows does not make its query strain a giant
    floored = query_x_single(crosses(), singles.with_columns(value=pl.lit(0.001)), OUTSIDE, 0.05)
    assert floored[5] == pytest.approx(np.mean([0.4, 0.3]) / 0.05 * 0.001)


def test_the_product_of_the_sample_knows_the_singles_of_its_own_train_alone():
    subset = rows_of(table([A, B, f"{A}+{B}", f"{A}+{C}", D], [0.8, 0.5, 0.4, 0.3, 1.0],
                           split=["train", "validation", "test", "train", "train"]))  # fmt: skip
    made = fit_baselines(subset, pl.DataFrame({"gene": [A, B, C], "value": [0.8, 0.5, 0.2]}), target="fitness")
    test = made.predictions.filter(pl.col("split").cast(pl.String) == "test")
    found = dict(test.select("model", "predicted").iter_rows())
    assert found["product_of_singles"] == pytest.approx(0.4)
    assert found["product_of_sample_singles"] == pytest.approx(0.8)
    assert made.notes["sample_singles_coverage"]["test"] == 0.5
