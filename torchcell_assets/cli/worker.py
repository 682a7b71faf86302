"""`torchcell-assets worker`: train one cell, or compute the vectors of one representation, in a process of its own.

Belongs here: reading a request, saying what came of it. Does not: the training (steps/trained/training.py), the vectors
(steps/representations/vectors.py).

It needs the data root that the request names and nothing else: no database, no Dagster instance, no study. Dagster starts it by
Pipes, which hands the request over and takes the report; a shell, Slurm and Kubernetes give it a file and read a line of JSON.
Importing it imports nothing heavy.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from torchcell_assets.cli.command import Command
from torchcell_assets.cli.console import say
from torchcell_assets.errors import TorchcellError

PIPES = "DAGSTER_PIPES_CONTEXT"
"""The variable by which Dagster hands a process its request."""
EVERY = 60.0
"""Seconds between two lines of progress in the log of a run."""
REQUEST, REFUSED = "request", "refused"
"""Under which names Dagster hands the request over, and is told why it was refused."""


@click.command(
    cls=Command,
    help="Train one cell, or compute vectors, in this process, as a request says; needs the data root alone.",
)
@click.argument("request", default="-", help="A JSON file; by default -, standard input.")
def work(request: str) -> int:
    """Do what a request asks for: `"work": "embed"` computes vectors, and without it a cell is trained.

    Args:
        request: path of a JSON file, or `-` for standard input; not read under Dagster, which hands the request over itself.

    Returns: 1 if it was refused, after one sentence on standard error; Dagster is told that sentence, and 0 is returned.
    """
    if os.environ.get(PIPES):
        return _under_dagster()
    try:
        print(json.dumps(_done(_read(request), _progress), sort_keys=True), flush=True)
    except TorchcellError as error:
        say(str(error), "bold red")
        return 1
    return 0


def _under_dagster() -> int:
    """Take the request from Dagster Pipes, and report what was made to it, or the sentence of a refusal."""
    from dagster_pipes import open_dagster_pipes

    with open_dagster_pipes() as pipes:
        last = -EVERY

        def progress(done: int, total: int, text: str) -> None:
            nonlocal last
            pipes.log.debug(f"{done} of {total}: {text}")
            _progress(done, total, text)
            if not done or done == total or time.monotonic() - last >= EVERY:
                last = time.monotonic()
                pipes.log.info(f"{done:,} of {total:,}: {text}")

        try:
            said = _done(json.dumps(pipes.get_extra(REQUEST)), progress)
        except TorchcellError as error:
            pipes.report_custom_message({REFUSED: str(error)})
        else:
            shown = {
                name: {"raw_value": one, "type": "json"} if isinstance(one, Mapping) else one
                for name, one in said.items()
            }
            pipes.report_asset_materialization(metadata=shown, data_version=said["data_version"])
    return 0


def _read(request: str) -> str:
    from torchcell_assets.steps.trained.training import RequestError

    try:
        return sys.stdin.read() if request == "-" else Path(request).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"The request {request} cannot be read: {error}.") from error


def _done(text: str, tick: Callable[[int, int, str], None]) -> Mapping[str, Any]:
    """Do what a request asks for, and say what was done. What is no JSON is refused by whoever would train."""
    try:
        asked = json.loads(text)
    except ValueError:
        asked = None
    if isinstance(asked, dict) and asked.get("work") == "embed":
        from torchcell_assets.steps.representations import vectors

        return vectors.work(text, tick)
    return _train(text, tick)


def _train(text: str, tick: Callable[[int, int, str], None]) -> Mapping[str, Any]:
    """Train, store, and say what: the cell, its data version, its files, the seconds it took."""
    from torchcell_assets.steps.trained.training import Request, training

    start = time.perf_counter()
    with training(Request.read(text), tick) as made:
        said = {
            "cell": made.cell.name,
            "data_version": made.version,
            "files": len(made.files),
            "rows": made.predictions.height,
        }
    return {**said, "seconds": round(time.perf_counter() - start, 2)}


def _progress(done: int, total: int, text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total}: {text}{chr(10) if done == total else ''}")
