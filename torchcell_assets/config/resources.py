"""Where things live: the data root, the raw files, the graph store. Knows no step but for the local graph server.

The environment alone says where, so that the same code location runs on a laptop, in a container and in tests, and whoever
asks gets the same answer: `TORCHCELL_DATA`, `TORCHCELL_MIRROR`, `TORCHCELL_GRAPH_PREVIOUS`, and `NEO4J_URI`,
`NEO4J_USERNAME`, `NEO4J_PASSWORD`, `NEO4J_DATABASE`. A run's config can set none of it (`of_the_environment`); Python can,
as tests do.
"""

import contextlib
import os
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import dagster as dg
from pydantic import PrivateAttr

from torchcell_assets import environment
from torchcell_assets.errors import TorchcellError, chain
from torchcell_assets.sources import Sources

if TYPE_CHECKING:
    from neo4j import Driver

    from torchcell_assets.neo4j_local.local_server import Connection


OLDEST_NEO4J = (5, 23)
"""The first version that understands `CALL (n) { }`, with which builds are deleted and pages are read."""


class GraphUnreachable(TorchcellError):
    """The graph server cannot be used."""

    def __init__(self, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.may_pass = may_pass


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


@dataclass(frozen=True)
class Address:
    """Where a graph server is and who logs in. shown: the address as a person may read it, without a password."""

    uri: str
    username: str
    password: str = field(repr=False)
    shown: str


class GraphStore(dg.ConfigurableResource):
    """A Neo4j server: the one that `NEO4J_URI` names, else the local one of this data root, which runs while it is needed."""

    root: DataRoot
    uri: str = ""
    username: str = ""
    password: str = ""
    database: str = ""

    _servers: contextlib.ExitStack | None = PrivateAttr(default=None)

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["GraphStore", None, None]:
        """For a run of Dagster: the local server, once it was needed, stays up to the end of the run."""
        with contextlib.ExitStack() as servers:
            held = self.model_copy()
            held._servers = servers
            yield held

    @contextlib.contextmanager
    def serving(self, *, browser: bool = False) -> Iterator["Connection | None"]:
        """The local server for as long as the block runs, started if it does not run yet; None where it is another one.

        browser: with its page. What is stored in it can then be had by `driver`, here and in other processes.
        """
        if self.local_home is None:
            yield None
            return
        from torchcell_assets.neo4j_local import local_server

        with local_server.serving(self.local_home, browser=browser) as here:
            yield here

    @contextlib.contextmanager
    def driver(self, *, loads: bool = False, waits: Callable[[], None] = lambda: None) -> Iterator["Driver"]:
        """A connected driver; the local server is started if it does not run yet.

        While the block runs, no rebuild lets another store take the place of the local one under its hands.

        Args:
            loads: the block writes what has to stay: it waits for a rebuild, which would not have it, and the other way round.
            waits: called once if the block has to wait for that.

        Raises:
            GraphUnreachable: with what to do about it: a server that is down, too old, or refuses the login.
            GraphUnavailable: if the local server cannot be started.

        """
        import neo4j

        with contextlib.ExitStack() as held:
            address = self._local(held, loads, waits) if self.local_home else self._stated()
            _refuse_malformed(address)
            try:
                auth = (address.username, address.password)
                with neo4j.GraphDatabase.driver(address.uri, auth=auth, notifications_min_severity="OFF") as driver:
                    _refuse_too_old(address.shown, driver.get_server_info().agent)
                    yield driver
            except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError) as error:
                why = _why(error, address, self.database_name)
                if why is None:
                    raise
                raise GraphUnreachable(why, may_pass=_may_pass(error)) from error

    def _local(self, held: contextlib.ExitStack, loads: bool, waits: Callable[[], None]) -> Address:
        """The local server, which goes on running and keeps its store at least as long as `held`."""
        from torchcell_assets.neo4j_local import local_server

        home = self.own_home()
        if self._servers is not None:
            self._servers.enter_context(self.serving())
        here = held.enter_context(local_server.using(home, loads=loads, waits=waits))
        return Address(here.uri, here.username, here.password, here.uri)

    def _stated(self) -> Address:
        """The server that a person or a cluster runs, with the login of the environment, else of the address itself."""
        address = address_of(self.uri or os.environ["NEO4J_URI"])
        return Address(
            address.uri,
            self.username or os.environ.get("NEO4J_USERNAME") or address.username or "neo4j",
            self.password or os.environ.get("NEO4J_PASSWORD") or address.password,
            address.shown,
        )

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

    @property
    def database_name(self) -> str:
        """The Neo4j database to use."""
        return self.database or os.environ.get("NEO4J_DATABASE") or "neo4j"


def of_the_environment(resource: dg.ConfigurableResource) -> dg.ResourceDefinition:
    """The resource as runs get it: what it says comes from the environment, and a run whose config says otherwise is refused."""

    @dg.resource(config_schema={}, description=resource.__doc__)
    @contextlib.contextmanager
    def of_a_run(context: dg.InitResourceContext) -> Generator[Any, None, None]:
        with resource.yield_for_execution(context) as here:
            yield here

    return of_a_run


