"""When a record class has changed, and when it has not."""

import importlib.util
import itertools
import json
import sys

import pytest

from torchcell_assets.schema import RECORD_CLASSES
from torchcell_assets.schema.fingerprint import describe, difference, fingerprint

BASE = '''
import dataframely as dy
class Perturbed(dy.Schema):
    gene = dy.String(regex="^Y")
    kind = dy.Enum(["deletion", "ts"])
class Measured(dy.Schema):
    """Doc."""
    dataset = dy.String(min_length=1)
    @dy.rule()
    def named(cls):
        return cls.dataset.col != "x"
class Fitness(Measured):
    """Doc."""
    value = dy.Float64(nullable=True, min=0.0, description="relative to wild type")
    genes = dy.List(dy.Struct({"gene": dy.String(), "kind": dy.Enum(["deletion", "ts"])}), min_length=1)
    @dy.rule()
    def has_value(cls):
        """Rule."""
        # why
        return cls.value.col.is_not_null() | (cls.dataset.col == "x")
    checked = dy.Int64(
        check=lambda column: column.is_in([1, 2]),  # a part of a call
        nullable=True,
    )
'''
_numbers = itertools.count()


@pytest.fixture
def load(tmp_path):
    def load(text: str):
        name = f"edited_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module.Fitness

    return load


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""Doc."""', '"""Other."""'),
        ('"""Rule."""', '"""Another."""'),
        ("# why", "# because"),
        ("# a part", "# a fragment"),
        ("relative to wild type", "relative to WT"),
        ("value = dy.Float64(", 'value = dy.Float64(metadata={"unit": "none"}, '),
        ("value = dy.Float64(", 'value = dy.Float64(alias="value", '),
        ('!= "x"', "!= 'x'"),
        ('return cls.dataset.col != "x"', 'return (\n            cls.dataset.col != "x"\n        )'),
        ("is_not_null()", "is_not_null(\n        )"),
        ("column.is_in([1, 2])", "column.is_in([1,  2])"),
    ],
    ids=[
        "docstring",
        "docstring of a rule",
        "comment",
        "comment in a call",
        "description",
        "metadata",
        "alias",
        "quotes",
        "brackets",
        "line",
        "space",
    ],
)
def test_what_cannot_change_stored_data_changes_no_fingerprint(load, before, after):
    assert fingerprint(load(BASE)) == fingerprint(load(BASE.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("value = dy.Float64(", "value = dy.Float32(", ["value: type Float64 -> Float32"]),
        ("nullable=True, min=0.0", "nullable=False, min=0.0", ["value: nullable True -> None"]),
        ("min=0.0", "min=0.1", ["value: min 0.0 -> 0.1"]),
        (", min=0.0", "", ["value: min 0.0 -> None"]),
        ("    value = dy", "    replicate = dy.UInt8(nullable=True)\n    value = dy", ["+replicate"]),
        ("is_not_null()", "is_null()", ["rule has_value changed"]),
        ('!= "x"', '!= "y"', ["rule named changed"]),
        ('cls.dataset.col == "x"', 'cls.dataset.col == ("x",)', ["rule has_value changed"]),
    ],
    ids=["type", "nullable", "constraint", "zero constraint dropped", "new field", "rule", "inherited rule", "tuple"],
)
def test_a_change_is_noticed_and_told_by_field(load, before, after, told):
    old, new = load(BASE), load(BASE.replace(before, after))
    assert fingerprint(old) != fingerprint(new)
    assert difference(describe(old), describe(new)) == told


def test_differences_are_told_in_the_order_of_the_names(load):
    names = [f"{letter}_{number}" for letter in "qwertyuiop" for number in range(3)]
    many = BASE.replace("    value = dy", "".join(f"    {name} = dy.Int64()\n" for name in names) + "    value = dy")
    assert difference(describe(load(BASE)), describe(load(many))) == [f"+{name}" for name in sorted(names)]


def test_a_field_that_goes_or_comes_and_every_value_of_a_list_are_told(load):
    more = BASE.replace("    value = dy", "    X_n = dy.UInt8()\n    value = dy")
    assert difference(describe(load(more)), describe(load(BASE))) == ["-X_n"]
    assert difference(describe(load(BASE)), describe(load(more))) == ["+X_n"]
    other = BASE.replace('"kind": dy.Enum(["deletion", "ts"])', '"kind": dy.Enum(["deletion", "damp", "supp"])')
    assert difference(describe(load(BASE)), describe(load(other))) == ["genes.kind: categories +damp, +supp, -ts"]


def test_rules_that_changed_are_told_in_the_order_of_their_names(load):
    names = [f"rule_{letter}" for letter in "qwertyuiop"]
    rules = "".join(f"    @dy.rule()\n    def {name}(cls):\n        return cls.value.col > 0\n" for name in names)
    assert difference(describe(load(BASE)), describe(load(BASE + rules))) == [
        f"rule {name} added" for name in sorted(names)
    ]


IN_A_CALL = """
    inside = dy.Int64(
        check={
            "low": lambda column: column > 1,  # why
            "high": lambda column: column < 9,
        },
    )
