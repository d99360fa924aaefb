"""The lab's service that says where somebody comes from."""

import urllib.request

import pytest

from fleet.lab import echo


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.7"])
def test_this_machine_comes_from_the_address_that_is_served(address: str) -> None:
    with echo.serving(address) as url, urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.read() == f"{address}\n".encode()


def test_somebody_else_comes_from_their_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "_is_ours", lambda address: False)
    with echo.serving("127.0.0.7") as url, urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.read() in {b"127.0.0.1\n", b"127.0.0.7\n"}


def test_an_address_of_this_machine_is_told_from_any_other() -> None:
    assert echo._is_ours("127.0.0.1")
    assert not echo._is_ours("192.0.2.1")
