"""The nearest right word."""

import doctest

from torchcell_assets import errors


def test_the_examples_are_what_is_said():
    assert doctest.testmod(errors).failed == 0
    assert doctest.testmod(errors).attempted > 0


def test_too_many_names_are_not_listed_and_no_case_is_told_apart():
    assert errors.no_such("gene", "zzz", map(str, range(100))) == "There is no gene 'zzz'"
    assert errors.no_such("gene", "CDC28", ["cdc28"]).endswith("did you mean cdc28?")
