"""What the documentation shows of the command line is what it prints; and what the main job leaves to see in the UI."""

import doctest
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from torchcell_assets.definitions import defs
from torchcell_assets_tests import main_job

PAGE = main_job.PROJECT / "docs" / "command_line.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def commands() -> list[tuple[str, str]]:
    """(line that is typed, what is printed), in the order of the page."""
    found: list[tuple[str, list[str]]] = []
    typed = False
    for line in PAGE.read_text().splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), []))
            typed = True
        elif typed and line.startswith("    "):
            found[-1][1].append(line.removeprefix("    "))
        elif line:
            typed = False
    return [(line, "\n".join(said) + "\n" if said else "") for line, said in found]


@pytest.fixture
def shell(tiny_made, tmp_path):
    """Types a line in a folder with the study and the data root of a main job; what was printed, on both streams."""
    shutil.copytree(tiny_made.root, tmp_path / "data")
    shutil.copy(main_job.TINY, tmp_path / "study.toml")
    (tmp_path / "data" / "study").write_text(f"{tmp_path / 'study.toml'}\n")
    command = tmp_path / "bin" / "torchcell-assets"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m torchcell_assets "$@"\n')
    command.chmod(0o755)
    ours = main_job.environment(tmp_path / "data") | {"TORCHCELL_STUDY": str(tmp_path / "study.toml")}
    ours["PATH"] = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    code = 0

    def type_in(line: str) -> str:
        nonlocal code
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; (exit {code}); {line}"], cwd=tmp_path, env=ours, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        code = done.returncode
        return done.stdout.replace(f"{tmp_path}{os.sep}", "")

    return type_in


@pytest.mark.slow
def test_the_page_shows_what_is_printed(shell):
    compare = doctest.OutputChecker().check_output
    for line, expected in commands():
        said = shell(line)
        assert compare(expected, said, FLAGS), f"$ {line}\n{said}\n--- and the page says\n{expected}"


def test_after_the_main_job_the_last_execution_of_every_check_is_of_what_is_stored_and_has_passed(tiny_made):
    graph = defs.resolve_asset_graph()
    with main_job.instance(Path(tiny_made.root)) as here:
        made = {r.asset_entry.asset_key: r.asset_entry.last_materialization_record for r in here.get_asset_records()}
        made = {key: record for key, record in made.items() if record}
        checks = [check for check in graph.asset_check_keys if check.asset_key in made]
        # the representations of that study read no raw file, those of this process's study do
        checks = [c for c in checks if (c.asset_key.path[0], c.name) != ("representations", "raw_files_as_pinned")]
        found = here.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    assert {key.to_user_string() for key in made} >= {"datasets/fitness_sga", "merged/subset", "trained/scoreboard"}
    assert {"as_published", "schema_in_sync", "store_in_sync", "raw_files_as_pinned"} <= {c.name for c in checks}
    wrong = {}
    for check in checks:
        said = found[check].evaluation if check in found else None
        if not isinstance(said, dg.AssetCheckEvaluation):
            wrong[str(check)] = "never executed"
        elif said.target_materialization_data.storage_id != made[check.asset_key].storage_id:
            wrong[str(check)] = "executed before its asset was made"  # the UI shows it as not executed
        elif not said.passed:
            wrong[str(check)] = said.description
    assert wrong == {}
