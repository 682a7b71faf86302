"""What an asset declares: by which names, and what of a query file counts."""

from pathlib import Path

import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema import Fitness
from torchcell_assets.staleness import Members, Policy
from torchcell_assets.staleness.provenance import members_gone
from torchcell_assets.staleness.queries import words
from torchcell_assets.staleness.step import code_version, describe_uses
from torchcell_assets.steps.datasets.publications.sga import SGA_SCORES
from torchcell_assets.steps.graph.read import PERTURBATIONS

SQL = """-- what it is for
SELECT 'it''s -- no comment', "a /* column */", $$ -- body $$, x - -1 /* why
and how */ FROM t WHERE a <> 1.5e-3
"""
CYPHER = """// what it is for
MATCH (a)--(b {name: 'it\\'s // no comment', `a /* name */`: "// x"}) /* why
and how */ WHERE a.x <> $lo RETURN a
"""


@pytest.fixture
def said(tmp_path):
    """The description of a query with this text."""

    def said(name: str, text: str) -> dict:
        (tmp_path / name).write_text(text)
        return describe_uses([tmp_path / name])

    return said


@pytest.mark.parametrize(
    ("name", "text", "before", "after"),
    [
        ("q.sql", SQL, "-- what it is for\n", ""),
        ("q.sql", SQL, "what it is for", "what it's for"),
        ("q.sql", SQL, "/* why\nand how */", ""),
        ("q.sql", SQL, " WHERE", "\n\n    WHERE -- all others\n"),
        ("q.cypher", CYPHER, "// what it is for\n", ""),
        ("q.cypher", CYPHER, "what it is for", 'what "it is for'),
        ("q.cypher", CYPHER, "/* why\nand how */", "// because\n"),
        ("q.cypher", CYPHER, " RETURN", "\n  RETURN"),
    ],
)
def test_a_comment_or_white_space_in_a_query_outdates_nothing(said, name, text, before, after):
    assert before in text
    assert said(name, text) == said(name, text.replace(before, after))


@pytest.mark.parametrize(
    ("name", "text", "before", "after"),
    [
        ("q.sql", SQL, "-- no comment", "-- a comment"),
        ("q.sql", SQL, "it''s -- no", "it''s  -- no"),
        ("q.sql", SQL, "/* column */", "/* columns */"),
        ("q.sql", SQL, "-- body", "-- bodies"),
        ("q.sql", SQL, "- -1", "--1"),
        ("q.sql", SQL, "<>", "<"),
        ("q.sql", SQL, "1.5e-3", "1.5e-4"),
        ("q.sql", SQL, "FROM t", "FROMt"),
        ("q.cypher", CYPHER, "// no comment", "// a comment"),
        ("q.cypher", CYPHER, "/* name */", "/* names */"),
        ("q.cypher", CYPHER, '"// x"', '"// y"'),
        ("q.cypher", CYPHER, "(a)--(b", "(a)-->(b"),
        ("q.cypher", CYPHER, "$lo", "$hi"),
        ("q.txt", "a b", "a b", "a  b"),  # of what is neither, all counts
    ],
)
def test_what_a_query_says_counts_to_the_last_sign(said, name, text, before, after):
    assert before in text
    assert said(name, text) != said(name, text.replace(before, after))


def test_the_words_of_our_own_queries_hold_no_comment_and_are_all_that_runs():
    assert " ".join(words(PERTURBATIONS)).startswith("MATCH ( e : Experiment { build : $ build }")


def test_a_file_is_called_by_its_path_in_the_package_and_one_from_elsewhere_by_its_name(tmp_path):
    mine = tmp_path / "perturbations.cypher"
    mine.write_text("MATCH (n) RETURN n")
    names = list(describe_uses([PERTURBATIONS, mine]))
    assert names == ["file perturbations.cypher", "file steps/graph/queries/perturbations.cypher"]


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (Policy("seed", 1), Policy("seed", {"a": 2}), "policy seed"),
        (Policy("seed", 1), Policy("seed", 1), "policy seed"),
        (PERTURBATIONS, Path(str(PERTURBATIONS)), "file steps/graph/queries/perturbations.cypher"),
        (Fitness, Fitness, "class Fitness"),
        (SGA_SCORES, SGA_SCORES, f"source {SGA_SCORES.name}"),
    ],
    ids=["policies", "equal policies", "files", "classes", "sources"],
)
def test_two_entries_of_one_name_are_refused(one, other, name):
    with pytest.raises(TorchcellError, match=f"^Two entries of `uses` are called '{name}': give one of them another"):
        describe_uses([one, other])


def test_every_kind_of_use_is_described_by_what_decides_it():
    described = describe_uses([Policy("seed", 7), SGA_SCORES, Fitness])
    assert described["policy seed"] == 7
    assert described[f"source {SGA_SCORES.name}"] == list(SGA_SCORES.sha256)
    assert "value" in described["class Fitness"]["columns"]
    assert list(described) == sorted(described)


def test_the_code_version_is_the_logic_and_a_digest_of_the_uses():
    one, same, other = ({"policy a": a} for a in (1, 1, 2))
    assert code_version(one, "3") == code_version(same, "3") != code_version(other, "3")
    assert code_version(one, "3").split("-")[0] == "3"
    assert code_version(one, "3").split("-")[1] == code_version(one, "4").split("-")[1]


def test_members_are_no_part_of_the_code_version_and_are_remembered_sorted():
    few, more = (describe_uses([Fitness, Members("datasets", names)]) for names in (["b", "a"], ["c", "a", "b"]))
    assert few["members datasets"] == ["a", "b"]
    assert code_version(few, "1") == code_version(more, "1") == code_version(describe_uses([Fitness]), "1")
    assert members_gone(few, more) == {}
    assert members_gone(more, few) == {"datasets": ["c"]}
