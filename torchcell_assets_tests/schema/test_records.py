"""Rows that keep the rules, and the others: what is wrong in the published file is told, and hides no other row."""

import polars as pl
import pytest

from torchcell_assets.schema import Fitness, validate
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.schema.validation import DEPENDENT, PROBLEM, ROW_IS_READ, as_read
from torchcell_assets_tests.steps.graph.made_up import fitness_rows

NAN = float("nan")


def rows(**columns: list) -> pl.DataFrame:
    """The first three made-up records, with some columns of one's own."""
    return fitness_rows().head(3).with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def kept_and_broken(frame: pl.DataFrame) -> tuple[list[str], list[tuple[str, set[str]]]]:
    kept, failure = validate(Fitness, frame)
    assert kept.schema == polars_schema(Fitness)
    ids = frame["id"].to_list()
    details = failure.details()
    rules = [name for name in details.columns if name not in frame.columns]
    told = [
        (str(ids.index(row["id"])), {rule for rule in rules if row[rule] == "invalid"})
        for row in details.iter_rows(named=True)
    ]
    return [str(ids.index(one)) for one in kept["id"]], told


def test_without_a_problem_the_rules_of_the_class_decide_and_types_are_made_to_fit():
    assert kept_and_broken(rows(samples=[4.0, 2.0, 1.0])) == (["0", "1", "2"], [])
    assert kept_and_broken(rows(samples=[4, 0, 1])) == (["0", "2"], [("1", {"samples|min"})])


def test_a_row_with_a_problem_breaks_the_rule_that_it_is_read():
    frame = rows(problem=[None, "column x holds '#DIV/0!'", None])
    assert kept_and_broken(frame) == (["0", "2"], [("1", {ROW_IS_READ})])
    kept, failure = validate(Fitness, frame)
    assert PROBLEM not in kept.columns
    assert failure.invalid()[PROBLEM].to_list() == ["column x holds '#DIV/0!'"]
    assert failure.counts() == {"row_is_read": 1}


def test_types_are_made_to_fit_beside_problems_too():
    frame = rows(problem=[None, None, "x"], samples=[4.0, 0.0, 2.0])
    assert kept_and_broken(frame) == (["0"], [("1", {"samples|min"}), ("2", {ROW_IS_READ})])
    assert validate(Fitness, frame)[0]["samples"].to_list() == [4]


def test_of_a_row_with_a_problem_a_number_that_is_none_is_not_told_as_well():
    frame = rows(problem=[None, "x", None], samples=[4.0, NAN, NAN])
    assert kept_and_broken(frame) == (["0"], [("1", {ROW_IS_READ}), ("2", {"samples|dtype"})])


@pytest.mark.parametrize("value", [NAN, 0.25])
def test_of_a_row_with_a_problem_a_number_that_need_be_no_integer_is_kept_to_be_told(value):
    frame = rows(problem=["x", None, None], value=[value, 0.5, 0.5])
    _, failure = validate(Fitness, frame)
    assert str(failure.invalid()["value"].item()) == str(value)


def test_a_class_that_is_read_has_one_form():
    assert as_read(Fitness) is as_read(Fitness)
    assert as_read(Fitness).__name__ == "Fitness"
    assert as_read(Fitness).columns().keys() - Fitness.columns().keys() == {PROBLEM, DEPENDENT}
