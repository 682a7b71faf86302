"""What an asset's code names, the asset declares: a class or a source that is missing in `uses` is named here.

Read from the source text. Of an asset: the body of its function. Of a dataset: its module.
"""

import ast
import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType

import pytest

from torchcell_assets.config.study import load
from torchcell_assets.schema import RECORD_CLASSES, Perturbation
from torchcell_assets.sources import Source
from torchcell_assets.staleness.provenance import USES_METADATA
from torchcell_assets.steps.datasets import DATASETS, REFERENCE, Dataset
from torchcell_assets.steps.merged import between_publications, pooling
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets_tests.mirror import deployed

STEPS = ("graph", "merged", "representations", "trained")
# Written for the reader of a table, or nested in every record: their change shows in the class that holds them.
ELSEWHERE = {Perturbation.__name__}

RECORDS = {f"datasets/{name}" for name in load("screens").datasets}
SGA = {"datasets/fitness_sga", "datasets/interaction_sga"}
FAMILIES = {f"trained/{name}" for name in ("elastic_net", "support_vector", "random_forest")}
SCORED = {"trained/scoreboard"}


def named(tree: ast.AST) -> set[str]:
    """Every name and attribute in a piece of code."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def files_named_in(module: ModuleType) -> set[str]:
    """The raw files whose `Source` the code of a module names, wherever that stands."""
    sources = {name: value for name, value in vars(module).items() if isinstance(value, Source)}
    return {sources[name].name for name in named(ast.parse(inspect.getsource(module))) & sources.keys()}


def functions(module: ModuleType) -> list[ast.FunctionDef]:
    """The functions under a `step` decorator, also those that a factory makes."""
    tree = ast.parse(inspect.getsource(module))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(
            isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "step"
            for d in node.decorator_list
        )
    ]


def declared(function: ast.FunctionDef) -> set[str]:
    call = next(d for d in function.decorator_list if isinstance(d, ast.Call))
    return {name for keyword in call.keywords if keyword.arg == "uses" for name in named(keyword.value)}


CASES = [
    pytest.param(module, function, id=f"{step}/{function.name}:{function.lineno}")
    for step in STEPS
    for module in [importlib.import_module(f"torchcell_assets.steps.{step}.assets")]
    for function in functions(module)
]


def test_every_asset_is_looked_at():
    assert (
        len(CASES) == 2 + 4 + 1 + 4
    )  # genome and records; fitness, subset, test_set and key_value; embedding; baselines, family (here, elsewhere), scoreboard


@pytest.mark.parametrize(("module", "function"), CASES)
def test_an_asset_declares_every_record_class_that_its_body_names(module, function):
    names = {name for statement in function.body for name in named(statement)}
    lacking = (names & RECORD_CLASSES.keys()) - declared(function) - ELSEWHERE
    assert not lacking, f"{function.name} names {sorted(lacking)} and does not declare them in `uses`"


def test_the_merged_table_declares_what_selects_and_what_pools():
    uses = deployed()["merged/fitness"].uses
    queries = {Path(name.removeprefix("file ")).name for name in uses if name.startswith("file ")}
    assert queries == {"fitness.cypher", "perturbations.cypher"}
    assert uses["policy pooling"] == [*pooling.POOLINGS, {"own variance from": between_publications.ENOUGH}]


@pytest.mark.parametrize("dataset", [*REFERENCE, *DATASETS], ids=lambda dataset: dataset.name)
def test_a_dataset_declares_every_source_and_record_class_that_its_module_names(dataset):
    module = inspect.getmodule(dataset.parse)
    tree = ast.parse(inspect.getsource(module))
    beside = [
        value
        for value in vars(module).values()
        if isinstance(value, Dataset) and inspect.getmodule(value.parse) is module
    ]
    sources = {source.name for one in beside for source in one.sources}
    lacking = files_named_in(module) - sources
    assert not lacking, f"{module.__name__} names {sorted(lacking)}, which no dataset of it declares"
    records = {one.record.__name__ for one in beside}
    undeclared = (named(tree) & RECORD_CLASSES.keys()) - records - ELSEWHERE
    assert not undeclared, f"{module.__name__} names {sorted(undeclared)}, which no dataset of it makes"


def test_what_a_dataset_declares_is_what_its_asset_uses():
    specs = deployed()
    for dataset in (*REFERENCE, *DATASETS):
        spec = specs.get(f"datasets/{dataset.name}")
        if spec is not None:  # of another study otherwise
            expected = {f"class {dataset.record.__name__}", *(f"source {source.name}" for source in dataset.raw_files)}
            assert set(spec.uses) == expected | {f"policy {name}" for name in dataset.stored_by}, dataset.name


# A constant that decides stored numbers -> how its change is told, and every asset that it outdates.
CONSTANTS = {
    ("datasets.crosses.strain_codes", "STRAIN_CODES"): ("strain_codes", {"datasets/fitness_costanzo2016", *SGA}),
    ("datasets.crosses.strain_codes", "SUPPRESSOR_IN_ALLELE"): ("suppressor", {"datasets/fitness_costanzo2016", *SGA}),
    ("datasets.publications.sga", "PIXELS_PER_FITNESS"): ("pixels_per_fitness", SGA),
    ("datasets.crosses.strain_codes", "MARKER_GENE"): ("marker_gene", SGA),
    ("datasets.publications.sga", "COLONIES"): ("colonies", SGA),
    ("datasets.chromosomes", "CIRCULAR"): ("circular", {"datasets/chromosomes"}),
    ("datasets.genome", "YEAST_MITOCHONDRIAL_CODE"): ("mitochondrial_code", {"datasets/genome"}),
    ("merged.subsets", "TEST_SHARE"): ("split", {"merged/subset", "merged/test_set", "trained/baselines"}),
    ("merged.subsets", "VALIDATION_SHARE"): ("split", {"merged/subset", "merged/test_set", "trained/baselines"}),
    ("trained.baselines", "ALPHAS"): ("ridge", {"trained/baselines"}),
    ("trained.baselines", "FLOOR"): ("ridge", {"trained/baselines"}),
    ("trained.baselines", "FOLDS"): ("ridge", {"trained/baselines"}),
    ("trained.baselines", "TOLERANCE"): ("ridge", {"trained/baselines"}),
    ("trained.estimators", "SCALERS"): ("fit", FAMILIES),
    ("trained.estimators", "ELASTIC_NET"): ("fit", FAMILIES),
    ("trained.estimators", "PRECOMPUTED_UP_TO"): ("fit", FAMILIES),
    ("trained.cross_validation", "ALIASES"): ("fit", FAMILIES),
    ("trained.design", "SAMPLES"): ("fit", FAMILIES),
    ("merged.subsets", "TEST_GENOTYPES"): ("test_genotypes", {"merged/test_set"}),
    ("datasets.retired_names", "RULE"): ("retired_names", RECORDS),
    ("merged.viability", "NOTHING_LEFT"): (
        "essential_genes",
        {"merged/subset", "merged/test_set", "trained/baselines"},
    ),
    ("trained.intervals", "QUANTILES"): ("prediction_interval", FAMILIES),
    ("trained.intervals", "FEWEST_RESIDUALS"): ("prediction_interval", FAMILIES),
    **{("trained.resampling", name): ("score_interval", SCORED) for name in ("DRAWS", "INTERVAL")},
    **{("trained.scores", name): ("score_interval", SCORED) for name in ("FEWEST", "FEWEST_QUERIES", "RESAMPLED")},
    **{("trained.ceilings", name): ("ceiling", SCORED) for name in ("FEWEST", "SHARE")},
    ("trained.repeats", "FEWEST"): ("repeat", SCORED),
}


@pytest.mark.parametrize(("where", "constant"), CONSTANTS, ids=".".join)
def test_a_constant_that_decides_stored_numbers_stands_in_the_uses_of_all_that_it_decides(where, constant):
    policy, outdated = CONSTANTS[where, constant]
    value = getattr(importlib.import_module(f"torchcell_assets.steps.{where}"), constant)
    content = json.loads(json.dumps(value.rows() if hasattr(value, "rows") else value))
    uses = {key: spec.uses.get(f"policy {policy}") for key, spec in deployed().items()}
    holding = {key for key, said in uses.items() if said is not None and holds(said, content)}
    assert holding == outdated


def holds(said, content) -> bool:
    """Whether a policy is this content, or has it as one of its parts."""
    return said == content or (isinstance(said, dict) and any(holds(part, content) for part in said.values()))


def test_baselines_are_outdated_by_another_condition_or_split_as_the_sample_is():
    specs = deployed()
    for name in ("policy condition", "policy split"):
        assert specs["trained/baselines"].uses[name] == specs["merged/subset"].uses[name]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_declares_every_raw_file_that_its_family_names(recipe):
    family = importlib.import_module(f"torchcell_assets.steps.representations.{recipe.family}")
    named = files_named_in(family)  # none, where one family has a file for each key and takes that of the recipe
    assert named == {source.name for source in recipe.files} or (
        not named and "recipe.files" in inspect.getsource(family)
    )


def test_the_declaration_is_stored_with_the_asset():
    assert USES_METADATA == "torchcell/uses"
    assert all(spec.uses for spec in deployed().values())
