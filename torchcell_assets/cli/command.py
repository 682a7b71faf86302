"""What the commands share: help on `-h` too, and what is settled before a command that serves a study.

Belongs here: the two classes of commands. Does not: which commands there are (main.py), what one of them does (its module).
"""

from typing import Any

import click

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


class Command(click.Command):
    """A command that needs neither a study nor a Dagster instance: only what it imports itself is imported."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"context_settings": SETTINGS, **options})


class StudyCommand(Command):
    """A command that serves a study: it is chosen, and Dagster's folder is prepared, before the command begins."""

    def invoke(self, ctx: click.Context) -> int:
        """Run the command; its exit code.

        Raises:
            EnvironmentRefused, StudyError: before anything is made, if a variable or the study cannot be used.
        """
        from torchcell_assets.cli import preflight
        from torchcell_assets.cli.console import say
        from torchcell_assets.orchestration import dagster_home, dagster_storage

        preflight.choose_study()
        with dagster_storage.reached():
            if sentence := dagster_home.prepare():
                say(sentence, "yellow")
            return super().invoke(ctx)
