"""Which port the UI is served at, while other programs listen."""

import contextlib
import socket

import pytest

from torchcell_assets import __main__ as command_line
from torchcell_assets.cli import ui


@contextlib.contextmanager
def taken(port=0):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_refused_before_a_url_is_printed(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TORCHCELL_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    with taken() as port:
        assert command_line.main(["ui", "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Port {port} cannot be used: another program listens there. Name another with --port" in said.err
    assert ui.free_port(port) == port


def test_without_a_port_the_next_free_one_is_taken(monkeypatch):
    with taken() as port:
        monkeypatch.setattr(ui, "PORT", port)
        assert port < ui.free_port(None) < port + 50
        monkeypatch.setattr(ui, "_TRIED", 1)
        with pytest.raises(ui.PortTaken, match=f"{port} to {port} are all taken"):
            ui.free_port(None)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(ui.PortTaken, match=f"Port {port} cannot be used: there are 65,535"):
        ui.free_port(port)
