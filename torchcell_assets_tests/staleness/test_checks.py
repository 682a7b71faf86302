"""The check of the raw files: another file behind a URL is noticed and said, and never taken over."""

import dagster as dg
import pytest

from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.staleness.checks import raw_files_as_pinned
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.publisher import CONTENT, not_found, other_content


@pytest.fixture
def raw(tmp_path) -> RawFiles:
    return RawFiles(root=DataRoot(path=str(tmp_path)), mirror=str(tmp_path / "mirror"))


@pytest.fixture
def check(raw, source):
    """Runs the check alone, as `verify` does."""
    records = dg.AssetSpec("records")
    job = dg.Definitions(
        assets=[records], asset_checks=[raw_files_as_pinned(records.key, [source])], resources={"raw": raw}
    ).resolve_implicit_global_asset_job_def()

    def run() -> dg.AssetCheckEvaluation:
        [found] = job.execute_in_process(run_config=QUIET).get_asset_check_evaluations()
        assert found.severity is dg.AssetCheckSeverity.WARN
        return found

    return run


def test_another_file_behind_the_url_is_noticed_and_not_taken_over(check, raw, server, source):
    path = raw.sources().path(source)
    assert check().passed
    server.behaviours = [other_content]
    found = check()
    assert not found.passed
    assert "gives another file now (sha256 " in found.description
    assert "What is stored stays as it is" in found.description
    assert f"{source.name} | as pinned | another file" in found.metadata["files"].value
    assert path.read_bytes() == CONTENT


def test_a_url_that_does_not_answer_is_no_change(check, raw, server, source):
    raw.sources().path(source)
    server.behaviours = [not_found]
    found = check()
    assert found.passed
    assert f"{source.name} | as pinned | not known: {source.url} answered 404" in found.metadata["files"].value


def test_a_damaged_raw_file_is_noticed(check, raw, source):
    path = raw.sources().path(source)
    path.write_bytes(CONTENT[:100])
    found = check()
    assert not found.passed
    assert f"{path} is another file" in found.description
    assert f"{source.name} | lost or damaged | as pinned" in found.metadata["files"].value
