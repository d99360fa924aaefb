"""Tells whoever asks the address they come from, as plain text: what such a service on the internet does."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextmanager
def serving(address: str) -> Iterator[str]:
    """The URL to ask, while it is served."""
    server = ThreadingHTTPServer((address, 0), _Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="echo", daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = f"{self._seen()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _seen(self) -> str:
        """This machine itself is seen by the lab's servers at the address that is served: on its way to itself,
        Docker's rules for what leaves a network give a packet the address of any other interface."""
        peer = str(self.client_address[0])
        return str(self.connection.getsockname()[0]) if _is_ours(peer) else peer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the lab's log is for what went wrong."""


def _is_ours(address: str) -> bool:
    """Whether this machine has the address: only such a one can be listened on."""
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
