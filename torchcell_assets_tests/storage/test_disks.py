"""Disks that refuse: a person reads one sentence, and nothing is lost.

Where a disk of its own may be mounted, it is full or read-only; elsewhere the system refuses by a limit or by the rights of
the folder.
"""

import contextlib
import ctypes
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from torchcell_assets_tests import main_job

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@dataclass(frozen=True)
class Refusing:
    """A data root that cannot be written by a process that is started with these options."""

    root: Path
    why: str = "; set TORCHCELL_DATA to a folder that"
    relief: Callable[[], None] = lambda: None
    options: dict = field(default_factory=dict)


@contextlib.contextmanager
def disk(place: Path) -> Iterator[bool]:
    """A disk at `place`, a little larger than what the main job makes; whether it may be mounted at all."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(place)]
    mounted = shutil.which("mount") and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield bool(mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def limited(size: int = 50_000) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def bound_by_rights() -> None:
    """Take from root the right to write whatever it likes, for the program that is started next."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def full(tiny_made, tmp_path) -> Iterator[Refusing]:
    """All is made but two models, and there is no room for them."""
    place = tmp_path / "disk"
    with disk(place) as mounted:
        root = place / "data"
        shutil.copytree(tiny_made.root, root)
        with main_job.instance(root) as here:
            here.wipe_assets([dg.AssetKey(["trained", "elastic_net"])])
        if mounted:
            fill(place / "filler")
            yield Refusing(root, "the disk is full", (place / "filler").unlink)
        else:
            yield Refusing(root, "the disk is full or broken", options={"preexec_fn": limited})


@pytest.fixture
def forbidden(tiny_made, tmp_path) -> Iterator[list[Refusing]]:
    place, root = tmp_path / "disk", tmp_path / "data"
    with disk(place) as mounted:
        shutil.copytree(tiny_made.root, root)
        subprocess.run(["chmod", "-R", "a-w", str(root)], check=True)
        found = [Refusing(root, options={"preexec_fn": bound_by_rights})]
        if mounted:
            shutil.copytree(tiny_made.root, place / "data")
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            found.append(Refusing(place / "data"))
        yield found
        subprocess.run(["chmod", "-R", "u+w", str(root)], check=True)


def fill(file: Path) -> None:
    """Write zeros until nothing more goes on the disk, to the last byte."""
    with file.open("wb", buffering=0) as handle:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while handle.write(b"\0" * size) == size:
                    pass


def refused(said: str, why: str) -> None:
    """One sentence for a person: no traceback, and what to do."""
    assert "Traceback" not in said, said
    (sentence,) = [line for line in said.splitlines() if "cannot" in line]
    assert why in sentence


def test_a_full_disk_is_one_sentence_and_after_room_was_made_the_run_ends_well(tiny_made, full):
    code, said = main_job.run(full.root, **full.options)
    assert code == 1
    refused(said, full.why)
    assert main_job.tables(full.root) == tiny_made.tables
    full.relief()
    code, said = main_job.run(full.root)
    assert code == 0, said
    assert main_job.versions(full.root) == tiny_made.versions
    assert main_job.tables(full.root) == tiny_made.tables
    assert main_job.left_behind(full.root) == []


@pytest.mark.slow
def test_a_read_only_data_root_is_one_sentence(tiny_made, forbidden):
    for one in forbidden:
        for command in ("run", "ui"):
            code, said = main_job.run(one.root, "torchcell_assets", command, **one.options)
            assert code == 1
            refused(said, one.why)
        assert main_job.tables(one.root) == tiny_made.tables


def test_a_limit_on_the_size_of_files_is_one_sentence_and_spoils_no_data_root(tmp_path):
    code, said = main_job.run(tmp_path / "data", preexec_fn=lambda: limited(0))
    assert code == 1
    refused(said, "it is larger than this process may write")
    assert [
        path for path in tmp_path.rglob("*") if path.is_file()
    ] == []  # as what an empty file would the next run take?
    code, said = main_job.run(tmp_path / "data", preexec_fn=limited)
    assert code == 1
    refused(said, "cannot be written: the disk is full or broken")  # so SQLite calls it, which meets the limit first


def test_an_impossible_data_root_and_a_missing_study_are_one_sentence(tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    code, said = main_job.run(tmp_path / "file" / "data")
    assert (code, len(said.strip().splitlines())) == (1, 1)
    refused(said, "a part of its path is a file; set TORCHCELL_DATA to a folder")
    nowhere = main_job.environment(tmp_path) | {"TORCHCELL_STUDY": str(tmp_path / "nothing.toml")}
    code, said = main_job.run(tmp_path, env=nowhere)
    assert (code, len(said.strip().splitlines())) == (1, 1)
    assert "There is no study" in said
