"""Which executor the environment chooses."""

import dagster as dg
import pytest

from torchcell_assets.config.executors import executor
from torchcell_assets.environment import EXECUTOR, EnvironmentRefused


def test_steps_are_executed_in_the_process_of_their_run_unless_somebody_says_otherwise(monkeypatch):
    monkeypatch.delenv(EXECUTOR, raising=False)
    assert executor() is dg.in_process_executor
    monkeypatch.setenv(EXECUTOR, "multiprocess")
    assert executor() is dg.multiprocess_executor


def test_an_executor_that_does_not_exist_is_refused_with_the_nearest_name(monkeypatch):
    monkeypatch.setenv(EXECUTOR, "multiproces")
    with pytest.raises(EnvironmentRefused, match="did you mean multiprocess"):
        executor()
