"""`make weights`: which models have weights, where they are, and getting them here once.

Belongs here: the table, and the sentence of what was done. Does not: where weights are looked for (sources/snapshots.py), the
conversion of a pickle (sources/converted.py).
"""

import subprocess
import sys
from importlib.util import find_spec

import click
from rich.table import Column, Table

from torchcell_assets import environment
from torchcell_assets.cli.command import Command
from torchcell_assets.cli.console import output, say, unbroken
from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError, no_such
from torchcell_assets.sources import Snapshot, Snapshots, SourceUnavailable
from torchcell_assets.sources.converted import convert


@click.command(cls=Command, help="List the weights of language models, or fetch those of one.")
@click.argument("model", default="", help="A model, by its name or its repository; without it all are listed.")
def weights(model: str) -> int:
    """List the models, or fetch the weights of one (by its name or its repository), and convert them if they are a pickle.

    Returns: 0. Raises TorchcellError where they cannot be had.
    """
    from torchcell_assets.config import worker_process
    from torchcell_assets.steps.representations.language_models.registry import MODELS, translation

    snapshots = Snapshots(layout.weights_folder(environment.data_root()), environment.weights())
    own = {name: one.weights for name, one in MODELS.items() if isinstance(one.weights, Snapshot)}
    if not model:
        output().file.write(unbroken(_table(own, snapshots)) + "\n")
        return 0
    name = next((name for name, one in own.items() if model in (name, one.repository)), None)
    if name is None:
        raise TorchcellError(f"{no_such('model', model, [*own, *(one.repository for one in own.values())])}.")
    snapshot = own[name]
    if find_spec("torch") is None and str(environment.deep_python()) != sys.executable:
        command = [*worker_process.command()[:-1], "weights", model]
        return subprocess.run(command, env=worker_process.environ(), check=False).returncode
    try:
        place, _ = snapshots.verified(snapshot)
    except SourceUnavailable:
        if not snapshot.pickles:
            raise
        say(
            f"{snapshot.name} is published as a pickle. It is verified against its sha256 and read with `weights_only`, once: "
            "torch builds tensors of it and runs nothing else that it may ask for."
        )
        place = convert(snapshots, snapshot, *translation(MODELS[name]))
    output().print(f"{model}: {place}\nlicence: {snapshot.licence}\nto be cited: {snapshot.citation}", soft_wrap=True)
    return 0


def _table(models: dict[str, Snapshot], snapshots: Snapshots) -> Table:
    table = Table(*(Column(name, no_wrap=True) for name in ("key", "weights", "GB", "licence", "here")), box=None)
    for name, snapshot in models.items():
        table.add_row(name, snapshot.name, f"{snapshot.bytes / 1e9:.2g}", snapshot.licence, _here(snapshot, snapshots))
    return table


def _here(snapshot: Snapshot, snapshots: Snapshots) -> str:
    if snapshot.pickles:
        place = snapshots.converted(snapshot)
        return str(place) if place.is_dir() else "no (a pickle, to be converted)"
    found = (place for place in snapshots.places(snapshot) if all((place / name).is_file() for name in snapshot.files))
    return str(next(found, "no"))
