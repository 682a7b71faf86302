"""What a person sets by the environment: the variables `TORCHCELL_*`, each read in one place.

Belongs here: their names, what they may hold, `~`. Does not: what follows from them; the study that `TORCHCELL_STUDY` names is
read by study.py, and the variables of Neo4j by resources.py. An empty variable is one that is not set.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from torchcell_assets.errors import TorchcellError, no_such

PREFIX = "TORCHCELL_"
DATA, MIRROR, STUDY, CACHE = (f"{PREFIX}{name}" for name in ("DATA", "MIRROR", "STUDY", "CACHE"))
AUTOMATION, GRAPH_PREVIOUS, EXECUTOR, DEEP_PYTHON = (
    f"{PREFIX}{name}" for name in ("AUTOMATION", "GRAPH_PREVIOUS", "EXECUTOR", "DEEP_PYTHON")
)
WEIGHTS, DEVICE = (f"{PREFIX}{name}" for name in ("WEIGHTS", "DEVICE"))
VARIABLES = (DATA, MIRROR, STUDY, CACHE, AUTOMATION, GRAPH_PREVIOUS, EXECUTOR, DEEP_PYTHON, WEIGHTS, DEVICE)
DEVICES = ("auto", "cuda", "mps", "cpu")
EXECUTORS = ("in_process", "multiprocess", "k8s")

_SERVED: list[str] = []
_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class EnvironmentRefused(TorchcellError):
    """A variable holds what it cannot hold."""


def path(name: str) -> Path | None:
    """The absolute path that a variable names, with `~` for the home folder; None where it is not set.

    Raises:
        EnvironmentRefused: it begins with `~` and this user has no home folder.
    """
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # no HOME, and the user id stands in no list of users
        raise EnvironmentRefused(f"{name}={text} begins with ~ and no home folder is known: write it out.") from error


def data_root() -> Path:
    """The folder in which everything is kept: `TORCHCELL_DATA`, or `data` in the working directory."""
    return path(DATA) or Path("data").absolute()


def serve(folder: Path) -> None:
    """From now on `folder` is the data root of this process, and of those that it starts, whatever `TORCHCELL_DATA` was.

    Raises:
        EnvironmentRefused: this process serves another data root already.
    """
    wanted = str(folder.expanduser().absolute())
    if _SERVED and [wanted] != _SERVED:
        raise EnvironmentRefused(
            f"This process serves the data root {_SERVED[0]}: give {wanted} a code location of its own."
        )
    _SERVED[:] = [wanted]
    os.environ[DATA] = wanted


def mirror() -> Path | None:
    """The folder of raw files that a person has put together; None where `TORCHCELL_MIRROR` is not set.

    Raises:
        EnvironmentRefused: what it names is no folder.
    """
    return _folder(MIRROR)


def weights() -> Path | None:
    """The folder of weights of models that a person has put together; None where `TORCHCELL_WEIGHTS` is not set.

    Raises:
        EnvironmentRefused: what it names is no folder.
    """
    return _folder(WEIGHTS)


def _folder(name: str) -> Path | None:
    folder = path(name)
    if folder is not None and not folder.is_dir():
        raise EnvironmentRefused(f"{name}={os.environ[name]} is no folder: make it, or unset {name}.")
    return folder


def device() -> str:
    """On what models compute: `TORCHCELL_DEVICE`, by default the first of cuda, mps and cpu that is there.

    Raises:
        EnvironmentRefused: it names none of DEVICES.
    """
    return _one_of(DEVICE, "device", DEVICES)


def automation() -> bool:
    """Whether sensor and schedules start by themselves: `TORCHCELL_AUTOMATION`, by default off.

    Raises:
        EnvironmentRefused: it holds none of the words for on and off.
    """
    said = os.environ.get(AUTOMATION) or "off"
    if said.lower() not in _SWITCH:
        raise EnvironmentRefused(f"{AUTOMATION}={said} says neither on nor off: set it to on or to off.")
    return _SWITCH[said.lower()]


def graph_previous() -> int:
    """How many stores before the one that serves stay on the disk: `TORCHCELL_GRAPH_PREVIOUS`, by default 1.

    Raises:
        EnvironmentRefused: it holds no number.
    """
    said = os.environ.get(GRAPH_PREVIOUS) or "1"
    if not said.isdecimal():
        raise EnvironmentRefused(
            f"{GRAPH_PREVIOUS}={said} is no number of stores: set it to 0 on a small disk, or to 1 or more."
        )
    return int(said)


def executor() -> str:
    """How the steps of a run are executed: `TORCHCELL_EXECUTOR`, by default `in_process`.

    Raises:
        EnvironmentRefused: it names none of EXECUTORS.
    """
    return _one_of(EXECUTOR, "executor", EXECUTORS)


def _one_of(name: str, kind: str, words: tuple[str, ...]) -> str:
    said = os.environ.get(name) or words[0]
    if said not in words:
        raise EnvironmentRefused(f"{name}={said}: {no_such(kind, said, words)}.")
    return said


def deep_python() -> Path:
    """The interpreter that has the extra `deep`: `TORCHCELL_DEEP_PYTHON`, by default this one.

    Raises:
        EnvironmentRefused: what it names is no program.
    """
    found = path(DEEP_PYTHON) or Path(sys.executable)
    if not (found.is_file() and os.access(found, os.X_OK)):
        raise EnvironmentRefused(
            f"{DEEP_PYTHON}={found} is no program: name the python of an environment with the extra `deep` "
            "(`make test-deep` makes .venv-deep/bin/python), or unset it."
        )
    return found


def check() -> list[str]:
    """Hold every variable against what it may hold.

    Returns:
        A sentence for each variable of our prefix that nothing reads.

    Raises:
        EnvironmentRefused: one sentence for each variable that cannot be used, all of them at once.
    """
    problems = [
        problem
        for read in (data_root, mirror, automation, graph_previous, executor, deep_python, weights, device)
        if (problem := _refusal(read))
    ]
    if problems:
        raise EnvironmentRefused("\n".join(problems))
    unread = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in VARIABLES)
    return [f"{no_such('variable', name, VARIABLES)} Nothing reads it." for name in unread]


def settle() -> None:
    """Write the paths out, so that a child process in another folder means the same ones."""
    for name in (DATA, MIRROR, CACHE, DEEP_PYTHON, WEIGHTS):
        if found := path(name):
            os.environ[name] = str(found)


def _refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except EnvironmentRefused as error:
        return str(error)
    return ""
