"""The words in which a person reads why something is outdated."""

import pytest

from torchcell_assets.staleness.reasons import code_changes, data_moved, files_lost, recipe_changes
from torchcell_assets.storage.files import Lost

CLASS = {"columns": {"value": {"type": "Float64"}}, "rules": {}}
NULLABLE = {"columns": {"value": {"type": "Float64", "nullable": True}}, "rules": {}}


@pytest.mark.parametrize(
    ("used", "uses", "told"),
    [
        ({"class F": CLASS}, {"class F": NULLABLE}, ["F: value: nullable None -> True"]),
        ({"source a/b.xlsx": ["0"]}, {"source a/b.xlsx": ["1"]}, ["another raw file a/b.xlsx"]),
        ({"file a.sql": "0"}, {"file a.sql": "1"}, ["file a.sql changed"]),
        ({"policy seed": 1}, {"policy seed": 2}, ["policy seed changed"]),
        ({"policy p": {"a": 1, "b": 1}}, {"policy p": {"a": 2, "b": 1}}, ["policy p changed (a)"]),
        ({"policy p": {"a": 1}}, {"policy p": {"b": 1}}, ["policy p changed (a, b)"]),
        ({"policy p": {"a": 1}}, {"policy p": 1}, ["policy p changed"]),
        ({}, {"class F": CLASS}, ["now uses class F"]),
        ({"class F": CLASS}, {}, ["no longer uses class F"]),
        ({"policy b": 1, "policy a": 1}, {"policy b": 2, "policy a": 2}, ["policy a changed", "policy b changed"]),
    ],
)
def test_what_an_asset_uses_is_named_by_what_changed_of_it(used, uses, told):
    assert code_changes("1-aa", "1-bb", used, uses) == told


def test_another_logic_is_told_before_all_else_and_an_unknown_cause_by_the_versions():
    assert code_changes("1-aa", "2-bb", {"policy a": 1}, {"policy a": 2}) == ["logic 1 -> 2", "policy a changed"]
    assert code_changes("1-a-aa", "1-b-aa", {}, {}) == ["logic 1-a -> 1-b"]  # `logic` may hold a dash
    assert code_changes("1-aa", "1-bb", None, {"policy a": 2}) == ["code version 1-aa -> 1-bb"]
    assert code_changes(None, "1-bb", None, {}) == ["code version None -> 1-bb"]
    assert code_changes("1-aa", "2-aa", None, {}) == ["logic 1 -> 2"]


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({"a": "1"}, {"a": "2"}, "x has other data: a"),
        ({}, {"a": "2"}, "x has new: a"),
        ({"a": "1"}, {}, "x has gone: a"),
        ({"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "1", "d": "1"}, "x has other data: a; new: d; gone: c"),
        ({}, dict.fromkeys("cab", "1"), "x has new: a, b, c"),
        ({}, dict.fromkeys("dcab", "1"), "x has new: a, b, c and 1 more"),
        ({}, dict.fromkeys("edcab", "1"), "x has new: a, b, c and 2 more"),
    ],
)
def test_partitions_of_an_input_are_named_by_what_became_of_them(then, now, told):
    assert data_moved("x", then, now) == told


RECIPE = {"key": "k", "logic": "1", "dimension": 10, "parameters": {"scale": 1}, "files": {"a": ["0"]}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"logic": "2"}, "another recipe: logic 1 -> 2"),
        ({"dimension": None}, "another recipe: dimension 10 -> None"),
        ({"parameters": {"scale": 2}}, "another recipe: scale 1 -> 2"),
        ({"parameters": {"shift": 2}}, "another recipe: scale 1 -> none, shift none -> 2"),
        ({"files": {"a": ["1"]}}, "another recipe: another raw file a"),
        ({"files": {"a": ["0"], "b": ["0"]}, "logic": "2"}, "another recipe: another raw file b, logic 1 -> 2"),
    ],
)
def test_a_recipe_is_told_by_its_files_and_its_values(change, told):
    assert recipe_changes(RECIPE, {**RECIPE, **change}) == told


def test_a_recipe_that_was_not_stored_or_had_no_files_is_another():
    assert recipe_changes({}, RECIPE) == "another recipe"
    bare = {"key": "k", "logic": "1"}
    assert recipe_changes(bare, {**bare, "files": {"a": ["0"]}}) == "another recipe: another raw file a"
    assert recipe_changes({**bare, "files": {"a": ["0"]}}, bare) == "another recipe: another raw file a"
    assert recipe_changes({**bare, "parameters": {"x": 1}}, bare) == "another recipe: x 1 -> none"


@pytest.mark.parametrize(
    ("gone", "changed", "told"),
    [
        (["a"], [], "missing: a is gone"),
        (["a", "b"], [], "missing: a, b are gone"),
        (["a", "b", "c", "d"], [], "missing: a, b, c and 1 more are gone"),
        ([], ["a"], "a was changed after it was made"),
        ([], ["a", "b"], "a, b were changed after they were made"),
        (["a"], ["b"], "missing: a is gone; b was changed after it was made"),
    ],
)
def test_files_that_are_gone_or_changed_are_told_in_one_sentence(gone, changed, told):
    assert files_lost(Lost(gone=tuple(gone), changed=tuple(changed))) == told
