"""Whoever changes what computes an asset says whether what is stored may differ: by `logic`, or by the record of the code."""

import json
from pathlib import Path

import pytest

from torchcell_assets.steps.datasets import DATASETS, REFERENCE
from torchcell_assets_tests.mirror import deployed
from torchcell_assets_tests.staleness import code_of_assets
from torchcell_assets_tests.staleness.code_of_assets import (
    COMMAND,
    Module,
    assets,
    changes,
    described,
    reached,
    recorded,
)


@pytest.fixture(scope="module")
def now() -> dict:
    return described()


def test_code_changes_with_its_logic_or_with_a_word_that_nothing_stored_may_differ(now):
    # of what is new nothing is stored that could differ: the record takes it with the next change
    changed = [line for line in changes(recorded(), now) if not line.endswith(": new")]
    assert not changed, (
        "The code that computes these assets is not the recorded one:\n  " + "\n  ".join(changed) + "\n"
        "Raise `logic` of those of which stored data may differ (of a dataset: `Dataset.logic`, of a representation: "
        f"`Recipe.logic`, else: `step(logic=...)`). Then, or if none may, run `{COMMAND}` and commit what it writes."
    )


def test_every_deployed_asset_and_every_dataset_is_recorded():
    known = set(assets())
    for key in deployed():
        step = key.split("/")[0]
        alike = [key, "graph/<dataset>"] if step == "graph" else [key]
        assert any(found.split(" [")[0] in alike for found in known), key
    assert {f"datasets/{dataset.name}" for dataset in (*REFERENCE, *DATASETS)} <= known


@pytest.mark.parametrize(
    ("key", "definition"),
    [
        ("datasets/fitness_costanzo2016", ("steps.datasets.crosses.strain_codes", "STRAIN_CODES")),
        ("datasets/fitness_sga", ("steps.datasets.publications.sga", "PIXELS_PER_FITNESS")),
        ("datasets/fitness_sga", ("steps.datasets.crosses.strain_codes", "MARKER_GENE")),
        ("datasets/interaction_costanzo2016", ("steps.datasets.publications.costanzo2016_pairs", "parse")),
        ("datasets/fitness_sga", ("schema.genotype", "identity")),
        ("datasets/fitness_kuzmin2018", ("schema.genotype", "DELETION_ALLELE")),
        ("graph/<dataset>", ("steps.graph.tables", "ON_ENVIRONMENT")),
        ("merged/fitness", ("steps.merged.runs", "_GENES_ONLY")),
        ("merged/fitness", ("storage.content", "ContentHash")),
        ("merged/subset", ("steps.merged.subsets", "TEST_SHARE")),
        ("representations/gene_embedding [codon_frequency]", ("steps.representations.codon_frequency", "_DIGIT")),
        ("representations/gene_embedding [one_hot]", ("steps.representations.table", "_described")),
        ("trained/baselines", ("steps.trained.baselines", "FLOOR")),
        ("trained/baselines", ("steps.merged.subsets", "TEST_SHARE")),  # of which the singles are taken
        ("trained/elastic_net", ("steps.trained.estimators", "scaler")),
        ("trained/elastic_net", ("steps.trained.search", "choose")),
        ("trained/elastic_net", ("steps.trained.intervals", "QUANTILES")),
        ("trained/random_forest", ("steps.representations.permuted", "permuted")),
        ("trained/scoreboard", ("steps.trained.resampling", "centred_ranks")),
        ("trained/scoreboard", ("steps.trained.ceilings", "SHARE")),
    ],
)
def test_what_decides_stored_numbers_is_part_of_the_code_of_an_asset(key, definition):
    where, name = definition
    assert (f"torchcell_assets.{where}", name) in reached(assets()[key].starts)


def test_what_decides_nothing_stored_is_no_part_of_it(now):
    for said in now.values():
        assert not [name for name in said["code"] if name.split(".")[-1] in ("figures", "checks", "local_server")]
    assert "steps.representations.one_hot" not in now["representations/gene_embedding [random_10]"]["code"]
    assert "steps.datasets.genome" not in now["datasets/fitness_sga"]["code"]
    assert "steps.trained.families" not in now["trained/baselines"]["code"]


TEXT = '''
"""Doc."""
from torchcell_assets.steps.trained import ceilings
from torchcell_assets.steps.trained.splits import fold_of as folds
LIMIT, OTHER = 3, 4
def first(rows):
    """Doc."""
    return second(rows)[: LIMIT] + ceilings.SHARE
def second(rows):
    return folds(rows)  # why
@step(uses=[OTHER])
def third():
    return 1
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of this text."""

    def module(text: str) -> Module:
        path = tmp_path / "edited.py"
        path.write_text(text)
        monkeypatch.setattr(code_of_assets, "_source", lambda _: path)
        return Module("torchcell_assets.errors")

    return module


def test_a_definition_leads_to_all_that_it_names_and_to_nothing_else(module):
    text = module(TEXT)
    own, trained = "torchcell_assets.errors", "torchcell_assets.steps.trained"
    assert set(text.named("first")) == {(own, "second"), (own, "LIMIT"), (f"{trained}.ceilings", "SHARE")}
    assert set(text.named("second")) == {(f"{trained}.splits", "fold_of")}
    assert set(text.named("third")) == set()


@pytest.mark.parametrize(
    ("name", "before", "after", "differs"),
    [
        ("first", '    """Doc."""\n    return', "    return", False),
        ("second", "  # why", "", False),
        ("first", "[: LIMIT]", "[:LIMIT]", False),
        ("third", "uses=[OTHER]", "uses=[]", False),
        ("first", "+ ceilings", "- ceilings", True),
        ("LIMIT", "3, 4", "3, 5", True),
        ("third", "return 1", "return 2", True),
    ],
)
def test_comments_docstrings_layout_and_declarations_do_not_count(module, name, before, after, differs):
    assert before in TEXT
    assert (module(TEXT).said(name) != module(TEXT.replace(before, after)).said(name)) is differs


def test_a_change_is_told_by_asset_module_and_what_it_says():
    old = {"a/b": {"logic": "1", "code": {"m": "x", "n": "y"}}, "a/c": {"logic": "1", "code": {}}}
    kept = {**old, "a/b": {"logic": "1", "code": {"m": "z"}}}
    assert changes(old, old) == []
    assert changes(old, kept) == [
        "a/b: other code in m, n, logic still 1: that says that nothing which is stored may differ"
    ]
    assert changes(old, {"a/b": {"logic": "2", "code": {"m": "z", "n": "y"}}}) == [
        "a/b: other code in m, logic 1 -> 2",
        "a/c: gone",
    ]
    raised = {**old, "a/b": {**old["a/b"], "logic": "2"}}
    assert changes(old, raised) == ["a/b: the same code, logic 1 -> 2"]
    assert changes({}, {"a/c": old["a/c"]}) == ["a/c: new"]


def test_one_command_writes_the_record(now, tmp_path, monkeypatch, capsys):
    record = tmp_path / "record.json"
    monkeypatch.setattr(code_of_assets, "RECORD", record)
    monkeypatch.setattr(code_of_assets, "described", lambda: now)
    code_of_assets.main()
    assert json.loads(record.read_text()) == now == recorded()
    assert "trained/elastic_net: new" in capsys.readouterr().out
    code_of_assets.main()
    assert capsys.readouterr().out == "The record holds already.\n"
    assert Path(code_of_assets.__file__).with_suffix(".json").exists()
