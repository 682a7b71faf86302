"""A heavy step in a process of its own, with the environment that it needs, by Dagster Pipes.

Belongs here: the resource by which an asset starts `torchcell-assets worker`. Does not: what the worker does (cli/worker.py),
what is asked of it (the step).
"""

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from torchcell_assets import environment
from torchcell_assets.errors import TorchcellError

REQUEST, REFUSED = "request", "refused"
"""Under which names a request goes to a worker, and the sentence of a refusal comes back."""
PACKAGE = Path(__file__).parents[2]


class WorkFailed(TorchcellError):
    """A worker refused its request."""


def command(*, deep: bool = True, python: str = "") -> list[str]:
    """How a worker is started.

    deep: it needs the extra `deep`, and is given the interpreter that has it: `python`, by default `TORCHCELL_DEEP_PYTHON`; else
        it is given this one.
    """
    given = python or str(environment.deep_python()) if deep else sys.executable
    return [given, "-m", "torchcell_assets", "worker"]


def environ() -> dict[str, str]:
    """The environment of a worker: it finds this package, whatever its interpreter has installed."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")]))}


class WorkerProcess(dg.ConfigurableResource):
    """Runs a worker as a subprocess. python: the interpreter that has the extra `deep`; by default `TORCHCELL_DEEP_PYTHON`."""

    python: str = ""

    def run(
        self, context: dg.AssetExecutionContext, request: Mapping[str, Any], *, deep: bool = True
    ) -> dict[str, Any]:
        """Start a worker, wait for it, and give what it reports of what it made: name -> value.

        deep: it needs the extra `deep`.

        Raises:
            EnvironmentRefused: the interpreter is none.
            WorkFailed: the worker refused, with its sentence, or died.
        """
        client = dg.PipesSubprocessClient(env=environ())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # of a function that Pipes itself calls
            # of the context of an asset, Pipes asks what Dagster has deprecated
            inner = context.op_execution_context
            with _one_sentence():
                done = client.run(
                    context=inner, command=command(deep=deep, python=self.python), extras={REQUEST: dict(request)}
                )
        for message in done.get_custom_messages():
            raise WorkFailed(message[REFUSED])
        told: Mapping[str, Any] = done.get_materialize_result().metadata or {}
        return {name: value.value for name, value in told.items()}


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """Where a worker dies: WorkFailed, after what it has written to standard error itself."""
    try:
        yield
    except Exception as error:  # of a class that Dagster keeps to itself
        ended = re.search(r"failed with code (-?\d+)", str(error))
        if ended is None:
            raise
        raise WorkFailed(
            f"The worker ended with code {ended[1]}: if it has not said why above, it was killed, or took more memory than there "
            "is. What it had stored is kept; the same command goes on from there."
        ) from error
