"""Listening: one HTTP server per address, all sockets closed at the end."""

import http.server
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from fleet.lab.gitea.http import Answer, Request, read_query

Respond = Callable[[Request], Answer | None]  # None: close the connection without an answer
POLL_SECONDS = 0.05


class Serving:
    """A running server; use it in a ``with`` or call ``close``."""

    def __init__(self, respond: Respond, addresses: Sequence[str], port: int, certificate: str = "") -> None:
        context = _tls(certificate) if certificate else None
        self._servers: list[_Server] = []
        self._threads: list[threading.Thread] = []
        for address in addresses:
            server = _Server((address, port), respond, context)
            port = server.server_address[1]  # all addresses share the port the first one got
            self._servers.append(server)
            self._start(server)
        self.port = port
        self.url = f"{'https' if context else 'http'}://{addresses[0]}:{port}"

    def _start(self, server: "_Server") -> None:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="gitea")
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """Stops listening, ends open connections, waits for their threads."""
        for server in self._servers:
            server.shutdown()
            server.hang_up()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tls(certificate: str) -> ssl.SSLContext:
    """Python reads keys from files only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # 0600
        file.write(certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    # Joined at close, so that no socket outlives the server.
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], respond: Respond, context: ssl.SSLContext | None) -> None:
        self.respond = respond
        self.scheme = "https" if context else "http"
        self._context = context
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the address's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, peer = super().get_request()
        if self._context:
            # Its thread shakes hands when it first reads: a silent client holds nobody else up.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends connections that clients keep open."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer: head and body in two would each wait for the other's receipt
    server: _Server

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        here = f"{self.server.scheme}://{headers.get('host') or self.server.server_name}"
        body = self._body(headers)
        answer = self.server.respond(Request(self.command, path, read_query(query), headers, body, here))
        if answer is None:
            self.close_connection = True
        else:
            self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(headers.get("content-length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().partition(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.kind:
            self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Kept in ``/_lab/log`` instead."""
