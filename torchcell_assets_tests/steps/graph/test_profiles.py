"""A profile: the graph holds the experiment and the pointer, and never a node for a number."""

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from torchcell_assets.schema import Profile
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.graph import load, read
from torchcell_assets.storage import arrays
from torchcell_assets_tests.steps.graph.made_up import DATABASE, fitness_rows, write_bundle

VALUES = np.random.default_rng(1).normal(size=(5, 400)).astype(np.float32)


def profiles() -> pl.DataFrame:
    """The five made-up strains of `fitness_rows`, each with a row of an array file, the last strain the first row."""
    types = polars_schema(Profile)
    own = {"quantity": pl.lit("log2(mutant / reference)"), "array": pl.lit("expression.safetensors")}
    rows = fitness_rows().with_columns(**own, array_row=pl.int_range(pl.len()).reverse())
    return Profile.validate(rows.select(pl.col(name).cast(dtype) for name, dtype in types.items()))


def test_a_profile_goes_into_the_graph_as_a_pointer_and_leads_back_to_its_numbers(empty_graph, tmp_path):
    path = tmp_path / "expression.safetensors"
    arrays.write(path, VALUES, [f"YAL{at:03d}C" for at in range(VALUES.shape[1])])
    table = profiles()
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path / "bundle", table, Profile))
    count = "MATCH (n) RETURN labels(n) AS labels, count(*) AS n"
    nodes = {frozenset(row["labels"]): row["n"] for row in empty_graph.execute_query(count).records}
    assert {n for labels, n in nodes.items() if "Profile" in labels} == {5}
    assert sum(nodes.values()) < 20  # of 2,000 numbers none is a node
    found = read.records(empty_graph, DATABASE, manifest.build, Profile)
    assert_frame_equal(found, table)
    numbers = dict(zip(found["strain"], arrays.read(path, found["array_row"].to_numpy()), strict=True))
    for at in range(5):
        np.testing.assert_array_equal(numbers[f"s{5 - at}"], VALUES[at])
