"""A Docker daemon's answers on the loopback, and a ``docker`` program that leads to them, for a host of the tests."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

NAME = "GITEA-ACTIONS-TASK-41-WORKFLOW-ci"

VERSION = {"Version": "29.10.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}

HEADERS = {"Server": "Docker/29.10.0 (linux)", "Api-Version": "1.52"}

RUNNER: dict[str, Any] = {
    "State": {
        "Status": "running",
        "ExitCode": 0,
        "Restarting": False,
        "OOMKilled": False,
        "StartedAt": "2026-03-02T11:00:00.123456789Z",
    },
    "RestartCount": 2,
    "Config": {"Image": "gitea/runner:4.1.0", "Labels": {"fleet.config": "abcd"}},
}

CONTAINERS: list[dict[str, Any]] = [
    {
        "Names": ["/fleet-runner"],
        "Image": "gitea/runner:4.1.0",
        "State": "running",
        "Created": 1772400000,
        "Labels": {"com.docker.compose.project": "fleet", "fleet.config": "abcd"},
        "Mounts": [{"Source": "/opt/fleet/data"}, {"Type": "tmpfs"}],
        "Ports": [
            {"IP": "172.17.0.1", "PrivatePort": 8088, "PublicPort": 8088, "Type": "tcp"},
            {"IP": "172.17.0.1", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
            {"PrivatePort": 80, "Type": "tcp"},
        ],
    },
    {"Names": [f"/{NAME}"], "Image": "node:22", "State": "running", "Created": 1772450000, "Labels": None},
]


@dataclass
class Daemon:
    """``answers`` by path without the version of the API; what is not there is not found. ``asked``: the paths.

    ``hangs_up``: it ends the connection after each answer. ``headers`` are in all of them.
    """

    answers: dict[str, Any] = field(
        default_factory=lambda: {
            "/_ping": "OK",
            "/version": VERSION,
            "/images/json": [
                {"RepoTags": ["node:22"], "RepoDigests": ["node@sha256:11"]},
                {"RepoTags": None, "RepoDigests": None},
            ],
            "/containers/json": CONTAINERS,
            "/containers/fleet-runner/json": RUNNER,
            "/volumes": {"Volumes": [{"Name": f"{NAME}-env", "CreatedAt": "2026-03-02T12:00:00+01:00"}]},
            "/networks": [{"Name": f"{NAME}-test-network", "Created": "2026-03-02T11:00:00.123456789Z"}],
        }
    )
    asked: list[str] = field(default_factory=list)
    port: int = 0
    passwords: list[str] = field(default_factory=list)
    hangs_up: bool = False
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    daemon: ClassVar[Daemon]

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        query = parse_qs(path.query)
        words = [path.path, *query.get("filters", ()), *(["all"] if query.get("all") == ["1"] else [])]
        self.daemon.asked.append(" ".join(words))
        self.daemon.passwords += self.headers.get_all("Authorization") or []
        plain = path.path.removeprefix("/v1.52")
        found = self.daemon.answers.get(plain)
        body = json.dumps({"message": "No such thing"} if found is None else found).encode()
        self.send_response_only(404 if found is None else 200)
        for header in self.daemon.headers.items():
            self.send_header(*header)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.daemon.hangs_up:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


DIAL = """\
#!{python}
import socket, sys, threading
assert sys.argv[1:] == ["system", "dial-stdio"], sys.argv
daemon = socket.create_connection(("127.0.0.1", {port}))
def send():
    while data := sys.stdin.buffer.raw.read(65536):
        daemon.sendall(data)
    daemon.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := daemon.recv(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""


@contextmanager
def docker_daemon(program: Path) -> Iterator[Daemon]:
    """Runs while the block does; ``program`` is written, and joins its own ends to the daemon's."""
    daemon = Daemon()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"daemon": daemon}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    daemon.port = server.server_address[1]
    write(program, DIAL.format(python=sys.executable, port=server.server_address[1]))
    try:
        yield daemon
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write(program: Path, text: str) -> None:
    """A program that can be run."""
    program.write_text(text)
    program.chmod(0o755)
