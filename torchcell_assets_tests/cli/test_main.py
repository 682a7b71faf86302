"""What a person may type: subcommands, each with its own options."""

import pytest

from torchcell_assets.cli import main as command_line

COMMANDS = ["run", "status", "rebuild", "graph-rebuild", "graph-back", "graph-up", "graph-down", "ui"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_does_and_lists_its_own_options_alone(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        command_line.main([command, "--help"])
    said = capsys.readouterr().out
    assert said.startswith(f"usage: torchcell-assets {command} [-h]")
    assert ("--yes" in said, "--port" in said) == (command == "rebuild", command == "ui")


@pytest.mark.parametrize("line", ["graph-back --port 9", "run --yes", "status --y", "ui --yes", "rebuild --port 1", ""])
def test_an_option_of_another_command_is_refused_before_anything_is_done(line, capsys, monkeypatch):
    monkeypatch.setattr(command_line.preflight, "choose_study", lambda: pytest.fail("it went on"))
    with pytest.raises(SystemExit, match="2"):
        command_line.main(line.split())
    said = capsys.readouterr().err
    assert "unrecognized arguments: --" in said or "required: COMMAND" in said


def test_the_server_is_stopped_without_asking_for_the_study(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path / "my data"))
    monkeypatch.setenv("TORCHCELL_STUDY", "/gone.toml")
    assert command_line.main(["graph-down"]) == 0
    assert capsys.readouterr().out == f"No Neo4j is running in {tmp_path / 'my data' / 'neo4j'}.\n"
