"""`python -m torchcell_assets.neo4j_local up --home FOLDER`: the local server of one home, for `make` and for a terminal."""

import argparse
import sys
from pathlib import Path

from torchcell_assets.errors import TorchcellError
from torchcell_assets.neo4j_local.local_server import connection, start, stop


def main(arguments: list[str] | None = None) -> int:
    """`up`, `down` and `status` of one home, for `make` and for a terminal."""
    parser = argparse.ArgumentParser(
        prog="python -m torchcell_assets.neo4j_local", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument("--home", type=Path, required=True, help="folder of the server: conf, data, logs, password")
    parser.add_argument("--browser", action="store_true", help="serve the Neo4j Browser page too")
    parser.add_argument("--show-password", action="store_true", help="print the password itself")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "up":
            here = start(chosen.home, browser=chosen.browser, persistent=True)
        else:
            if chosen.command == "down":
                stop(chosen.home)
            found = connection(chosen.home)
            if not found:
                print(f"No Neo4j is running in {chosen.home}.")
                return 0 if chosen.command == "down" else 1
            here = found
    except TorchcellError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    password = f"its password stands in {chosen.home / 'connection.json'}"
    if chosen.show_password or (chosen.command == "up" and chosen.browser):
        password = f"password {here.password}"
    print(f"Neo4j is running at {here.uri} (database {here.database}, user {here.username}, {password}).")
    if here.http:
        print(f"Neo4j Browser: {here.http}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
