"""Whether a server that is starting, or that somebody else has started, answers by now.

Belongs here: waiting for an answer over Bolt. Does not: starting and stopping (local_server.py).
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchcell_assets.neo4j_local.jars import GraphUnavailable
from torchcell_assets.neo4j_local.server_home import listens, port_of
from torchcell_assets.neo4j_local.supervisor import is_of

CONSOLE = Path("logs", "console.log")  # of the running server, or of the last one
START_SECONDS = 180  # 9 s for an empty home; recovery of a million experiments after a power cut took 28 s


def answers(home: Path, entry: dict[str, Any], parent: "subprocess.Popen[bytes] | None" = None) -> bool:
    """Wait while the server's process lives until it answers; `parent` is its supervisor while it is starting."""
    from neo4j import GraphDatabase
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    auth = (entry.get("username", ""), entry.get("password", ""))
    ports = [port_of(address) for address in (entry.get("uri"), entry.get("http")) if address]
    for _ in until(START_SECONDS):
        if parent.poll() is not None if parent else not is_of(home, entry.get("pid")):
            return False
        # until our log says so, another server may answer on that port
        started = not parent or " Started." in (home / CONSOLE).read_text(errors="replace")
        # and a driver that meets a closed port waits by its own, slower clock
        if not (started and all(map(listens, ports))):
            continue
        try:
            with (
                GraphDatabase.driver(entry["uri"], auth=auth, connection_timeout=5) as driver,
                driver.session(database=entry["database"]) as session,
            ):
                session.run("RETURN 1").consume()
            return True
        except AuthError as error:
            raise GraphUnavailable(
                f"The Neo4j of {home} refuses the password in {home / 'connection.json'}: somebody changed one of the "
                "two. Write the right one there, or stop the server and move the folder away."
            ) from error
        except (DriverError, Neo4jError):
            continue
    return False


def until(seconds: float) -> Iterator[None]:
    """Turns of a loop that waits, 50 ms apart, for so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
