"""What a materialization remembers, over three small assets: a whole one, one in partitions, and one made from both."""

import json
import time
from hashlib import sha256

import dagster as dg
import pytest

from torchcell_assets.config.resources import DataRoot
from torchcell_assets.errors import TorchcellError
from torchcell_assets.orchestration.execution import executed
from torchcell_assets.staleness import provenance
from torchcell_assets.staleness.inputs import InputMissing
from torchcell_assets.staleness.provenance import (
    FILES_METADATA,
    INPUTS_METADATA,
    LEFT_OUT_METADATA,
    RECIPE_METADATA,
    SECONDS_METADATA,
    USES_METADATA,
    Remembered,
    as_dagster_hashes,
    data_versions,
    recipe_note,
    recorded,
)

USES = {"class A": {"columns": {}}, "policy p": 1}
SIZES = dg.StaticPartitionsDefinition(["1e3", "1e4", "1e5"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def version(text: str) -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion(text))


@dg.asset
def whole() -> dg.MaterializeResult:
    return version("W")


@dg.asset(partitions_def=SIZES)
def sizes(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return version(f"of {context.partition_key}")


def of_all(body, deps=(whole, sizes), partitions_def=None, retries=2) -> dg.AssetsDefinition:
    return dg.asset(name="of_all", deps=deps, partitions_def=partitions_def)(recorded(body, USES, retries))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as here:
        dg.materialize([whole], instance=here, run_config=QUIET)
        for size in ("1e3", "1e4"):
            dg.materialize([sizes], instance=here, partition_key=size, run_config=QUIET)
        yield here


def made(instance, asset, partition=None, **resources) -> dg.AssetMaterialization:
    """The event of the last asset, made alone."""
    those = {"instance": instance, "resources": resources, "partition_key": partition}
    dg.materialize([whole, sizes, asset], selection=[asset], run_config=QUIET, **those)
    return instance.get_latest_materialization_event(asset.key).asset_materialization


def test_it_remembers_what_it_used_and_the_partitions_that_it_read_and_keeps_what_the_body_said(instance):
    def body(context: dg.AssetExecutionContext):
        assert context.asset_key == dg.AssetKey("of_all")
        time.sleep(0.03)
        return version("X")._replace(metadata={"rows": 3})

    event = made(instance, of_all(body))
    assert event.metadata[USES_METADATA] == dg.MetadataValue.json(USES)
    assert event.metadata[INPUTS_METADATA] == dg.MetadataValue.json({"sizes": {"1e3": "of 1e3", "1e4": "of 1e4"}})
    assert event.metadata["rows"].value == 3
    remembered = Remembered.of(event)
    assert remembered.uses == USES and remembered.many_inputs == {"sizes": {"1e3": "of 1e3", "1e4": "of 1e4"}}
    assert 0.03 <= remembered.seconds < 2.9 and round(remembered.seconds, 3) == remembered.seconds
    assert (remembered.data_version, remembered.recipe, remembered.files) == ("X", {}, None)
    assert remembered.inputs["whole"] == "W"
    assert remembered.inputs["sizes"] == as_dagster_hashes({"1e3": "of 1e3", "1e4": "of 1e4"})


def test_an_input_of_which_one_partition_is_read_is_dagsters_to_remember(instance):
    def body():
        return version("X")

    event = made(instance, of_all(body, partitions_def=SIZES), "1e4")
    assert INPUTS_METADATA not in event.metadata
    assert Remembered.of(event).many_inputs == {}
    assert Remembered.of(event).inputs == {"whole": "W", "sizes": as_dagster_hashes({"1e4": "of 1e4"})}


@pytest.mark.parametrize(("partition", "read"), [("a", ["1e3", "1e5"]), ("b", ["1e3", "1e4"])])
def test_of_an_input_of_which_a_partition_reads_several_these_are_remembered(instance, partition, read):
    def body():
        return version("X")

    dg.materialize([sizes], instance=instance, partition_key="1e5", run_config=QUIET)
    mapping = dg.StaticPartitionMapping({"1e3": {"a", "b"}, "1e4": "b", "1e5": "a"})
    asset = of_all(body, [dg.AssetDep(sizes, partition_mapping=mapping)], dg.StaticPartitionsDefinition(["a", "b"]))
    expected = {"sizes": {size: f"of {size}" for size in read}}
    assert Remembered.of(made(instance, asset, partition)).many_inputs == expected


def test_partitions_that_it_did_not_take_count_as_not_read(instance):
    def body():
        left_out = {LEFT_OUT_METADATA: dg.MetadataValue.json({"sizes": ["1e3"], "others": ["a"]})}
        return version("X")._replace(metadata=left_out)

    assert Remembered.of(made(instance, of_all(body))).many_inputs == {"sizes": {"1e4": "of 1e4"}, "others": {}}


@pytest.mark.parametrize("said", [dg.MetadataValue.text("sizes"), dg.MetadataValue.json(["1e3"])])
def test_left_out_in_another_form_leaves_nothing_out(instance, said):
    def body():
        return version("X")._replace(metadata={LEFT_OUT_METADATA: said})

    assert Remembered.of(made(instance, of_all(body))).many_inputs["sizes"].keys() == {"1e3", "1e4"}


def test_an_input_that_moves_while_it_is_made_counts_as_the_older_one(instance):
    def body():
        dg.materialize([sizes], instance=instance, partition_key="1e5", run_config=QUIET)
        return version("X")

    assert Remembered.of(made(instance, of_all(body))).many_inputs["sizes"].keys() == {"1e3", "1e4"}


def test_its_files_are_recorded_below_the_data_root_that_it_was_given(instance, tmp_path):
    record = json.dumps([[str(tmp_path / "a" / "b.parquet"), 1, 2, "0"]])

    def body(root: DataRoot):
        return version("X")._replace(metadata={FILES_METADATA: dg.MetadataValue.text(record)})

    event = made(instance, of_all(body), root=DataRoot(path=str(tmp_path)))
    assert event.metadata[FILES_METADATA] == dg.MetadataValue.text('[["a/b.parquet", 1, 2, "0"]]')
    assert Remembered.of(event).files == '[["a/b.parquet", 1, 2, "0"]]'


def test_a_data_root_is_found_wherever_it_was_given(monkeypatch, tmp_path):
    assert provenance._data_root((1, DataRoot(path=str(tmp_path))), {}) == tmp_path
    monkeypatch.chdir(tmp_path)
    assert provenance._data_root((), {"a": 1, "root": DataRoot(path="d")}) == tmp_path / "d"


def test_without_a_data_root_it_is_that_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    assert provenance._data_root((), {"other": 1}) == tmp_path


def test_an_asset_is_not_made_before_its_inputs_are(tmp_path):
    ran = []

    def body(root: DataRoot):
        ran.append(1)
        return version("X")

    with dg.DagsterInstance.ephemeral() as empty, pytest.raises(InputMissing, match=r"^whole has not been made"):
        made(empty, of_all(body, deps=(whole,)), root=DataRoot(path=str(tmp_path)))
    assert not ran
    gone = dg.AssetMaterialization("whole", metadata={FILES_METADATA: json.dumps([["w.parquet", 1, 1, "0"]])})
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(gone)
        with pytest.raises(InputMissing, match=f"{tmp_path / 'w.parquet'}"):
            made(instance, of_all(body, deps=(whole,)), root=DataRoot(path=str(tmp_path)))
    assert not ran


def test_the_wrapped_body_keeps_its_name_and_what_it_asks_for():
    def body(root: DataRoot):
        """What one row is."""

    wrapped = recorded(body, {})
    assert (wrapped.__name__, wrapped.__doc__) == ("body", "What one row is.")
    assert wrapped.__wrapped__ is body


def test_what_was_never_stored_is_empty():
    bare = Remembered.of(dg.AssetMaterialization("a"))
    assert (bare.code_version, bare.data_version, bare.seconds, bare.uses, bare.files) == (None, "", None, None, None)
    assert (bare.many_inputs, bare.recipe, bare.inputs) == ({}, {}, {})


def test_tags_are_read_by_what_dagster_calls_them():
    empty = sha256(b"").hexdigest()
    tags = {"dagster/code_version": "1-ab", "dagster/data_version": "V", "dagster/input_event_pointer/b": "7"}
    tags |= {
        f"dagster/input_data_version/{name}": said
        for name, said in (("a/b", "1"), ("c", "INITIAL"), ("d", ""), ("e", empty))
    }
    remembered = Remembered(tags, {})
    assert (remembered.code_version, remembered.data_version) == ("1-ab", "V")
    assert remembered.inputs == {"a/b": "1", "c": None, "d": None, "e": None}


def test_notes_that_were_written_as_text_are_read():
    old = Remembered({}, {USES_METADATA: '{"class A": 1}', RECIPE_METADATA: '{"key": "k"}'})
    assert (old.uses, old.recipe) == ({"class A": 1}, {"key": "k"})


def test_a_recipe_is_remembered_with_the_partition():
    note = recipe_note({"key": "k"})
    assert note == {RECIPE_METADATA: dg.MetadataValue.json({"key": "k"})}
    assert Remembered.of(dg.AssetMaterialization("a", metadata=note)).recipe == {"key": "k"}


def test_many_partitions_are_hashed_as_dagster_does_in_the_order_of_their_names():
    assert as_dagster_hashes({}) is None
    assert as_dagster_hashes({"b": "2", "a": "1"}) == sha256(b"12").hexdigest()


def test_data_versions_are_read_by_partition(instance):
    assert data_versions(instance, sizes.key) == {"1e3": "of 1e3", "1e4": "of 1e4"}
    assert data_versions(instance, dg.AssetKey("never")) == {}


def test_notes_have_the_names_under_which_older_events_hold_them():
    names = (USES_METADATA, INPUTS_METADATA, SECONDS_METADATA, RECIPE_METADATA, FILES_METADATA, LEFT_OUT_METADATA)
    assert [name.removeprefix("torchcell/") for name in names] == [
        "uses",
        "inputs",
        "seconds",
        "recipe",
        "files",
        "left_out",
    ]
    assert set(provenance.NOTES) == set(names[:5]) and provenance.RECIPES_METADATA == "torchcell/recipes"


class Passes(TorchcellError):
    may_pass = True


@pytest.mark.parametrize(
    ("refusal", "launched", "retries", "tries"),
    [(Passes, True, 2, 3), (Passes, True, 1, 2), (Passes, False, 2, 1), (TorchcellError, True, 2, 1)],
)
def test_what_may_pass_is_tried_again_in_a_run_that_was_launched_and_nothing_else_is(
    instance, monkeypatch, refusal, launched, retries, tries
):
    monkeypatch.setattr(provenance, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(provenance, "_is_launched", lambda context: launched)
    tried = []

    def body(context: dg.AssetExecutionContext):
        tried.append(1)
        raise refusal("The server does not answer: start it.")

    done = dg.materialize(
        [whole, sizes, of_all(body, retries=retries)],
        selection=["of_all"],
        instance=instance,
        run_config=QUIET,
        raise_on_error=False,
    )
    assert (done.success, len(tried)) == (False, tries)
    assert executed(instance, done.run_id).failures["of_all"] == "The server does not answer: start it."


def test_a_second_try_that_goes_well_is_a_success(instance, monkeypatch):
    monkeypatch.setattr(provenance, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(provenance, "_is_launched", lambda context: True)
    tried = []

    def body(context: dg.AssetExecutionContext):
        tried.append(1)
        if len(tried) == 1:
            raise Passes("The server does not answer: start it.")
        return version("X")

    assert made(instance, of_all(body)).tags["dagster/data_version"] == "X"
    assert len(tried) == 2
