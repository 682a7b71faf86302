"""Where things live: the data root, the raw files, the graph store. Knows no step.

Everything is configured by the environment, so that the same code location runs on a laptop, in a container and in
tests: `TORCHCELL_DATA`, `TORCHCELL_MIRROR`, `TORCHCELL_GRAPH_PREVIOUS`, and `NEO4J_URI`, `NEO4J_USERNAME`,
`NEO4J_PASSWORD`, `NEO4J_DATABASE`.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg

from torchcell_assets import environment
from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Sources

if TYPE_CHECKING:
    from neo4j import Driver


OLDEST_NEO4J = (5, 23)
"""The first version that understands `CALL (n) { }`, with which builds are deleted and pages are read."""


class GraphUnreachable(TorchcellError):
    """The graph server cannot be used."""


class DataRoot(dg.ConfigurableResource):
    """The folder in which every stored table, bundle, vector and model has its stable place."""

    path: str = ""

    @property
    def folder(self) -> Path:
        """The data root as an absolute path."""
        return Path(self.path).absolute() if self.path else environment.data_root()

    def table(self, step: str, name: str) -> Path:
        """`<root>/<step>/<name>.parquet`."""
        return self.folder / step / f"{name}.parquet"

    def place(self, step: str, *parts: str) -> Path:
        """`<root>/<step>/<part>/...`."""
        return self.folder.joinpath(step, *parts)


class RawFiles(dg.ConfigurableResource):
    """The raw files of the publications: from the cache in the data root, a mirror folder, or their pinned URLs."""

    root: DataRoot
    mirror: str = ""

    def sources(self) -> Sources:
        """The files by name; `mirror` defaults to `TORCHCELL_MIRROR`."""
        mirror = Path(self.mirror) if self.mirror else environment.mirror()
        return Sources(cache=self.root.folder / "raw", mirror=mirror)


class GraphStore(dg.ConfigurableResource):
    """A Neo4j server: the one that `NEO4J_URI` names, else the local one of this data root."""

    root: DataRoot
    uri: str = ""
    username: str = ""
    password: str = ""
    database: str = ""

    @contextlib.contextmanager
    def driver(self) -> Iterator["Driver"]:
        """A connected driver; raises GraphUnreachable with what to do about it, as for a server that is too old."""
        import neo4j
        from neo4j import exceptions

        uri, username, password = self._address()
        _refuse_malformed(uri)
        try:
            with neo4j.GraphDatabase.driver(uri, auth=(username, password), notifications_min_severity="OFF") as driver:
                _refuse_too_old(uri, driver.get_server_info().agent)
                yield driver
        except exceptions.AuthError as error:
            raise GraphUnreachable(
                f"The graph server at {uri} refuses the login of {username!r}: set NEO4J_USERNAME and NEO4J_PASSWORD."
            ) from error
        except (exceptions.ServiceUnavailable, exceptions.SessionExpired) as error:
            raise GraphUnreachable(
                f"The graph server at {uri} does not answer: start it (`make graph-up` for the local one) or set NEO4J_URI."
            ) from error
        except exceptions.ConfigurationError as error:
            raise GraphUnreachable(
                f"NEO4J_URI={uri} cannot be used: {str(error).splitlines()[0].rstrip('.')}."
            ) from error
        except exceptions.ClientError as error:
            if error.code != "Neo.ClientError.Database.DatabaseNotFound":
                raise
            raise GraphUnreachable(
                f"The graph server at {uri} has no database {self.database_name!r}: set NEO4J_DATABASE."
            ) from error

    @property
    def local_home(self) -> Path | None:
        """The folder of the local server; None where the server is one that a person or a cluster runs."""
        return None if self.uri or os.environ.get("NEO4J_URI") else self.root.folder / "neo4j"

    @property
    def previous_stores(self) -> int:
        """How many stores before the one that serves stay on the disk, for a way back: `TORCHCELL_GRAPH_PREVIOUS`, else 1."""
        return environment.graph_previous()

    def own_home(self) -> Path:
        """`local_home`; raises GraphUnreachable where there is none."""
        if self.local_home is None:
            raise GraphUnreachable(
                "NEO4J_URI names a graph server that is run elsewhere: its store is replaced there, with `neo4j-admin`."
            )
        return self.local_home

    def _address(self) -> tuple[str, str, str]:
        uri = self.uri or os.environ.get("NEO4J_URI", "")
        if uri:
            username = self.username or os.environ.get("NEO4J_USERNAME", "neo4j")
            return uri, username, self.password or os.environ.get("NEO4J_PASSWORD", "")
        local = self.root.folder / "neo4j" / "connection.json"
        if not local.is_file():
            raise GraphUnreachable(
                "No graph server is running: `make graph-up` starts a local one, or set NEO4J_URI to your own."
            )
        known = json.loads(local.read_text())
        return known["uri"], known["username"], known["password"]

    @property
    def database_name(self) -> str:
        """The Neo4j database to use."""
        return self.database or os.environ.get("NEO4J_DATABASE", "neo4j")


def _refuse_malformed(uri: str) -> None:
    """What the driver answers with a ValueError, or not at all: it takes port 99999 for 34463, and asks whoever is there."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise GraphUnreachable(f"NEO4J_URI={uri} cannot be used: {str(error).rstrip('.')}.") from error


def _refuse_too_old(uri: str, agent: str) -> None:
    """agent: what the server says of itself, such as `Neo4j/5.26.0`."""
    found = re.match(r"Neo4j/v?(\d+)\.(\d+)", agent)
    if found is None or tuple(map(int, found.groups())) < OLDEST_NEO4J:
        raise GraphUnreachable(
            f"The graph server at {uri} is {agent.replace('/', ' ')}, and Neo4j {'.'.join(map(str, OLDEST_NEO4J))} or later "
            "is needed: upgrade it, or set NEO4J_URI to another."
        )
