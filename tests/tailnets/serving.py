"""A stand-in over a loopback socket, which remembers what it was asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from tests.tailnets.exchange import Answer, Request
from tests.tailnets.records import Records

Tamper = Callable[[Request, Callable[[], Answer]], Answer]


class StandIn(Protocol):
    """A tailnet's server without a socket."""

    records: Records

    def answer(self, request: Request) -> Answer: ...


class Served:
    """Its address, what it was asked, and a place to come between: ``tamper`` gets the request and the answer."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.records = stand_in.records
        self.requests: list[Request] = []
        self.tamper: Tamper | None = None
        self.url = ""
        self._lock = threading.Lock()

    @property
    def asked(self) -> list[str]:
        """Method and path of all requests, in order."""
        return [str(request) for request in self.requests]

    def answer(self, request: Request) -> Answer:
        """One request at a time."""
        with self._lock:
            self.requests.append(request)
            if self.tamper is not None:
                return self.tamper(request, lambda: self.stand_in.answer(request))
            return self.stand_in.answer(request)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, as one does that does not trust us, is no story."""


@contextmanager
def served(stand_in: StandIn, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Until the end of the block."""
    site = Served(stand_in)
    server = _Server(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(site: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = site.answer(Request.of(self.command, self.path, dict(self.headers), body))
            self.send_response_only(answer.status)
            headers = {"Date": format_datetime(site.records.now(), usegmt=True), **answer.headers}
            for name, value in {**headers, "Content-Type": answer.kind}.items():
                if value:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    return Handler