_LOGIN = re.compile(r"^(?P<scheme>[^/]*//)?(?P<username>[^:@/]*)(?P<password>:.*)?@")
"""Greedy, up to the last `@`: what a person forgot to escape in a password is no part of a host."""


def address_of(stated: str) -> Address:
    """The address of a graph server as it was stated, taken apart: `bolt://neo4j:secret@host` is shown as `bolt://neo4j:***@host`."""
    login = _LOGIN.match(stated)
    if login is None:
        return Address(stated, "", "", stated)
    scheme, username, password = (login[name] or "" for name in ("scheme", "username", "password"))
    rest = stated[login.end() :]
    # a login without a colon may be a name or a token: nobody can tell, so it is not shown
    shown = f"{scheme}{username}:***@{rest}" if password else f"{scheme}***@{rest}"
    return Address(scheme + rest, unquote(username), unquote(password.removeprefix(":")), shown)


def _refuse_malformed(address: Address) -> None:
    """What the driver answers with a ValueError, or not at all: it takes port 99999 for 34463, and asks whoever is there."""
    try:
        parts = urlsplit(address.uri)
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise GraphUnreachable(f"NEO4J_URI={address.shown} cannot be used: {str(error).rstrip('.')}.") from error


def _why(error: Exception, address: Address, database: str) -> str | None:
    """What a person reads of an error of the server or of the way to it; None if it is about what was asked of it."""
    from neo4j import exceptions

    at, who = f"The graph server at {address.shown}", repr(address.username)
    said = error.message if isinstance(error, exceptions.Neo4jError) else None
    told = (said or str(error)).splitlines()[0].rstrip(". ")
    codes = {
        "Neo.ClientError.Security.CredentialsExpired": f"wants another password of {who} before it lets anybody work: set one "
        "(`ALTER CURRENT USER SET PASSWORD FROM ... TO ...` in its Browser or cypher-shell), then NEO4J_PASSWORD to it.",
        "Neo.ClientError.Security.AuthenticationRateLimit": f"refuses the login of {who} after too many wrong passwords: wait "
        "some seconds, and set NEO4J_USERNAME and NEO4J_PASSWORD to the right ones.",
        "Neo.ClientError.Security.Forbidden": f"does not let {who} do this ({told}): give the right to that user, or set "
        "NEO4J_USERNAME and NEO4J_PASSWORD to one that has it.",
        "Neo.ClientError.Database.DatabaseNotFound": f"has no database {database!r}: set NEO4J_DATABASE.",
    }
    why = codes.get(getattr(error, "code", None) or "")
    if why is None and isinstance(error, exceptions.AuthError):
        why = f"refuses the login of {who}: set NEO4J_USERNAME and NEO4J_PASSWORD."
    if why is None and isinstance(error, exceptions.DatabaseUnavailable):
        why = f"does not serve the database {database!r} at this moment ({told}): look into its log, or wait."
    if why is None and isinstance(error, exceptions.ServiceUnavailable | exceptions.SessionExpired):
        why = _no_answer(error)
    if why is not None:
        return f"{at} {why}"
    if isinstance(error, exceptions.ConfigurationError):
        return f"NEO4J_URI={address.shown} cannot be used: {told}."
    return None


def _may_pass(error: Exception) -> bool:
    from neo4j import exceptions

    return isinstance(error, exceptions.ServiceUnavailable | exceptions.SessionExpired | exceptions.DatabaseUnavailable)


def _no_answer(error: Exception) -> str:
    """What is behind a connection that did not come about."""
    import ssl

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return (
                f"cannot be reached encrypted ({cause.reason or cause}): in NEO4J_URI, write `bolt://` or `neo4j://` where it "
                "does not encrypt, and `+ssc` instead of `+s` where it signs its certificate itself."
            )
    if any("looks like HTTP" in str(cause) for cause in causes):
        return "answers as a web page: set NEO4J_URI to its Bolt port, which is 7687 unless somebody chose another."
    return "does not answer: start it (`make graph-up` for the local one) or set NEO4J_URI."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that stands behind it, those of a group too."""
    for one in chain(error):
        yield one
        for inner in one.exceptions if isinstance(one, BaseExceptionGroup) else ():
            yield from _causes(inner)


def _refuse_too_old(uri: str, agent: str) -> None:
    """uri: as shown. agent: what the server says of itself, such as `Neo4j/5.26.0`."""
    found = re.match(r"Neo4j/v?(\d+)\.(\d+)", agent)
    if found is None or tuple(map(int, found.groups())) < OLDEST_NEO4J:
        raise GraphUnreachable(
            f"The graph server at {uri} is {agent.replace('/', ' ')}, and Neo4j {'.'.join(map(str, OLDEST_NEO4J))} or later "
            "is needed: upgrade it, or set NEO4J_URI to another."
        )
