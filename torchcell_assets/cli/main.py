"""The command line: `torchcell-assets`, `python -m torchcell_assets`, and what stands behind `make run` and `make ui`.

Belongs here: one subcommand with its own options for each thing that a person asks for, and the sentence where it is refused.
Runs are executed in this process, over the jobs of the code location, so that the UI shows the same runs.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from torchcell_assets.cli import embed, graph, preflight, rebuild, run, status, ui, weights, worker
from torchcell_assets.cli.console import say
from torchcell_assets.config import study
from torchcell_assets.errors import TorchcellError
from torchcell_assets.orchestration import dagster_home, dagster_storage
from torchcell_assets.storage.atomic import refusal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is printed as the one sentence that it is."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    needs_study = options.pop("needs_study")
    try:
        if not needs_study:
            return command(**options)
        preflight.choose_study()
        with dagster_storage.reached():
            if sentence := dagster_home.prepare():
                say(sentence, "yellow")
            return command(**options)
    except TorchcellError as error:
        say(str(error), "bold red")
        return 1
    except KeyboardInterrupt:
        say("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except Exception as error:
        if why := refusal(error):  # where it is not our own file that cannot be written: Dagster's, Neo4j's
            say(f"{study.data_root()} cannot be written: {why}.", "bold red")
            return 1
        raise


def _parser() -> argparse.ArgumentParser:
    """`command` of what it parses is the function behind a subcommand; the rest are the arguments of that function."""
    parser = argparse.ArgumentParser(
        prog="torchcell-assets",
        description="From published yeast gene-deletion screens to a graph, merged tables, gene embeddings and models.",
        epilog="The data root is `data` in this folder, or what TORCHCELL_DATA names.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Callable[..., int], does: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
        added.set_defaults(command=command, needs_study=True)
        return added

    add("run", run.run, "make what is missing or outdated, then print the scoreboard")
    add("status", status.status, "say what is missing, outdated or failed, and why")
    again = add("rebuild", rebuild.rebuild, "show what is outdated, ask, and make it again, upstream first")
    again.add_argument("--yes", action="store_true", help="do not ask")
    vectors = add("embed", embed.embed, "compute the vectors of one representation, after saying what they cost")
    vectors.add_argument("key", help="a representation, such as unirep_256 or esm2_650M (docs/representations.md)")
    vectors.add_argument("--yes", action="store_true", help="do not ask, however long it takes")
    fetched = add("weights", weights.weights, "list the weights of language models, or fetch those of one")
    fetched.add_argument("model", nargs="?", default="", help="a model, by its name or its repository (default: list)")
    fetched.set_defaults(needs_study=False)
    add("graph-rebuild", graph.rebuild, "all bundles into a new local graph, which then takes over")
    add("graph-back", graph.roll_back, "let the graph before the last rebuild serve again")
    for name, does in (("graph-up", "start the local Neo4j and leave it running"), ("graph-down", "stop it")):
        add(name, partial(graph.local_server, name.removeprefix("graph-")), does).set_defaults(needs_study=False)
    one = add(
        "worker",
        worker.work,
        "train one cell, or compute vectors, in this process, as a request says; needs the data root alone",
    )
    one.add_argument("request", nargs="?", default="-", help="a JSON file (default: -, standard input)")
    one.set_defaults(needs_study=False)
    serve = add("ui", ui.serve, "serve the Dagster UI and the local Neo4j over the same data root")
    serve.add_argument("--workspace", type=Path, help="code locations to serve instead (docs/several_studies.md)")
    serve.add_argument("--port", type=int, help="port of the UI (default: 3000, or the next free one)")
    return parser
