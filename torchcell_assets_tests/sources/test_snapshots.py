"""Weights by name: where they are looked for, what is refused, and the one sentence where they are nowhere."""

import hashlib
import json
from pathlib import Path

import pytest

from torchcell_assets.sources.snapshots import Snapshot, Snapshots
from torchcell_assets.sources.source import SourceUnavailable

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTENT = {"model.safetensors": b"weights", "config.json": b"{}"}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


def snapshot(**changes):
    stated = {"repository": "lab/model", "revision": REVISION, "files": DIGESTS, "bytes": 2_600_000_000}
    stated |= {"licence": "MIT", "citation": "A lab 2024", "doi": "10.1/2"}
    return Snapshot(**(stated | changes))


def put(folder: Path, content=CONTENT) -> Path:
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Snapshots that are in no folder, and may not ask."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hugging"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return Snapshots(tmp_path / "root", tmp_path / "folder")


@pytest.mark.parametrize(
    "place",
    [
        f"root/models--lab--model/snapshots/{REVISION}",
        f"folder/models--lab--model/snapshots/{REVISION}",
        "folder/lab/model",
        f"hugging/hub/models--lab--model/snapshots/{REVISION}",
    ],
)
def test_a_snapshot_is_found_in_each_of_its_places(nowhere, tmp_path, place):
    wanted = put(tmp_path / place)
    assert nowhere.verified(snapshot()) == (wanted, DIGESTS)


def test_the_cache_of_the_data_root_is_taken_before_the_others_and_a_half_one_is_passed_over(nowhere, tmp_path):
    put(tmp_path / "root" / snapshot().inside, {"config.json": b"{}"})
    whole = put(tmp_path / "folder" / snapshot().inside)
    assert nowhere.verified(snapshot())[0] == whole
    (tmp_path / "root" / snapshot().inside / "model.safetensors").write_bytes(b"weights")
    assert nowhere.verified(snapshot())[0] == tmp_path / "root" / snapshot().inside


def test_a_branch_is_looked_up_as_the_hub_keeps_it(nowhere, tmp_path):
    wanted = put(tmp_path / "hugging/hub/models--lab--model/snapshots" / REVISION)
    refs = tmp_path / "hugging/hub/models--lab--model/refs"
    refs.mkdir()
    (refs / "upstream").write_text(REVISION)
    assert nowhere.verified(snapshot(revision="upstream"))[0] == wanted


def test_what_is_nowhere_is_one_sentence_with_name_revision_size_licence_and_place(nowhere, tmp_path):
    with pytest.raises(SourceUnavailable) as refused:
        nowhere.verified(snapshot())
    said = str(refused.value)
    for part in ("lab/model", REVISION, "2.6 GB", "licence MIT", "model.safetensors, config.json", "runs offline"):
        assert part in said
    assert str(tmp_path / "folder" / "lab/model") in said
    assert "TORCHCELL_WEIGHTS names" in str(_refusal(Snapshots(tmp_path / "root"), snapshot()))


def _refusal(snapshots, wanted):
    with pytest.raises(SourceUnavailable) as refused:
        snapshots.verified(wanted)
    return refused.value


@pytest.mark.parametrize("change", [b"weight", b"weighty", b""])
def test_a_truncated_or_changed_file_is_refused_and_named(nowhere, tmp_path, change):
    place = put(tmp_path / "folder" / snapshot().inside, CONTENT | {"model.safetensors": change})
    assert f"{place / 'model.safetensors'} is not the published one" in str(_refusal(nowhere, snapshot()))


def test_a_file_without_a_published_digest_is_pinned_when_it_is_first_used(nowhere, tmp_path):
    wanted = snapshot(files=DIGESTS | {"config.json": None})
    place = put(tmp_path / "folder" / wanted.inside)
    assert nowhere.verified(wanted) == (place, DIGESTS)
    assert nowhere.verified(wanted) == (place, DIGESTS)
    (place / "config.json").write_bytes(b'{"hidden_size": 1}')
    assert "config.json is not the one that was first used here" in str(_refusal(nowhere, wanted))
    # another revision is another model
    other = snapshot(files=DIGESTS | {"config.json": None}, revision="f" * 40)
    put(tmp_path / "folder" / other.inside, CONTENT | {"config.json": b"other"})
    assert nowhere.verified(other)[1]["config.json"] == hashlib.sha256(b"other").hexdigest()


def test_a_pickle_is_never_read_as_it_is(nowhere, tmp_path):
    wanted = snapshot(files={"pytorch_model.bin": DIGESTS["model.safetensors"], "config.json": DIGESTS["config.json"]})
    put(tmp_path / "folder" / wanted.inside, {"pytorch_model.bin": b"weights", "config.json": b"{}"})
    said = str(_refusal(nowhere, wanted))
    assert "published as a pickle" in said and "make weights MODEL=lab/model" in said
    place = put(nowhere.converted(wanted))
    made = {"published": dict(wanted.files), "made": DIGESTS}
    (place / "converted.json").write_text(json.dumps(made))
    assert nowhere.verified(wanted) == (place, wanted.files)
    (place / "model.safetensors").write_bytes(b"else")
    assert "is not what was converted" in str(_refusal(nowhere, wanted))
