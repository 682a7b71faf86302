"""What is picked from the stored JSON of an event is what Dagster's own reading of it gives."""

import dagster as dg
import pytest

from torchcell_assets.staleness import history
from torchcell_assets.staleness.provenance import (
    INPUTS_METADATA,
    RECIPE_METADATA,
    SECONDS_METADATA,
    USES_METADATA,
    Remembered,
)
from torchcell_assets_tests.mirror import Mirror

KEYS = ("trained/elastic_net", "trained/scoreboard", "representations/gene_embedding", "merged/fitness")


def stored(mirror: Mirror, key: str) -> dict[str | None, Remembered]:
    """Partition -> last materialization, by Dagster's own reading."""
    records = mirror.instance.fetch_materializations(dg.AssetKey.from_user_string(key), limit=100).records
    events = [record.asset_materialization for record in reversed(records)]
    return {made.partition: Remembered.of(made) for made in events}


@pytest.mark.parametrize("key", KEYS)
def test_tags_and_notes_are_those_that_dagster_reads(mirror_in_sync, key):
    graph, instance = mirror_in_sync.graph, mirror_in_sync.instance
    asset = dg.AssetKey.from_user_string(key)
    expected = stored(mirror_in_sync, key)
    assert history.History(instance, graph, [asset]).stored(asset) == expected
    assert history.History(instance, graph, [asset]).data_versions(asset) == {
        partition: made.data_version for partition, made in expected.items()
    }


def test_every_note_is_read(mirror_in_sync):
    notes = {name for key in KEYS for made in stored(mirror_in_sync, key).values() for name in made.notes}
    assert notes == {USES_METADATA, SECONDS_METADATA, INPUTS_METADATA, RECIPE_METADATA}


def test_what_was_used_and_read_is_json_which_the_ui_shows_behind_a_link(mirror_in_sync):
    event = mirror_in_sync.instance.get_latest_materialization_event(dg.AssetKey(["trained", "scoreboard"]))
    shown = event.asset_materialization.metadata
    assert "class Score" in shown[USES_METADATA].data
    assert {"trained/baselines": {"1e3": "A of 1e3"}}.items() <= shown[INPUTS_METADATA].data.items()


def test_notes_that_an_older_version_wrote_as_text_are_read():
    event = dg.AssetMaterialization(
        "model", metadata={USES_METADATA: '{"class A": 1}', INPUTS_METADATA: '{"b": {"1": "v"}}'}
    )
    assert (Remembered.of(event).uses, Remembered.of(event).many_inputs) == ({"class A": 1}, {"b": {"1": "v"}})
    assert Remembered.of(dg.AssetMaterialization("model")).uses is None


def test_an_event_of_another_form_is_left_to_dagster(mirror, monkeypatch):
    asset = dg.AssetKey(["trained", "elastic_net"])
    expected = stored(mirror, "trained/elastic_net")

    def foreign(event):
        raise KeyError("dagster_event")

    monkeypatch.setattr(history, "picked", foreign)
    assert history.History(mirror.instance, mirror.graph, [asset]).stored(asset) == expected
