"""Where we come from: a real client asks services on the loopback, over both families, and nothing is guessed."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from fleet.core.errors import Refused
from fleet.edges import operator, whoami
from fleet.edges.operator import OperatorHere

Ask = Callable[..., OperatorHere]
PAGE = "<!DOCTYPE html><html><script>window.ipv4 = '203.0.113.7'</script></html>"


class Service(HTTPServer):
    """Answers everything with one status and text, and keeps what it was asked with."""

    def __init__(self, family: socket.AddressFamily, status: int, text: str) -> None:
        self.address_family = family
        self.status, self.text = status, text
        self.asked: list[Any] = []
        super().__init__(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append(self.headers)
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing on the screen."""


def has_ipv6() -> bool:
    """Whether this computer has an IPv6 loopback; containers often have none."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this computer has no IPv6 loopback")


@contextmanager
def serving(family: socket.AddressFamily, status: int, text: str) -> Iterator[Service]:
    service = Service(family, status, text)
    thread = threading.Thread(target=service.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """An operator whose service ``echo.test`` has these answers over IPv4 and IPv6; None: no such address."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ExitStack() as stack:

        def make(v4: str | None, v6: str | None, status: int = 200) -> OperatorHere:
            texts = ((socket.AF_INET, v4), (socket.AF_INET6, v6))
            made = [stack.enter_context(serving(kind, status, text)) for kind, text in texts if text is not None]
            found = [(one.address_family, socket.SOCK_STREAM, 6, "", one.server_address) for one in made]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(found))
            return OperatorHere("http://echo.test/")

        yield make


@needs_ipv6
def test_both_families_are_asked_each_by_its_own(ask: Ask) -> None:
    assert ask("203.0.113.7\n", "2001:db8:1:2:aaaa::1\n").networks() == ("203.0.113.7/32", "2001:db8:1:2::/64")


def test_ipv4_alone_is_enough(ask: Ask) -> None:
    assert ask("203.0.113.7", None).networks() == ("203.0.113.7/32",)


@needs_ipv6
def test_ipv6_alone_is_enough_and_its_network_may_be_all_that_is_said(ask: Ask) -> None:
    assert ask(None, "2001:db8:1:2::").networks() == ("2001:db8:1:2::/64",)


def test_it_is_asked_once_by_the_name_that_gets_plain_text_and_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(socket.AF_INET, 200, "203.0.113.7") as service:
        here = OperatorHere(f"http://127.0.0.1:{service.server_port}/")
        assert here.networks() == here.networks() == ("203.0.113.7/32",)
    assert len(service.asked) == 1
    assert service.asked[0]["User-Agent"].startswith("curl/")


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (PAGE, 200, "with no address, but with '<!DOCTYPE html><html"),
        ("", 200, "with no address, but with ''"),
        ("224.0.0.1", 200, "nobody's"),
        ("203.0.113.7, 10.0.0.1", 200, "no address"),
        ("203.0.113.7", 302, "status 302"),
        ("203.0.113.7", 503, "status 503"),
    ],
)
def test_an_answer_that_is_no_address_is_told_with_what_to_write(ask: Ask, text: str, status: int, said: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(text, None, status).networks()
    assert said in caught.value.message
    assert "http://echo.test/" in caught.value.message
    assert "ssh.allow_from" in caught.value.hint


def test_nobody_there_is_told(ask: Ask) -> None:
    with pytest.raises(Refused, match="IPv4: no connection; IPv6: no connection"):
        ask(None, None).networks()


def test_a_silent_service_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Refused, match="IPv4: no answer in time"):
        OperatorHere(f"http://127.0.0.1:{silent.getsockname()[1]}/").networks()


def test_who_is_a_user_at_a_computer_without_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoami, "user", lambda: "user 1000")
    monkeypatch.setattr("socket.gethostname", lambda: "my pc")
    assert OperatorHere("http://echo.test/").who() == "user_1000@my_pc"


@pytest.mark.parametrize(
    ("host", "families", "answer"),
    [
        ("git.example", {socket.AF_INET, socket.AF_INET6}, True),
        ("git.example", {socket.AF_INET}, False),
        ("git.example", set(), None),
        ("192.0.2.7", set(), False),
        ("2001:db8::7", set(), True),
    ],
)
def test_whether_a_host_answers_by_ipv6(
    monkeypatch: pytest.MonkeyPatch, host: str, families: set[int], answer: bool | None
) -> None:
    def lookup(name: str, port: None, family: int, kind: int) -> list[str]:
        if family not in families:
            raise socket.gaierror
        return ["an address"]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert OperatorHere("http://echo.test/").answers_ipv6(host) is answer


@pytest.mark.parametrize("reached", [True, False])
def test_whether_this_computer_has_a_way_to_ipv6(monkeypatch: pytest.MonkeyPatch, reached: bool) -> None:
    class Probe:
        def __enter__(self) -> "Probe":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

        def connect(self, address: object) -> None:
            if not reached:
                raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "socket", lambda *_: Probe())
    assert OperatorHere("http://echo.test/").has_ipv6() is reached
