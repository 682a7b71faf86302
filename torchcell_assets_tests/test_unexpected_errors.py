"""Whatever an asset raises ends the command: with the sentence of a refusal, or with a traceback. Real Dagster runs throughout,
because it is Dagster that ties the chain of an exception into a ring.
"""

import signal
import sys

import dagster as dg
import pytest

from torchcell_assets import __main__ as command_line
from torchcell_assets import definitions
from torchcell_assets.errors import TorchcellError, chain
from torchcell_assets.orchestration import jobs
from torchcell_assets.storage.atomic import refusal

PATIENCE = 300  # seconds after which a command is taken to go on for ever; the runs take one or two on an idle machine


class Refusal(TorchcellError):
    pass


def plain(error: Exception) -> None:
    raise error


def from_another(error: Exception) -> None:
    try:
        raise LookupError("what was behind it")
    except LookupError as cause:
        raise error from cause


def from_none(error: Exception) -> None:
    try:
        raise LookupError("what was behind it")
    except LookupError:
        raise error from None


def while_handling(error: Exception) -> None:
    try:
        raise LookupError("what was behind it")
    except LookupError:
        raise error  # noqa: B904 - what a mistake in a handler gives


RAISED = [plain, from_another, from_none, while_handling]


@pytest.fixture(autouse=True)
def for_ever():
    def end(*_) -> None:
        pytest.fail("the command goes on for ever")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(raw_files, tmp_path, monkeypatch, capfd):
    """`torchcell-assets run` where the main job is one asset with this body; its exit code, and what it said."""
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    monkeypatch.setattr(jobs, "FLOW", ("datasets",))

    def command(body, partitions=None):
        @dg.asset(name="broken", key_prefix="datasets", partitions_def=partitions)
        def broken() -> None:
            body()

        job = dg.define_asset_job("datasets", [broken])
        monkeypatch.setattr(definitions, "defs", dg.Definitions(assets=[broken], jobs=[job]))
        try:
            came = command_line.main(["run"])
        except Exception as error:
            came = error
            sys.excepthook(type(error), error, error.__traceback__)
        return came, capfd.readouterr().err

    return command


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("error", [ValueError, KeyError, AssertionError, MemoryError, NotImplementedError])
def test_an_unexpected_error_ends_the_command_with_a_traceback_that_names_the_asset(run, raised, error):
    came, said = run(lambda: raised(error("the size 1k")))
    assert type(came) is error
    assert f"in {raised.__name__}" in said
    assert "the size 1k" in said
    assert "It happened while datasets/broken was made" in said


def test_an_error_of_the_driver_ends_the_command(run, empty_graph):
    import neo4j

    def write_into_what_may_only_be_read() -> None:
        with empty_graph.session(default_access_mode=neo4j.READ_ACCESS) as session:
            session.run("CREATE (:Gene)").consume()

    came, said = run(write_into_what_may_only_be_read)
    assert isinstance(came, neo4j.exceptions.ClientError)
    assert "It happened while datasets/broken was made" in said


@pytest.mark.parametrize("raised", RAISED)
def test_a_refusal_is_its_sentence_alone_however_it_was_raised(run, raised):
    came, said = run(lambda: raised(Refusal("The file is not there: put it there.")))
    assert came == 1
    assert "The file is not there: put it there." in said
    assert "Traceback" not in said


def test_a_refusal_behind_another_error_is_told(run):
    def body() -> None:
        try:
            raise Refusal("The file is not there: put it there.")
        except Refusal as refused:
            raise RuntimeError("a library wraps it") from refused

    came, said = run(body)
    assert came == 1
    assert "The file is not there: put it there." in said
    assert "Traceback" not in said


def test_an_error_of_one_partition_names_it(run, monkeypatch):
    _, said = run(lambda: plain(ValueError("boom")), dg.StaticPartitionsDefinition(["1e3"]))
    assert "It happened while datasets/broken (1e3) was made" in said


def test_a_chain_that_is_a_ring_is_gone_through_once():
    one, other = ValueError("one"), RuntimeError("other")
    one.__context__, other.__cause__ = other, one
    assert list(chain(one)) == [one, other]
    assert refusal(one) is None
    other.__cause__ = OSError(28, "No space left on device")
    assert "the disk is full" in (refusal(one) or "")


def test_what_was_suppressed_is_no_part_of_the_chain():
    with pytest.raises(ValueError, match="boom") as caught:
        from_none(ValueError("boom"))
    assert list(chain(caught.value)) == [caught.value]
    assert list(chain(None)) == []
