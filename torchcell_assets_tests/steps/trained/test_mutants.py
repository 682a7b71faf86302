"""What is told of a mutant beside its prediction, and which model is asked by default."""

from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.steps.merged.viability import Calls
from torchcell_assets.steps.trained import mutants

CALLS = Calls({"A": ("one",), "B": ("one",)}, {"B": ("two",), "C": ("one", "two")})


def known(*genotypes: list[str]) -> pl.DataFrame:
    predicted = pl.DataFrame({name: [0.5] * len(genotypes) for name in ("predicted", "low", "high")})
    return mutants.with_what_is_known(predicted, genotypes, CALLS, Path("nowhere"))


def test_of_an_essential_gene_nothing_is_predicted_and_it_is_said_why():
    found = known(["A", "C"], ["B"], ["C"], ["D"], ["A", "B", "A"])
    assert found["essential"].to_list() == [True, True, False, None, True]
    for name in ("predicted", "low", "high"):
        assert found[name].to_list() == [None, None, 0.5, 0.5, None]
    assert [reason and reason.split(":")[0] for reason in found["reason"]] == [
        "A is essential",
        "B is essential",
        None,
        None,
        "A, B are essential",
    ]


def test_it_is_told_which_datasets_say_so_and_which_do_not():
    assert known(["A"], ["B"], ["C", "A"], ["D"], ["D", "C"])["essential_source"].to_list() == [
        "A: essential in one",
        "B: essential in one, viable in two",
        "A: essential in one; C: viable in one and two",
        None,
        "C: viable in one and two",
    ]


def test_a_gene_that_no_dataset_has_leaves_it_open_and_an_essential_one_does_not():
    assert known(["C", "D"], ["D", "A"])["essential"].to_list() == [None, True]


def test_without_a_merged_table_nothing_is_said_of_what_was_measured():
    assert known(["C"])["nearest_measured"].to_list() == [None]


ROW = {
    "target": "fitness",
    "model": "elastic_net", "size": "1e3", "representation": "one_hot", "aggregation": "pert_sum", "kind": "model",
    "split": "train", "order": 0,
}  # fmt: skip


def board(*rows: dict, rmse: float = 0.1, spearman: float = 0.5) -> pl.DataFrame:
    """A row per metric of each of `rows`."""
    every = [
        ROW | row | {"metric": metric, "value": row.get(metric, value)}
        for row in rows
        for metric, value in (("rmse", rmse), ("spearman", spearman))
    ]
    return pl.DataFrame([{k: v for k, v in row.items() if k not in ("rmse", "spearman")} for row in every])


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        # the largest size, whatever the score; `all` is larger than any number, and 2e4 than 1e4
        ([{"rmse": 0.01}, {"size": "1e4"}, {"size": "2e4", "rmse": 0.9}], "elastic_net/2e4/one_hot/pert_sum"),
        ([{"rmse": 0.01, "size": "1e5"}, {"size": "all"}], "elastic_net/all/one_hot/pert_sum"),
        # by error, and not by rank correlation; of equal errors by it; of equals by name
        ([{"spearman": 0.9, "rmse": 0.2}, {"model": "random_forest"}], "random_forest/1e3/one_hot/pert_sum"),
        ([{"spearman": 0.6, "aggregation": "pert_mean"}, {}], "elastic_net/1e3/one_hot/pert_mean"),
        ([{"model": "support_vector"}, {}], "elastic_net/1e3/one_hot/pert_sum"),
        # what is no model is not asked, and what counts is cross-validation over all orders
        ([{"rmse": 0.01, "kind": "baseline", "size": "all"}, {}], "elastic_net/1e3/one_hot/pert_sum"),
        ([{"rmse": 0.01, "kind": "permuted", "model": "x"}, {}], "elastic_net/1e3/one_hot/pert_sum"),
        ([{"rmse": 0.01, "split": "test", "model": "x"}, {}], "elastic_net/1e3/one_hot/pert_sum"),
        ([{"rmse": 0.01, "order": 2, "model": "x"}, {}], "elastic_net/1e3/one_hot/pert_sum"),
        ([{"spearman": None}], "elastic_net/1e3/one_hot/pert_sum"),
    ],
)
def test_the_model_that_is_asked_is_the_best_in_cross_validation_of_the_largest_size(rows, best):
    assert mutants.best_model(board(*rows), "fitness") == best
    assert mutants.best_model(board(*rows[::-1]), "fitness") == best


def test_without_a_model_on_the_board_there_is_none():
    assert mutants.best_model(board({"kind": "baseline"}), "fitness") is None


def test_where_a_board_has_two_targets_the_best_of_the_one_that_is_asked_is_called_by_both_names():
    both = board({"rmse": 0.2}, {"target": "interaction", "rmse": 0.1, "model": "x"})
    assert mutants.best_model(both, "fitness") == "elastic_net/1e3/one_hot/fitness.pert_sum"
    assert mutants.best_model(both, "interaction") == "x/1e3/one_hot/interaction.pert_sum"