"""


@pytest.mark.parametrize(("before", "after"), [("# why", "# because"), ("column > 1", "column  >  1")])
def test_a_check_whose_lines_are_no_statement_is_told_by_its_words_and_not_by_its_layout(load, before, after):
    text = BASE + IN_A_CALL
    assert fingerprint(load(text)) == fingerprint(load(text.replace(before, after)))
    for edit in ("column > 2", "column >= 1", "-column > 1"):
        assert fingerprint(load(text)) != fingerprint(load(text.replace("column > 1", edit)))


def test_a_constraint_of_any_type_can_be_stored(load):
    text = BASE + "    day = dy.Date(min=__import__('datetime').date(2020, 1, 2))\n"
    said = json.loads(json.dumps(describe(load(text))))["columns"]["day"]
    assert said == {"type": "Date", "min": "datetime.date(2020, 1, 2)"}


def test_a_check_inside_of_a_call_is_noticed(load):
    old, new = load(BASE), load(BASE.replace("is_in([1, 2])", "is_in([1, 3])"))
    assert [line.split(" ")[:2] for line in difference(describe(old), describe(new))] == [["checked:", "check"]]


def test_a_rule_that_goes_and_a_list_in_another_order_are_told(load):
    gone = BASE.replace('    @dy.rule()\n    def named(cls):\n        return cls.dataset.col != "x"\n', "    pass\n")
    assert difference(describe(load(BASE)), describe(load(gone))) == ["rule named removed"]
    assert difference(describe(load(gone)), describe(load(BASE))) == ["rule named added"]
    turned = BASE.replace('"kind": dy.Enum(["deletion", "ts"])', '"kind": dy.Enum(["ts", "deletion"])')
    assert difference(describe(load(BASE)), describe(load(turned))) == ["genes.kind: categories in another order"]


def test_a_nested_class_belongs_to_the_fingerprint(load):
    edited = BASE.replace('"kind": dy.Enum(["deletion", "ts"])', '"kind": dy.Enum(["deletion", "ts", "damp"])')
    old, new = load(BASE), load(edited)
    assert fingerprint(old) != fingerprint(new)
    assert difference(describe(old), describe(new)) == ["genes.kind: categories +damp"]


def test_descriptions_can_be_stored(load):
    assert json.loads(json.dumps(describe(load(BASE)))) == describe(load(BASE))


def test_fingerprints_change_only_in_a_reviewed_commit(snapshot):
    """Every change outdates all that was stored with the class: `pytest --snapshot-update` makes it a visible choice."""
    assert {name: fingerprint(cls) for name, cls in RECORD_CLASSES.items()} == snapshot
