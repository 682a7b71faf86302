"""A raw file comes out with its sha256, or one sentence says why not; against a real server on loopback."""

import hashlib
import http.server
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Source, Sources, SourceUnavailable
from torchcell_assets_tests.publisher import (
    CONTENT,
    NAME,
    Behaviour,
    Server,
    hanging,
    not_found,
    other_content,
    truncated,
    truncated_without_length,
    whole,
)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(cache=tmp_path / "cache", retries=0, timeout=5)


def put(folder: Path, content: bytes) -> Path:
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and path != cache / NAME]


def test_a_download_lands_in_the_cache_and_is_not_repeated(server: Server, source: Source, sources: Sources):
    path = sources.path(source)
    assert path == sources.cache / NAME
    assert path.read_bytes() == CONTENT
    assert sources.path(source) == path
    assert len(server.requests) == 1
    assert not leftovers(sources.cache)
    sources.verify(source)


def test_a_download_that_fails_once_is_tried_again(server: Server, source: Source, sources: Sources):
    server.behaviours = [truncated, whole]
    assert replace(sources, retries=1).path(source).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (truncated, "cannot be reached"),
        (truncated_without_length, "truncated or changed"),
        (other_content, "truncated or changed"),
        (not_found, "answered 404"),
    ],
)
def test_a_bad_download_is_refused_with_one_sentence(
    server: Server, source: Source, sources: Sources, behaviour: Behaviour, said: str
):
    server.behaviours = [behaviour]
    with pytest.raises(SourceUnavailable) as refusal:
        sources.path(source)
    sentence = str(refusal.value)
    assert said in sentence
    assert NAME in sentence
    assert str(sources.cache / NAME) in sentence
    assert "TORCHCELL_MIRROR" in sentence
    assert "\n" not in sentence
    assert not (sources.cache / NAME).exists()
    assert not leftovers(sources.cache)


def test_a_refused_connection_is_said(source: Source, sources: Sources):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = replace(source, url=f"http://127.0.0.1:{taken.getsockname()[1]}/table.txt")
        with pytest.raises(SourceUnavailable, match="cannot be reached"):
            sources.path(nobody)


def test_a_damaged_file_in_the_cache_is_replaced_by_a_good_download(server: Server, source: Source, sources: Sources):
    put(sources.cache, CONTENT[:100])
    assert sources.path(source).read_bytes() == CONTENT


def test_a_damaged_file_in_the_cache_is_named_when_nothing_better_is_found(source: Source, sources: Sources):
    path = put(sources.cache, CONTENT[:100])
    with pytest.raises(SourceUnavailable, match="is another file") as refusal:
        replace(sources, offline=True).path(source)
    assert str(path) in str(refusal.value)
    assert "offline" in str(refusal.value)


def test_a_second_accepted_digest_is_a_good_file(source: Source, sources: Sources, server: Server):
    published = b"the same table as the publisher saved it\n"
    both = replace(source, sha256=(*source.sha256, hashlib.sha256(published).hexdigest()))
    path = put(sources.cache, published)
    assert sources.path(both) == path
    assert not server.requests


def test_a_file_of_the_mirror_is_used_in_place(server: Server, source: Source, sources: Sources, tmp_path: Path):
    path = put(tmp_path / "mirror", CONTENT)
    mirrored = replace(sources, mirror=tmp_path / "mirror")
    assert mirrored.path(source) == path
    assert not sources.cache.exists()
    assert not server.requests


def test_a_wrong_file_in_the_mirror_is_named(source: Source, sources: Sources, tmp_path: Path):
    path = put(tmp_path / "mirror", b"another release")
    with pytest.raises(SourceUnavailable, match=r"mirrored file .* is another file") as refusal:
        replace(sources, mirror=tmp_path / "mirror", offline=True).path(source)
    assert str(path) in str(refusal.value)


