"""The command line: `torchcell-assets`, `python -m torchcell_assets`, and what stands behind `make run` and `make ui`.

Belongs here: which commands there are, and the sentence where one is refused. Does not: their options, which stand beside each
command in its module. Runs are executed in this process, over the jobs of the code location, so that the UI shows the same runs.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from torchcell_assets import environment
from torchcell_assets.cli.command import SETTINGS
from torchcell_assets.cli.console import say
from torchcell_assets.errors import TorchcellError, no_such
from torchcell_assets.storage.atomic import refusal

COMMANDS = {
    "run": "run:run",
    "status": "status:status",
    "rebuild": "rebuild:rebuild",
    "embed": "embed:embed",
    "weights": "weights:weights",
    "graph-rebuild": "graph:rebuild",
    "graph-back": "graph:roll_back",
    "graph-up": "graph:start",
    "graph-down": "graph:stop",
    "worker": "worker:work",
    "ui": "ui:serve",
}
"""Command -> the module of this room that has it, and its name there."""


class Commands(click.Group):
    """The commands, in the order of COMMANDS; the module of one is imported when it is asked for, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """A command by its name; raises click.UsageError where there is none of that name."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"{no_such('command', cmd_name, COMMANDS)}.")
        module, name = COMMANDS[cmd_name].split(":")
        return getattr(import_module(f"torchcell_assets.cli.{module}"), name)


@click.group(
    cls=Commands,
    context_settings=SETTINGS,
    subcommand_metavar="COMMAND [ARGS]...",
    epilog="The data root is `data` in this folder, or what TORCHCELL_DATA names.",
)
def commands() -> None:
    """From published yeast gene-deletion screens to a graph, merged tables, gene embeddings and models."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is printed as the one sentence that it is.

    click's own `main` would end the process at an end of input and at a broken pipe, whatever raised them, without a word.

    Returns: the exit code (docs/command_line.md).
    """
    try:
        typed = list(sys.argv[1:] if arguments is None else arguments)
        with commands.make_context("torchcell-assets", typed) as context:
            return commands.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except TorchcellError as error:
        say(str(error), "bold red")
        return 1
    except KeyboardInterrupt:
        say("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except Exception as error:
        if why := refusal(error):  # where it is not our own file that cannot be written: Dagster's, Neo4j's
            say(f"{environment.data_root()} cannot be written: {why}.", "bold red")
            return 1
        raise
