"""The promise: an edit outdates exactly what depends on it. Every expectation is written by hand.

Each record class is edited in the text of its module, as a person would, and deployed over a mirror of the code location;
the rebuilds are real runs of empty bodies whose data version the test decides.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from torchcell_assets.config.study import current
from torchcell_assets.schema import RECORD_CLASSES, Fitness, Interaction, Viability
from torchcell_assets.staleness import State
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.publications.sga import SGA_SCORES
from torchcell_assets.steps.representations.recipes import BIOCHEMICAL_PATHWAYS, RECIPES
from torchcell_assets_tests.mirror import Cell, Mirror, edited_classes, with_classes, with_use

FITNESS_RECORDS, INTERACTION_RECORDS, VIABILITY_RECORDS = (
    {
        (f"{step}/{one.name}", None)
        for step in ("datasets", "graph")
        for one in of_the_study(current())
        if one.record is cls
    }
    for cls in (Fitness, Interaction, Viability)
)
GENOME = {("datasets/genome", None), ("graph/genome", None)}
MERGED = {("merged/fitness", None)}
MERGED_INTERACTION = {("merged/interaction", None)}
SUBSETS = {("merged/subset", "1e3"), ("merged/subset", "1e4")}
KEY_VALUE = {("merged/key_value", "1e3")}
EMBEDDINGS = {("representations/gene_embedding", "one_hot"), ("representations/gene_embedding", "random_10")}
TEST_SET = {("merged/test_set", None)}
BASELINES = {("trained/baselines", "1e3")}
SAMPLES = SUBSETS | TEST_SET | BASELINES
"""What reads the viability records, since the condition leaves out what does not live."""
FAMILIES = ("elastic_net", "support_vector", "random_forest")
CELLS = {(f"trained/{family}", f"{name}|1e3") for family in FAMILIES for name in ("one_hot", "random_10")}
SCOREBOARD = {("trained/scoreboard", None)}

# class -> (what an edit of it outdates, what follows once that was rebuilt and its last assets have other data)
TOUCHED: dict[str, tuple[set[Cell], set[Cell]]] = {
    "Gene": (GENOME | EMBEDDINGS, CELLS),
    "Chromosome": ({("datasets/chromosomes", None)}, set()),
    "Perturbation": (
        FITNESS_RECORDS | INTERACTION_RECORDS | VIABILITY_RECORDS | MERGED | MERGED_INTERACTION | SAMPLES,
        SCOREBOARD,
    ),
    "Record": (
        FITNESS_RECORDS | INTERACTION_RECORDS | VIABILITY_RECORDS | MERGED | MERGED_INTERACTION | SAMPLES,
        SCOREBOARD,
    ),
    "Fitness": (FITNESS_RECORDS | MERGED, SUBSETS | TEST_SET | BASELINES | SCOREBOARD),
    "Interaction": (INTERACTION_RECORDS | MERGED_INTERACTION, set()),
    "Viability": (VIABILITY_RECORDS | SAMPLES, SCOREBOARD),
    "Merged": (MERGED | MERGED_INTERACTION | SUBSETS | TEST_SET | KEY_VALUE | BASELINES | CELLS, SCOREBOARD),
    "MergedFitness": (MERGED | SUBSETS | TEST_SET | KEY_VALUE | BASELINES | CELLS, SCOREBOARD),
    "MergedInteraction": (MERGED_INTERACTION, set()),
    "Profile": (set(), set()),  # no dataset of the study has them
    "Embedding": (EMBEDDINGS, CELLS),
    "Prediction": (BASELINES | CELLS, SCOREBOARD),
    "Score": (SCOREBOARD, set()),
}

NEW_FIELD = "    note = dy.String(nullable=True)\n"
NEW_RULE = "\n    @dy.rule()\n    def stricter(cls) -> pl.Expr:\n        return cls.{}.col.is_not_null()\n"
# class -> kind of edit -> (text before, text after, what is told)
EDITS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Gene": {
        "add": ("    strand = dy", NEW_FIELD + "    strand = dy", "+note"),
        "type": ("start = dy.UInt32(", "start = dy.UInt64(", "start: type UInt32 -> UInt64"),
        "rule": ("start = dy.UInt32(min=1", "start = dy.UInt32(min=2", "start: min 1 -> 2"),
        "rename": ("    sgd_id = dy", "    sgd = dy", "+sgd, -sgd_id"),
        "docstring": ('"""One protein-coding gene', '"""A protein-coding gene', ""),
    },
    "Chromosome": {
        "add": ("    length = dy", NEW_FIELD + "    length = dy", "+note"),
        "type": ("length = dy.UInt32(", "length = dy.UInt64(", "length: type UInt32 -> UInt64"),
        "rule": ("length = dy.UInt32(min=1", "length = dy.UInt32(min=2", "length: min 1 -> 2"),
        "rename": ("    circular = dy", "    closed = dy", "-circular, +closed"),
        "docstring": ('"""One chromosome', '"""A chromosome', ""),
    },
    "Perturbation": {
        "add": ("    marker = dy", NEW_FIELD + "    marker = dy", "+perturbations.note"),
        "type": (
            "zygosity = dy.Enum(ZYGOSITIES, ",
            "zygosity = dy.String(",
            "perturbations.zygosity: type Enum -> String",
        ),
        "rule": (
            "allele = dy.String(",
            "allele = dy.String(min_length=2, ",
            "perturbations.allele: min_length None -> 2",
        ),
        "rename": (
            "    marker = dy",
            "    selectable_marker = dy",
            "-perturbations.marker, +perturbations.selectable_marker",
        ),
        "docstring": ('"""What was done', '"""What has been done', ""),
    },
    "Record": {
        "add": ("    strain = dy", NEW_FIELD + "    strain = dy", "+note"),
        "type": ("row = dy.UInt32(", "row = dy.UInt64(", "row: type UInt32 -> UInt64"),
        "rule": ("max=60", "max=50", "temperature: max 60 -> 50"),
        "rename": ("    strain = dy", "    strain_id = dy", "+strain_id"),
        "docstring": ('"""What every', '"""What each', ""),
    },
    "Fitness": {
        "add": ("    value = dy", "    replicate = dy.UInt8(nullable=True)\n    value = dy", "+replicate"),
        "type": ("samples = dy.UInt32(", "samples = dy.UInt64(", "samples: type UInt32 -> UInt64"),
        "rule": ("max=5.0", "max=4.0", "value: max 5.0 -> 4.0"),
        "rename": ("    samples = dy", "    sample_count = dy", "+sample_count, -samples"),
        "docstring": ('"""Growth of', '"""Speed of growth of', ""),
    },
    "Interaction": {
        "add": ("    expected = dy", NEW_FIELD + "    expected = dy", "+note"),
        "type": ("expected = dy.Float64(", "expected = dy.Float32(", "expected: type Float64 -> Float32"),
        "rule": ("cls.order.col >= 2", "cls.order.col == 2", "rule has_two_genes changed"),
        "rename": ("    expected = dy", "    expected_fitness = dy", "-expected, +expected_fitness"),
        "docstring": ('"""Deviation', '"""The deviation', ""),
    },
    "Viability": {
        "add": ("    viable = dy", NEW_FIELD + "    viable = dy", "+note"),
        "type": ("viable = dy.Bool(", "viable = dy.UInt8(", "viable: type Bool -> UInt8"),
        "rule": ("    viable = dy", NEW_RULE.format("row") + "\n    viable = dy", "rule stricter added"),
        "rename": ("    viable = dy", "    alive = dy", "+alive, -viable"),
        "docstring": ('"""Whether a mutant', '"""Does a mutant', ""),
    },
    "Merged": {
        "add": ("    records = dy", NEW_FIELD + "    records = dy", "+note"),
        "type": ("order = dy.UInt8(", "order = dy.UInt16(", "order: type UInt8 -> UInt16"),
        "rule": ("max=60", "max=50", "temperature: max 60 -> 50"),
        "rename": ("    heterogeneity = dy", "    between_sd = dy", "+between_sd, -heterogeneity"),
        "docstring": ('"""One genotype', '"""A genotype', ""),
    },
    "MergedFitness": {
        "add": ("    samples = dy", NEW_FIELD + "    samples = dy", "+note"),
        "type": ("samples = dy.UInt64(", "samples = dy.UInt32(", "samples: type UInt64 -> UInt32"),
        "rule": ("max=5.0", "max=4.0", "value: max 5.0 -> 4.0"),
        "rename": ("    samples = dy", "    sample_count = dy", "+sample_count, -samples"),
        "docstring": ('"""The fitness', '"""Fitness', ""),
    },
    "MergedInteraction": {
        "add": ("    score = dy", NEW_FIELD + "    score = dy", "+note"),
        "type": ("score = dy.Enum(INTERACTION_SCORES, ", "score = dy.String(", "score: type Enum -> String"),
        "rule": ("cls.order.col >= 2", "cls.order.col == 2", "rule has_two_genes changed"),
        "rename": ("    score = dy", "    which = dy", "-score, +which"),
        "docstring": ('"""One interaction', '"""An interaction', ""),
    },
    "Profile": {
        "add": ("    array_row = dy", NEW_FIELD + "    array_row = dy", "+note"),
        "type": ("array_row = dy.UInt32(", "array_row = dy.UInt64(", "array_row: type UInt32 -> UInt64"),
        "rule": ("array = dy.String(min_length=1", "array = dy.String(min_length=2", "array: min_length 1 -> 2"),
        "rename": ("    quantity = dy", "    unit = dy", "+unit, -quantity"),
        "docstring": ('"""Many numbers', '"""The numbers', ""),
    },
    "Embedding": {
        "add": ("    vector = dy", NEW_FIELD + "    vector = dy", "+note"),
        "type": ("dy.Float32()", "dy.Float64()", "vector: type Float32 -> Float64"),
        "rule": ("min_length=1", "min_length=2", "vector: min_length 1 -> 2"),
        "rename": ("    vector = dy", "    numbers = dy", "+numbers, -vector"),
        "docstring": ('"""One gene', '"""A gene', ""),
    },
    "Prediction": {
        "add": ("    observed = dy", NEW_FIELD + "    observed = dy", "+note"),
        "type": ("predicted = dy.Float64(", "predicted = dy.Float32(", "predicted: type Float64 -> Float32"),
        "rule": ("predicted.col.is_finite()", "predicted.col.abs() < 10", "rule predicted_is_finite changed"),
        "rename": ("    observed = dy", "    measured = dy", "+measured, -observed"),
        "docstring": ('"""What one trained', '"""What a trained', ""),
    },
    "Score": {
        "add": ("    genotypes = dy", NEW_FIELD + "    genotypes = dy", "+note"),
        "type": ("genotypes = dy.UInt32(", "genotypes = dy.UInt64(", "genotypes: type UInt32 -> UInt64"),
        "rule": (
            "low = dy.Float64(nullable=True, ",
            "low = dy.Float64(nullable=True, min=-1.0, ",
            "low: min None -> -1.0",
        ),
        "rename": ("    scored_on = dy", "    test_hash = dy", "-scored_on, +test_hash"),
        "docstring": ('"""One number', '"""A number', ""),
    },
}
CASES = [(cls, kind) for cls, edits in EDITS.items() for kind in edits]


def test_every_record_class_is_edited_in_every_way():
    assert EDITS.keys() == TOUCHED.keys() == {*RECORD_CLASSES, "Record", "Merged"}
    assert all(edits.keys() == {"add", "type", "rule", "rename", "docstring"} for edits in EDITS.values())


@pytest.mark.parametrize(("cls", "kind"), CASES)
def test_an_edited_class_outdates_what_uses_it_and_the_wave_stops_where_the_data_stay(mirror, tmp_path, cls, kind):
    before, after, told = EDITS[cls][kind]
    mirror.deploy(with_classes(mirror.specs, edited_classes(tmp_path, cls, before, after)))
    touched, follows = (set(), set()) if kind == "docstring" else TOUCHED[cls]
    found = mirror.standings()
    assert found.keys() == touched
    assert all(told in why for why in found.values())
    if kind == "add":  # what follows a rebuild is the same whatever the edit was
        mirror.run(touched)  # same data
        assert mirror.outdated() == set()
        assert_other_data_reach(mirror, touched, follows)


def test_a_second_edit_adds_to_the_first(mirror, tmp_path):
    for cls in ("Fitness", "Interaction"):
        edited = edited_classes(tmp_path, cls, *EDITS[cls]["add"][:2])
        mirror.deploy(with_classes(mirror.specs, edited))
    assert mirror.outdated() == FITNESS_RECORDS | MERGED | INTERACTION_RECORDS | MERGED_INTERACTION


def assert_other_data_reach(mirror: Mirror, touched: set[Cell], follows: set[Cell]) -> None:
    """Make the last assets of `touched` again with other data: exactly `follows` is outdated."""
    parents = {parent for key, _ in touched for parent in mirror.specs[key].parents}
    last = {cell for cell in touched if cell[0] not in parents}
    mirror.data |= dict.fromkeys(last, "B")
    mirror.run(last)
    assert mirror.outdated() == follows


def test_the_wave_of_other_data_goes_step_by_step_and_is_explained(mirror):
    mirror.data["datasets/fitness_sga"] = "B"
    mirror.run([("datasets/fitness_sga", None)])
    assert mirror.outdated() == {("graph/fitness_sga", None)}
    assert mirror.why("graph/fitness_sga") == "datasets/fitness_sga has other data"
    mirror.data["graph/fitness_sga"] = "B"
    mirror.run([("graph/fitness_sga", None)])
    assert mirror.outdated() == MERGED
    mirror.run(MERGED)  # the changed records are not selected, say: the merged table is the same
    assert mirror.outdated() == set()


def test_one_changed_cell_outdates_the_scoreboard_which_names_it(mirror):
    mirror.data["trained/elastic_net", "one_hot|1e3"] = "B"
    mirror.run([("representations/gene_embedding", "random_1")])  # without it the new cell is refused
    mirror.run([("trained/elastic_net", "one_hot|1e3"), ("trained/elastic_net", "random_1|1e3")])
    assert mirror.outdated() == SCOREBOARD
    assert mirror.why("trained/scoreboard") == "trained/elastic_net has other data: one_hot|1e3; new: random_1|1e3"


# ---- what is no class -------------------------------------------------------------------------------------------------
def test_a_changed_query_outdates_the_merged_table_alone(mirror):
    mirror.deploy(with_use(mirror.specs, "file steps/graph/queries/fitness.cypher", lambda digest: digest[::-1]))
    assert mirror.outdated() == MERGED
    assert mirror.why("merged/fitness") == "file steps/graph/queries/fitness.cypher changed"
    mirror.run(MERGED)
    assert_other_data_reach(mirror, MERGED, SUBSETS | TEST_SET | BASELINES | SCOREBOARD)


def test_a_dataset_that_left_the_study_outdates_the_genes_of_the_graph_with_which_it_leaves(mirror):
    mirror.deploy(with_use(mirror.specs, "members datasets of the study", lambda names: [*names, "fitness_of_before"]))
    assert mirror.outdated() == set()  # by one that comes, nothing is
    mirror.deploy(with_use(mirror.specs, "members datasets of the study", lambda names: names[:-1]))
    assert mirror.outdated() == set()  # nor by one that went again: the check store_in_sync sees it
    mirror.deploy(with_use(mirror.specs, "members datasets of the study", lambda names: names[1:]))
    assert mirror.outdated() == {("graph/genome", None)}
    assert mirror.why("graph/genome").endswith(" left the datasets of the study")


@pytest.mark.parametrize("policy", ["policy pooling", "policy merge_key"])
def test_a_changed_merge_policy_outdates_the_merged_tables_alone(mirror, policy):
    mirror.deploy(with_use(mirror.specs, policy, lambda said: f"another {said}"))
    assert mirror.outdated() == MERGED | MERGED_INTERACTION


def test_a_changed_standard_condition_outdates_the_subsets_and_the_baselines_which_read_singles_at_it(mirror):
    mirror.deploy(with_use(mirror.specs, "policy condition", lambda said: [*said, "30 C"]))
    assert mirror.outdated() == SAMPLES


def test_a_changed_format_of_the_key_value_store_outdates_it_alone_and_nothing_follows(mirror):
    mirror.deploy(
        with_use(mirror.specs, "policy key_value_format", lambda said: {**said, "version": said["version"] + 1})
    )
    assert mirror.outdated() == KEY_VALUE
    assert mirror.why("merged/key_value", "1e3").startswith("policy key_value_format changed")
    assert_other_data_reach(mirror, KEY_VALUE, set())


def test_other_samples_reach_their_key_value_store_and_their_models(mirror):
    assert_other_data_reach(mirror, SUBSETS, KEY_VALUE | BASELINES | CELLS)


@pytest.mark.parametrize(
    ("source", "read_by"),
    [
        ("breslow2008/nmeth.1234-S5.xlsx", {"fitness_breslow2008"}),
        ("deutschbauer2005/OrfGeneData.xlsx", {"fitness_deutschbauer2005", "viability_deutschbauer2005"}),
        ("sga_trigenic/dmf_tr_150226_fromSGAonly.txt", {"fitness_sga", "interaction_sga"}),
    ],
)
def test_a_changed_raw_file_outdates_the_datasets_that_read_it_alone(mirror, source, read_by):
    mirror.deploy(with_use(mirror.specs, f"source {source}", lambda _: ["0" * 64]))
    assert mirror.outdated() == {(f"datasets/{name}", None) for name in read_by}
    assert mirror.why(f"datasets/{min(read_by)}") == f"another raw file {source}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"logic": "2"}, "another recipe: logic 1 -> 2"),
        (
            {"parameters": {"distribution": "uniform"}},
            "distribution normal -> uniform, scale 1/sqrt(dimension) -> none",
        ),
        ({"files": (SGA_SCORES,)}, f"another raw file {SGA_SCORES.name}"),
    ],
)
def test_a_changed_recipe_outdates_its_own_representation_and_then_its_own_cells(mirror, change, why):
    key = "representations/gene_embedding"
    recipes = {**mirror.specs[key].recipes, "random_10": replace(RECIPES["random_10"], **change).describe()}
    mirror.deploy({**mirror.specs, key: replace(mirror.specs[key], recipes=recipes)})
    assert mirror.outdated() == {(key, "random_10")}
    assert why in mirror.why(key, "random_10")
    mirror.run([(key, "random_10")])
    assert mirror.outdated() == set()
    assert_other_data_reach(mirror, {(key, "random_10")}, {cell for cell in CELLS if "random_10" in cell[1]})


def test_a_changed_raw_file_of_a_representation_outdates_that_one_alone(mirror):
    key, cell = "representations/gene_embedding", "chromosome_pathway"
    mirror.run([(key, cell)])
    pathways = replace(BIOCHEMICAL_PATHWAYS, sha256=("0" * 64,))
    recipe = replace(RECIPES[cell], files=(pathways,)).describe()
    mirror.deploy(
        {**mirror.specs, key: replace(mirror.specs[key], recipes={**mirror.specs[key].recipes, cell: recipe})}
    )
    assert mirror.outdated() == {(key, cell)}
    assert mirror.why(key, cell) == f"another recipe: another raw file {pathways.name}"


@pytest.mark.parametrize(
    ("entry", "touched"),
    [("gene", {"graph/genome"}), ("interaction", {key for key, _ in INTERACTION_RECORDS if key.startswith("graph/")})],
)
def test_a_changed_entry_of_the_graph_schema_outdates_the_bundles_that_hold_it(mirror, entry, touched):
    def add_property(said: dict) -> dict:
        return {name: {**one, "note": "str"} if name == entry else one for name, one in said.items()}

    mirror.deploy(with_use(mirror.specs, "policy schema_config", add_property))
    assert mirror.outdated() == {(key, None) for key in touched}
    assert mirror.why(min(touched)) == f"policy schema_config changed ({entry})"


def test_changed_logic_of_one_asset_outdates_it_alone(mirror):
    mirror.deploy({**mirror.specs, "merged/fitness": replace(mirror.specs["merged/fitness"], logic="2")})
    assert mirror.outdated() == MERGED
    assert mirror.why("merged/fitness") == "logic 1 -> 2"


# ---- datasets come and go ------------------------------------------------------------------------------------------
DUMP = """
import json
from torchcell_assets_tests.mirror import deployed
print(json.dumps({key: [spec.parents, spec.code_version] for key, spec in deployed().items()}))
"""


@pytest.fixture(scope="module")
def without_breslow(tmp_path_factory) -> dict[str, list]:
    """What the real code location says of itself for a study of one dataset less: asset -> parents, code version."""
    from torchcell_assets.config.study import STUDIES

    text = (STUDIES / "screens.toml").read_text()
    assert '    "fitness_breslow2008",\n' in text
    folder = tmp_path_factory.mktemp("study")
    study = folder / "fewer.toml"
    study.write_text(text.replace('    "fitness_breslow2008",\n', ""))
    said = subprocess.run(
        [sys.executable, "-c", DUMP],
        env={**os.environ, "TORCHCELL_STUDY": str(study), "TORCHCELL_DATA": str(folder)},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(said.stdout.splitlines()[-1])


def fewer(mirror: Mirror, said: dict[str, list]) -> dict:
    """The specs of the study with one dataset less, as the real code location gives them."""
    specs = {key: replace(mirror.specs[key], parents=tuple(parents)) for key, (parents, _) in said.items()}
    specs = with_use(
        specs, "members datasets of the study", lambda names: [name for name in names if name != "fitness_breslow2008"]
    )
    assert {key: spec.code_version for key, spec in specs.items()} == {
        key: version for key, (_, version) in said.items()
    }
    return specs


def test_a_removed_dataset_outdates_the_merged_table_and_the_genes_with_which_it_leaves_the_graph(
    mirror, without_breslow
):
    mirror.deploy(fewer(mirror, without_breslow))
    assert mirror.outdated() == MERGED | {("graph/genome", None)}
    assert mirror.why("merged/fitness") == "no longer depends on graph/fitness_breslow2008"


def test_an_added_dataset_is_missing_and_outdates_the_merged_table_alone(mirror_in_sync, without_breslow, tmp_path):
    full = mirror_in_sync.specs
    mirror = Mirror(tmp_path, fewer(mirror_in_sync, without_breslow))
    mirror.run([(key, None) for key, spec in mirror.specs.items() if spec.partitions is None])
    mirror.deploy(full)
    assert mirror.outdated() == MERGED
    assert mirror.why("merged/fitness") == "now depends on graph/fitness_breslow2008"
    missing = {key for key, partition in mirror.standings(State.NEVER_MADE) if partition is None}
    missing -= {"trained/scoreboard"}  # refused: not one cell was made here
    assert missing == {"datasets/fitness_breslow2008", "graph/fitness_breslow2008"}
