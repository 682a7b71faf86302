"""What the files of BioCypher hold: all columns of a record class, read back as written; what would break them is refused."""

import os
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.schema import Fitness, Gene, Interaction, Profile, Viability
from torchcell_assets.steps.graph import bundle, tables, writer
from torchcell_assets_tests.generated import LOADED, records
from torchcell_assets_tests.steps.graph.made_up import dataset, fitness_rows, write_bundle
from torchcell_assets_tests.steps.graph.test_round_trip import few


@pytest.mark.parametrize("label", LOADED)
@few
@given(data=st.data())
def test_a_bundle_reads_back_as_the_tables_that_were_written(label, data, tmp_path_factory):
    table = data.draw(records(LOADED[label]))
    made = tables.record_tables(dataset(LOADED[label]), table, bundle.build_of(dataset(LOADED[label]), "v1"))
    folder = write_bundle(tmp_path_factory.mktemp("bundle"), table, LOADED[label])
    for name, written in made.nodes.items():
        found = bundle.read_table(folder, name.capitalize())
        expected = written.with_columns(
            pl.col(c).cast(pl.String if isinstance(t, pl.Enum) else pl.Int64 if t.is_integer() else t)
            for c, t in written.schema.items()
        )
        assert_frame_equal(found.select(expected.columns).sort("id"), expected.sort("id"))


@pytest.mark.parametrize("cls", [Fitness, Interaction, Viability, Profile, Gene])
def test_the_schema_config_holds_exactly_the_columns_of_the_class(cls):
    (entry,) = writer.schema_entries(cls.__name__.lower()).values()
    elsewhere = {*tables.ON_SCREEN, *tables.ON_ENVIRONMENT, *tables.BY_EDGE, "id"}
    own = {"name", "build", "ordinal", "perturbation_count"}
    expected = (
        {"standard_name", "uid", *cls.columns()} - {"gene"} if cls is Gene else (set(cls.columns()) - elsewhere) | own
    )
    assert set(entry["properties"]) == expected
    types = {"long": pl.Int64, "double": pl.Float64, "bool": pl.Boolean, "str": pl.String}
    for name, column in cls.columns().items():
        if name in entry["properties"] and not isinstance(column.dtype, pl.List):
            kind = types[entry["properties"][name]]
            stored = (
                pl.String
                if isinstance(column.dtype, pl.Enum)
                else pl.Int64
                if column.dtype.is_integer()
                else column.dtype
            )
            assert kind == stored, name


def test_every_entry_of_the_schema_config_is_used():
    used = {"gene", "dataset", "publication", "environment", "screen", *LOADED}
    used |= {"contains", "published_in", "under", "measured", "perturbs"}
    assert {entry["input_label"] for entry in yaml.safe_load(writer.SCHEMA_CONFIG.read_text()).values()} == used


def test_a_screen_whose_experiments_disagree_is_refused():
    table = fitness_rows().with_columns(temperature=pl.when(pl.col("row") == 1).then(30.0).otherwise(26.0))
    with pytest.raises(tables.BundleError, match="the experiments of screen 'made up 26' differ"):
        tables.record_tables(dataset(Fitness), table, "b@1")


def test_an_id_that_would_break_a_row_is_refused():
    table = fitness_rows().with_columns(id=pl.col("id") + "\t")
    with pytest.raises(tables.BundleError, match="unquoted"):
        tables.record_tables(dataset(Fitness), table, "b@1")


def test_an_id_under_two_labels_is_refused():
    table = fitness_rows().with_columns(id=pl.when(pl.col("row") == 1).then(pl.lit("fitness_made_up")).otherwise("id"))
    with pytest.raises(tables.BundleError, match="names two nodes"):
        tables.record_tables(dataset(Fitness), table, "b@1")


def test_a_property_that_the_schema_does_not_know_is_refused_and_leaves_nothing_behind(tmp_path):
    made = tables.record_tables(dataset(Fitness), fitness_rows(), "b@1")
    made.nodes["fitness"] = made.nodes["fitness"].with_columns(colour=pl.lit("red"))
    manifest = bundle.manifest_of(dataset(Fitness), made, "v1", tmp_path / "t")
    with pytest.raises(bundle.BundleError, match=r"does not know the properties .'colour'."):
        bundle.write(tmp_path, made, manifest)
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_java_cannot_parse_become_nulls(tmp_path):
    table = fitness_rows().with_columns(uncertainty=pl.Series([float("nan"), float("inf"), 1e-300, 1e300, 0.05]))
    folder = write_bundle(tmp_path, table, Fitness)
    assert bundle.read_table(folder, "Fitness")["uncertainty"].to_list() == [None, None, 1e-300, 1e300, 0.05]


def test_biocypher_leaves_no_log_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_bundle(tmp_path / "b", fitness_rows(), Fitness)
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_that_is_there_is_left_as_it_is(tmp_path):
    folder = write_bundle(tmp_path, fitness_rows(), Fitness)
    before = folder.stat().st_ino, contents(folder)
    write_bundle(tmp_path, fitness_rows(), Fitness)
    assert (folder.stat().st_ino, contents(folder)) == before


def edited(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([*content[:-2], content[-2] ^ 1, content[-1]]))


@pytest.mark.parametrize("name", ["manifest.json", "Fitness-header.csv", "Fitness-part*", "SHA256SUMS"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: os.truncate(path, 10), edited])
def test_a_bundle_of_which_a_file_is_gone_cut_or_edited_is_written_again(tmp_path, name, harm):
    folder = write_bundle(tmp_path, fitness_rows(), Fitness)
    before = contents(folder)
    [path] = folder.glob(name)
    harm(path)
    assert write_bundle(tmp_path, fitness_rows(), Fitness) == folder
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
