"""The webhook and the command that tell people: what they are sent, and that nobody sees a secret of them."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleet.core.errors import CredentialsError, FleetError, Unreachable
from fleet.core.health import Finding, Severity, Trouble
from fleet.core.notify import Message
from fleet.core.secret import Secret
from fleet.edges.notify import Command, Webhook

FINDING = Finding(Trouble.LOST, Severity.ERROR, "ci-build-1", "it is lost", "fleet up")
MESSAGE = Message("ci", (FINDING,))
TOKEN = Secret("t0ken-of-tests")
PATH = "/hooks/p4th-of-tests?x=1"


class Listener(ThreadingHTTPServer):
    """Keeps what it is sent, and answers with ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.got: list[tuple[str, dict[str, str], dict[str, object]]] = []

    @property
    def url(self) -> Secret:
        return Secret(f"http://127.0.0.1:{self.server_port}{PATH}")


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        said = json.dumps({"message": f"no {self.headers.get('Authorization')}"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def test_the_webhook_is_sent_the_message_as_json_with_its_text(listener: Listener) -> None:
    Webhook(listener.url, TOKEN)(MESSAGE)
    ((path, headers, body),) = listener.got
    assert path == PATH
    assert headers["Authorization"] == "Bearer t0ken-of-tests"
    assert headers["Content-Type"] == "application/json"
    assert body == MESSAGE.data
    assert body["text"] == "fleet ci: 1 new\nerror ci-build-1: it is lost\n  -> fleet up"


def test_without_a_token_there_is_no_such_header(listener: Listener) -> None:
    Webhook(listener.url, None)(MESSAGE)
    assert "Authorization" not in listener.got[0][1]


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_a_webhook_that_does_not_take_it_is_an_error_without_a_secret(listener: Listener, status: int) -> None:
    listener.status = status
    with pytest.raises(Unreachable) as caught:
        Webhook(listener.url, TOKEN)(MESSAGE)
    assert f"HTTP {status}" in str(caught.value)
    assert "t0ken" not in str(caught.value)
    assert "p4th" not in str(caught.value)
    assert len(listener.got) == 1, "a message is not sent twice"


def test_one_that_is_not_there_is_an_error_without_a_secret(listener: Listener) -> None:
    url = listener.url
    listener.server_close()
    with pytest.raises(Unreachable) as caught:
        Webhook(url, TOKEN)(MESSAGE)
    assert "p4th" not in str(caught.value)


@pytest.mark.parametrize("url", ["p4th-of-tests", "ftp://p4th-of-tests/x", "https:///p4th-of-tests"])
def test_what_is_no_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        Webhook(Secret(url), None)
    assert "p4th" not in str(caught.value)


def test_the_command_gets_the_text_on_its_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "got"
    Command(["sh", "-c", 'cat >"$1"; printenv WORD >>"$1"', "sh", str(file)], {"WORD": "of env", "PATH": "/bin"})(
        MESSAGE
    )
    assert file.read_text() == f"{MESSAGE.text}\nof env\n"


@pytest.mark.parametrize(
    ("words", "said"), [(["/nowhere/at-all"], "No such file"), ([sys.executable, "-c", "exit(3)"], "ended with 3")]
)
def test_a_command_that_fails_is_an_error(words: list[str], said: str) -> None:
    with pytest.raises(FleetError, match=said):
        Command(words, {})(MESSAGE)


def test_a_command_that_does_not_read_what_it_is_given_has_been_told() -> None:
    Command([sys.executable, "-c", "pass"], {})(MESSAGE)