def test_a_cache_that_cannot_be_written_is_said(source: Source, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceUnavailable, match="cannot be written"):
        Sources(cache=tmp_path / "file" / "cache", retries=0).path(source)


def test_a_failed_download_leaves_what_the_cache_held(server: Server, source: Source, sources: Sources):
    path = put(sources.cache, CONTENT)
    newer = replace(source, sha256=("0" * 64,))
    server.behaviours = [truncated]
    with pytest.raises(SourceUnavailable):
        sources.path(newer)
    assert path.read_bytes() == CONTENT


def test_a_file_of_a_package_that_is_not_installed_says_what_to_install(source: Source, sources: Sources):
    packaged = replace(source, url=None, package="no-such-package", member="table.txt")
    with pytest.raises(SourceUnavailable, match="no-such-package is not installed"):
        sources.path(packaged)
    with pytest.raises(SourceUnavailable, match="Install no-such-package"):
        sources.verify(packaged)


def test_a_probe_names_what_cannot_be_had_and_downloads_nothing(
    server: Server, source: Source, sources: Sources, tmp_path: Path
):
    there = put(tmp_path / "mirror", CONTENT)
    elsewhere = replace(source, name="publication2020/other.txt", sha256=("0" * 64,))
    lost = replace(elsewhere, name="publication2020/lost.txt", url="http://127.0.0.1:1/table.txt")
    mirrored = replace(sources, mirror=tmp_path / "mirror")
    assert mirrored.probe([source, elsewhere]) == []
    [(missing, why)] = mirrored.probe([source, elsewhere, lost])
    assert missing == lost
    assert "cannot be reached" in why
    assert set(server.requests) == {"HEAD"}
    assert there.exists()
    assert not sources.cache.exists()
    [(_, why)] = replace(mirrored, offline=True).probe([source, elsewhere])
    assert "offline" in why


def test_a_probe_ends_in_time_though_servers_hang(server: Server, source: Source, sources: Sources):
    server.behaviours = [hanging]
    urls = [replace(source, name=f"{n}.txt", url=f"{server.url}?{n}") for n in range(6)]
    start = time.monotonic()
    missing = sources.probe(urls, timeout=0.5)
    assert time.monotonic() - start < 2
    assert len(missing) == 6


def test_a_probe_reads_no_file_that_lies_where_it_should(source: Source, sources: Sources, monkeypatch):
    put(sources.cache, CONTENT)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("a file was read"))
    assert sources.probe([source]) == []
    put(sources.cache, CONTENT[:-1])
    offline = replace(sources, offline=True)
    assert offline.absent([source]) == [source]
    [(_, why)] = offline.probe([replace(source, url=None)])
    size = len(CONTENT)
    assert why == f"the cached file {sources.cache / NAME} is another file ({size - 1:,} bytes, not {size:,})"


@pytest.mark.parametrize("known", [True, False], ids=["size known", "digest alone"])
@pytest.mark.parametrize("name", ["publication2020/Table.TXT", "Publication 2020/Data File S1.tsv", "table.txt"])
def test_a_file_under_another_name_is_found_by_its_content_and_used_in_place(
    server: Server, source: Source, sources: Sources, tmp_path: Path, name: str, known: bool
):
    source = source if known else replace(source, bytes=None)
    path = tmp_path / "mirror" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    (path.parent / "a decoy.txt").write_bytes(CONTENT[:-1] + b"?")
    mirrored = replace(sources, mirror=tmp_path / "mirror")
    assert mirrored.path(source) == path
    mirrored.verify(source)
    assert mirrored.absent([source]) == [] == mirrored.probe([source])
    assert server.requests == []
    path.write_bytes(CONTENT.replace(b"0.9787", b"0.9788"))
    assert mirrored.absent([source]) == [source]


