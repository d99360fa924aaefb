"""HTTP/1.1 on the loopback: keep-alive, a thread per connection, and nothing left open after `close`."""

import json
import logging
import socket
import sys
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from fleet.lab.hetzner.exchange import Answer, Request

LOG = logging.getLogger(__name__)
CLOSE_SECONDS = 10.0
LARGEST_BODY = 1024 * 1024


class Api(Protocol):
    """What is served."""

    stopping: threading.Event

    def clock(self) -> datetime: ...
    def answer(self, request: Request) -> Answer: ...
    def record(self, method: str, path: str, status: int) -> None: ...
    def wait_idle(self, seconds: float = ...) -> None: ...


class Serving:
    """An API that listens; `url` is what clients take as their endpoint."""

    def __init__(self, api: Api, address: str, port: int) -> None:
        self._api = api
        self._server = _Server((address, port), api)
        self.origin = f"http://{address}:{self._server.server_address[1]}"
        self.url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="hetzner-api")
        self._thread.daemon = True
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end all connections, and wait for what the machine below still does."""
        self._api.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._server.server_close()
        self._api.wait_idle(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        self.api = api
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def end_connections(self) -> None:
        """Idle keep-alive connections wait for ever by themselves; waking them up ends their threads."""
        with self._changed:
            for connection in self._open:
                _hang_up(connection)
            self._changed.wait_for(lambda: not self._open, timeout=CLOSE_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            LOG.exception("a connection failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write per answer: headers and body in two would wait for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def version_string(self) -> str:
        return "fleet-lab"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header says the API's time, which may be a given one."""
        return format_datetime(self.server.api.clock().astimezone(UTC), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        LOG.debug(format, *args)

    def _exchange(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            # What follows cannot be told from the next request, so this connection ends here.
            self.close_connection = True
            self.send_error(413 if length.isdecimal() else 400)
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            authorization=self.headers.get("Authorization", ""),
            raw=self.rfile.read(int(length)),
            origin=f"http://{self.headers.get('Host', '')}/v1",
        )
        answer = self.server.api.answer(request)
        self.server.api.record(self.command, self.path, answer.status)
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _exchange  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.body is None:
            self.end_headers()
            return
        content = json.dumps(answer.body).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOG.debug("a connection was closed already")
