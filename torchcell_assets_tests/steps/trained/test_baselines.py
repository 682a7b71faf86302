import numpy as np
import polars as pl
import pytest

from torchcell_assets.schema.records import Prediction
from torchcell_assets.steps.trained.baselines import BASELINES, fit_baselines, mean_per_order, product_of_singles
from torchcell_assets_tests.steps.trained.synthetic import gene_names, screen, table

A, B, C = gene_names(3)
NONE = pl.DataFrame(schema={"gene": pl.String, "value": pl.Float64})


def singles_of(subset: pl.DataFrame) -> pl.DataFrame:
    trained = subset.filter((pl.col("order") == 1) & (pl.col("split") == "train"))
    return trained.select(gene="genes", value="value")


def test_every_baseline_predicts_every_genotype_once():
    subset = screen(300)
    predictions = fit_baselines(subset, singles_of(subset)).predictions
    Prediction.validate(predictions)
    assert predictions.height == 300 * len(BASELINES)
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
    subset = screen(900, genes=40, noise=0.001)
    predictions = fit_baselines(subset, singles_of(subset)).predictions.filter(
        pl.col("split").cast(pl.String) == "test"
    )
    error = {
        name: (part["predicted"] - part["observed"]).abs().mean()
        for (name,), part in predictions.group_by("model", maintain_order=True)
    }
    assert error["additive_log_ridge"] < error["additive_ridge"] < 0.5 * error["mean"]


def test_the_test_labels_do_not_reach_the_predictions():
    subset = screen(300)
    inside = pl.col("split").cast(pl.String) == "train"
    other = subset.with_columns(value=pl.when(inside).then("value").otherwise(0.0))
    one, two = (fit_baselines(s, singles_of(subset)).predictions["predicted"] for s in (subset, other))
    assert one.equals(two)