def test_a_file_under_another_name_is_not_looked_for_where_it_would_cost_more_than_it_gives(
    source: Source, sources: Sources, tmp_path: Path
):
    mirror = tmp_path / "mirror"
    for name in (".hidden.txt", ".cache/table.txt", "table.fasta"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes(CONTENT)
    mirrored = replace(sources, mirror=mirror, offline=True)
    assert mirrored.absent([replace(source, bytes=None)]) != []
    (mirror / "table.fasta").rename(mirror / "unreadable.txt")
    assert mirrored.absent([source]) == []


def test_what_lies_at_its_place_is_never_passed_over_for_another_name(source: Source, sources: Sources, tmp_path: Path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "a.txt").write_bytes(CONTENT)
    path = put(tmp_path / "mirror", CONTENT)
    assert replace(sources, mirror=tmp_path / "mirror").path(source) == path


def test_a_file_that_was_changed_is_read_again(source: Source, sources: Sources):
    path = put(sources.cache, CONTENT)
    sources.verify(source)
    path.write_bytes(b"?" + CONTENT[1:])  # the same size
    with pytest.raises(SourceUnavailable, match="is another file"):
        sources.verify(source)


def test_another_file_behind_a_url_is_said_and_not_taken(server: Server, source: Source, sources: Sources):
    path = sources.path(source)
    assert sources.digest_at_url(source) == source.sha256[0]
    server.behaviours = [other_content]
    assert sources.digest_at_url(source) == hashlib.sha256(b"<html>please log in</html>").hexdigest()
    assert path.read_bytes() == CONTENT
    assert not leftovers(sources.cache)


@pytest.mark.parametrize(("behaviour", "said"), [(not_found, "answered 404"), (truncated, "broke off")])
def test_a_url_that_gives_no_whole_file_is_no_change(
    server: Server, source: Source, sources: Sources, behaviour: Behaviour, said: str
):
    server.behaviours = [behaviour]
    with pytest.raises(SourceUnavailable, match=said):
        sources.digest_at_url(source)
    with pytest.raises(SourceUnavailable, match="offline"):
        replace(sources, offline=True).digest_at_url(source)


def busy(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_error(503)


@pytest.mark.parametrize(
    ("behaviour", "may_pass"),
    [(busy, True), (not_found, False), (other_content, False)],
    ids=["busy", "not found", "other"],
)
def test_what_a_server_could_not_give_just_then_may_pass_and_a_wrong_file_or_address_does_not(
    server: Server, source: Source, sources: Sources, behaviour: Behaviour, may_pass: bool
):
    server.behaviours = [behaviour]
    with pytest.raises(SourceUnavailable) as refusal:
        sources.path(source)
    assert refusal.value.may_pass is may_pass


def test_a_server_that_is_down_may_pass_and_a_cache_that_cannot_be_written_does_not(
    source: Source, sources: Sources, tmp_path: Path
):
    nobody = replace(source, url="http://127.0.0.1:9/table.txt")
    with pytest.raises(SourceUnavailable) as refusal:
        sources.path(nobody)
    assert refusal.value.may_pass
    (tmp_path / "file").touch()
    with pytest.raises(TorchcellError) as refusal:
        replace(sources, cache=tmp_path / "file" / "cache").path(source)
    assert not refusal.value.may_pass


def test_a_file_that_only_a_person_may_download_says_what_from_where_and_where_to(source: Source, sources: Sources):
    by_hand = replace(source, url=None, landing="https://publisher.example/supplement")
    put(sources.cache, CONTENT)
    assert sources.path(by_hand) == sources.cache / NAME
    (sources.cache / NAME).unlink()
    for ask in (sources.path, sources.verify):
        with pytest.raises(SourceUnavailable) as refusal:
            ask(by_hand)
        sentence = str(refusal.value)
        assert f"Download it from https://publisher.example/supplement and put it at {sources.cache / NAME}" in sentence
        assert "TORCHCELL_MIRROR" in sentence
        assert "\n" not in sentence
    with pytest.raises(SourceUnavailable, match=r"is found at https://publisher\.example/supplement and has no URL"):
        sources.digest_at_url(by_hand)
