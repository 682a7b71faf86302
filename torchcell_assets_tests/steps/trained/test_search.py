import json

import numpy as np
import pytest

from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.steps.trained.search import at_edge, choose

FOLDS = np.repeat([0, 1], 4)
TRUTH = np.array([1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0])
TURNED = np.array([4.0, 3.0, 2.0, 1.0, 4.0, 3.0, 2.0, 1.0])
BENT = np.array([1.0, 2.0, 3.0, 9.0, 1.0, 2.0, 3.0, 9.0])  # Spearman 1, Pearson less
SHIFTED = TRUTH + 1.0  # both 1, RMSE 1
HALF = np.where(FOLDS == 0, TRUTH, 5.0)  # constant in the second fold: undefined
SWAPPED = np.array([1.0, 3.0, 2.0, 4.0, 1.0, 2.0, 3.0, 4.0])  # one swap in one fold


@pytest.mark.parametrize(
    ("by", "columns", "best"),
    [
        ("spearman", [TURNED, SWAPPED, TRUTH], 2),
        ("spearman", [TRUTH, TURNED], 0),
        ("spearman", [SWAPPED, BENT], 1),  # Spearman goes first: BENT has the lower Pearson
        ("spearman", [BENT, SHIFTED], 1),  # a tie goes to Pearson, although its RMSE is
        ("spearman", [BENT * 0.3, SHIFTED * 9], 1),  # larger
        ("spearman", [SHIFTED, TRUTH, TRUTH], 1),  # then to RMSE, then to the first
        ("spearman", [HALF, SWAPPED], 1),  # undefined in one fold is no score
        ("spearman", [HALF, TURNED], 1),
        ("spearman", [TRUTH * (1 + 1e-13), TRUTH], 0),  # what summation leaves in the last digits is no difference
        ("rmse", [SHIFTED, SWAPPED], 1),  # RMSE goes first: SHIFTED has the higher correlations
        ("rmse", [BENT, TURNED, SHIFTED], 2),
        ("rmse", [HALF, SHIFTED * 9], 0),  # it is defined where correlations are not
        ("rmse", [2 * TRUTH.mean() - SHIFTED, SHIFTED], 1),  # a tie goes to Pearson
    ],
)
def test_the_candidate_with_the_best_mean_over_the_folds_wins(by, columns, best):
    candidates = [{"C": at} for at in range(len(columns))]
    found = choose(candidates, FOLDS, TRUTH, np.column_stack(columns), by=by, warning="mind")
    assert found.best == best
    assert found.table.filter("chosen")["candidate"].to_list() == [best]
    assert found.table["parameters"].to_list() == [json.dumps(one) for one in candidates]
    assert set(found.table["warning"]) == {"mind"} and found.table["alias_of"].null_count() == len(candidates)


def test_the_search_table_holds_the_mean_over_the_folds():
    table = choose([{}, {}, {}], FOLDS, TRUTH, np.column_stack([SWAPPED, HALF, SHIFTED]), by="rmse").table
    assert table["spearman"].to_list() == pytest.approx([(0.8 + 1.0) / 2, None, 1.0])
    assert table["pearson"].to_list() == pytest.approx([(0.8 + 1.0) / 2, None, 1.0])
    assert table["rmse"].to_list() == pytest.approx([np.sqrt(0.5) / 2, np.sqrt((16 + 9 + 4 + 1) / 4) / 2, 1.0])


def test_the_published_grid_chooses_as_the_study_did_and_the_others_by_rmse():
    assert {name: grid.choose_by for name, grid in GRIDS.items()} == {
        "smallest": "rmse",
        "quick": "rmse",
        "paper": "spearman",
    }


def test_a_winner_at_the_end_of_what_was_tried_is_told_and_no_natural_end_is():
    def edges(values, name="C", **chosen):
        candidates = [{name: value, "kernel": "rbf", "two": two} for value in values for two in (1, 2)]
        return [at_edge(candidates, 2 * i) for i in range(len(values))]

    assert edges([0.1, 1.0, 10.0]) == [["C"], [], ["C"]]
    assert edges([10.0, 0.1, 1.0]) == [["C"], ["C"], []]
    assert edges([0.1, 1.0]) == [[], []]  # of two values both are ends
    assert edges([0.001, 0.1, 1.0], "relative_alpha") == [["relative_alpha"], [], []]  # at 1 no gene is left
    assert edges([1e-6, 0.1, 0.5], "min_samples_leaf") == [[], [], []]
    assert edges([None, 5, 10, 20], "max_depth") == [[], ["max_depth"], [], ["max_depth"]]
    candidates = [{"C": c, "epsilon": e} for c in (1, 2, 3) for e in (1, 2, 3)]
    assert (
        at_edge(candidates, 0) == ["C", "epsilon"]
        and at_edge(candidates, 3) == ["epsilon"]
        and at_edge(candidates, 4) == []
    )
    held_out = np.column_stack([SHIFTED, SHIFTED, TRUTH])
    table = choose([{"C": c} for c in (1, 2, 3)], FOLDS, TRUTH, held_out, by="rmse").table
    assert table["at_edge"].to_list() == [None, None, "C"]
