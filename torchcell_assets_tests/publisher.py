"""A publisher: a real web server on loopback that gives a raw file as a test wants it, and the source that names it."""

import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from torchcell_assets.sources import Source

CONTENT = b"strain\tfitness\n" + b"YAL001C\t0.9787\n" * 20_000
NAME = "publication2020/table.txt"

Behaviour = Callable[[http.server.BaseHTTPRequestHandler], None]


def whole(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(CONTENT)


def truncated(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])


def truncated_without_length(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])


def other_content(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"<html>please log in</html>")


def not_found(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def hanging(handler: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(3)


class Server:
    """A web server that behaves as a test wants it, and counts the requests."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = [whole]
        self.requests: list[str] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.requests.append(self.command)
                behaviour = owner.behaviours.pop(0) if len(owner.behaviours) > 1 else owner.behaviours[0]
                behaviour(self)

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/table.txt"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def source(server: Server) -> Source:
    return Source(
        name=NAME,
        sha256=(hashlib.sha256(CONTENT).hexdigest(),),
        bytes=len(CONTENT),
        url=server.url,
        licence="CC0",
        citation="Nobody et al. 2020",
        doi="10.0000/none",
    )
