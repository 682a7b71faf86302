"""`make embed KEY=...`: the vectors of one representation, after a word on what they cost.

Belongs here: the estimate and the question. Does not: computing (steps/representations/vectors.py), the run (orchestration).
"""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.prompt import Confirm

from torchcell_assets import environment
from torchcell_assets.cli.command import StudyCommand
from torchcell_assets.cli.console import output, say
from torchcell_assets.config import layout, study
from torchcell_assets.errors import TorchcellError, no_such

if TYPE_CHECKING:
    from torchcell_assets.config.study import Study
    from torchcell_assets.staleness.verdicts import Verdict

ASKS_ABOVE = 600.0
"""Seconds of computing before which a person is asked."""


@click.command(cls=StudyCommand, help="Compute the vectors of one representation, after saying what they cost.")
@click.argument("key", help="A representation, such as unirep_256 or esm2_650M (docs/representations.md).")
@click.option("--yes", is_flag=True, help="Do not ask, however long it takes.")
def embed(key: str, yes: bool) -> int:
    """Make a representation, whether the study names it or not; what it is read from is made first.

    Returns: 1 if a person said no, or if a check has failed that is no mere warning; 0 else.
    """
    import dagster as dg

    from torchcell_assets.definitions import build_defs
    from torchcell_assets.orchestration import run_liveness, waves

    own = _with(study.current(), key)
    location = build_defs(own)
    asset = layout.key(own, "representations", "gene_embedding")
    with dg.DagsterInstance.get() as instance, run_liveness.alive() as tags:
        run_liveness.close(instance)
        graph = location.resolve_asset_graph()
        before = {parent: [None] for parent in graph.get(asset).parent_keys if not layout.is_raw(parent)}
        read = waves.these(instance, location, before, tags=tags, fails=_failed)
        if any(verdict.error and verdict.key.asset_key in before for verdict in read.checks):
            return 1
        if not (yes or _agreed(key)):
            return 1
        made = waves.these(instance, location, {asset: [key]}, tags=tags, fails=_failed)
    said = "is made" if made.made else "is in sync; nothing was made"
    output().print(f"{key} {said}: {layout.embedding_file(study.data_root(), key)}", soft_wrap=True)
    return 1 if made.made and any(verdict.error for verdict in made.checks) else 0


def _with(current: "Study", key: str) -> "Study":
    """The study, with this representation among its own."""
    from torchcell_assets.steps.representations.recipes import RECIPES

    if key not in RECIPES:
        raise TorchcellError(f"{no_such('representation', key, RECIPES)}.")
    if key in current.representations:
        return current
    return current.model_copy(update={"representations": (*current.representations, key)})


def _failed(verdict: "Verdict") -> None:
    say(str(verdict), "bold red" if verdict.error else "yellow")


def _agreed(key: str) -> bool:
    """Whether it may begin: what takes more than ten minutes is asked for."""
    estimate = _estimate(key)
    if estimate is None:
        return True
    say(estimate["said"])
    if (estimate["seconds"] or 0.0) <= ASKS_ABOVE:
        return True
    return Confirm.ask("Compute it?", console=output(), default=False)


def _estimate(key: str) -> dict[str, Any] | None:
    """What a worker says that the vectors of a key cost; None where the key needs no model.

    Raises:
        TorchcellError: the worker refused, with its sentence.
    """
    from torchcell_assets.config import worker_process
    from torchcell_assets.steps.representations import vectors
    from torchcell_assets.steps.representations.recipes import RECIPES

    if "model" not in RECIPES[key].parameters:
        return None
    request = vectors.Request.model_validate({
        **{"root": study.data_root(), "key": key, "estimate": True, "device": environment.device()},
        **{"weights": environment.weights(), "mirror": environment.mirror()},
    })  # fmt: skip
    done = subprocess.run(
        [*worker_process.command(deep=vectors.needs_torch(key)), "-"],
        input=request.model_dump_json(),
        capture_output=True,
        text=True,
        env=worker_process.environ(),
        check=False,
    )
    if done.returncode:
        raise TorchcellError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "The worker died.")
    sys.stderr.write(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])["estimate"]
