"""What a person may type: subcommands, each with its own options."""

import subprocess
import sys

import click
import pytest

from torchcell_assets.cli import main as command_line
from torchcell_assets.cli import preflight

OPTIONS = {"rebuild": {"--yes"}, "embed": {"--yes"}, "ui": {"--port", "--workspace"}}
ARGUMENTS = {"embed": "KEY", "weights": "[MODEL]", "worker": "[REQUEST]"}
COMMANDS = [
    "run",
    "status",
    "rebuild",
    "embed",
    "weights",
    "graph-rebuild",
    "graph-back",
    "graph-up",
    "graph-down",
    "worker",
    "ui",
]


def test_the_commands_are_listed_in_the_order_in_which_they_are_needed(capsys):
    assert command_line.main(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed[: len(COMMANDS)]] == COMMANDS
    assert all(len(line.split()) > 3 for line in listed[: len(COMMANDS)])


@pytest.mark.parametrize("help_option", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_does_and_lists_its_own_options_alone(command, help_option, capsys):
    assert command_line.main([command, help_option]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        f"Usage: torchcell-assets {command} [OPTIONS]{' ' * (command in ARGUMENTS)}{ARGUMENTS.get(command, '')}\n"
    )
    listed = {word for line in said.splitlines() for word in line.split()[:1] if word.startswith("--")}
    assert listed == OPTIONS.get(command, set())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("graph-back --port 9", "No such option '--port'"),
        ("run --yes", "No such option '--yes'"),
        ("rebuild --y", "No such option '--y'. Did you mean '--yes'?"),
        ("ui --yes", "No such option '--yes'"),
        ("rebuild --port 1", "No such option '--port'"),
        ("ui --port high", "'high' is not a valid integer"),
        ("run everything", "Got unexpected extra argument (everything)"),
        ("embed", "Missing argument 'KEY'"),
        ("statu", "There is no command 'statu': did you mean status?"),
        ("", "Commands:"),
    ],
)
def test_a_line_that_is_wrong_is_refused_before_anything_is_done(line, why, capsys, monkeypatch):
    monkeypatch.setattr(preflight, "choose_study", lambda: pytest.fail("it went on"))
    assert command_line.main(line.split()) == 2
    said = capsys.readouterr()
    assert why in said.err and said.out == ""


@pytest.mark.parametrize(
    "raised", [EOFError("the input ended"), BrokenPipeError(32, "the server hung up"), ZeroDivisionError("0")]
)
def test_an_error_that_nobody_has_thought_of_leaves_as_it_came(raised, monkeypatch):
    """click's own entry ends the process without a word at the first two."""

    @click.command
    def broken():
        raise raised

    monkeypatch.setattr(command_line.Commands, "get_command", lambda *_: broken)
    with pytest.raises(type(raised)) as came:
        command_line.main(["run"])
    assert came.value is raised


def test_who_interrupts_reads_that_nothing_is_lost(monkeypatch, capsys):
    @click.command
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line.Commands, "get_command", lambda *_: interrupted)
    assert command_line.main(["run"]) == 130
    assert capsys.readouterr().err == "Stopped. What was finished is kept; the same command goes on from there.\n"


def test_one_command_imports_no_other():
    code = (
        "import sys; from torchcell_assets.cli.main import main; main(['worker', '--help']); "
        "print(*sorted(name for name in sys.modules if name.startswith('torchcell_assets.cli.')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()[
        -1
    ]
    assert said.split() == [f"torchcell_assets.cli.{name}" for name in ("command", "console", "main", "worker")]


def test_the_server_is_stopped_without_asking_for_the_study(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "my data"))
    monkeypatch.setenv("TORCHCELL_STUDY", "/gone.toml")
    assert command_line.main(["graph-down"]) == 0
    assert capsys.readouterr().out == f"No Neo4j is running in {tmp_path / 'my data' / 'neo4j'}.\n"
