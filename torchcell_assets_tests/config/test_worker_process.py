"""A worker that dies: one sentence, whoever killed it."""

import dagster as dg
import pytest

from torchcell_assets.config.worker_process import WorkerProcess, WorkFailed

DIES = {"kill -9 $$": -9, "exit 3": 3}


@pytest.mark.parametrize("how", DIES)
def test_a_worker_that_dies_is_one_sentence_that_says_what_is_kept(tmp_path, how):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{how}\n")
    python.chmod(0o755)

    @dg.asset
    def heavy(context: dg.AssetExecutionContext, worker: WorkerProcess) -> None:
        worker.run(context, {"work": "nothing"})

    with pytest.raises(
        WorkFailed, match=rf"ended with code {DIES[how]}: .*the same command goes on from there"
    ) as failed:
        dg.materialize([heavy], resources={"worker": WorkerProcess(python=str(python))})
    assert "\n" not in str(failed.value)
