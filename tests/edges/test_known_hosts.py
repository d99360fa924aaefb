"""known_hosts as OpenSSH reads it."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from fleet.edges.known_hosts import known_keys

KEY = "ssh-ed25519 AAAAone"
OTHER = "ssh-ed25519 AAAAtwo"
RSA = "ssh-rsa AAAArsa"


def known(tmp_path: Path, text: str, address: str = "desk.example", port: int = 22) -> tuple[str, ...]:
    file = tmp_path / "known_hosts"
    file.write_text(text)
    return known_keys([tmp_path / "none", file], address, port)


def hashed(name: str) -> str:
    salt = b"01234567890123456789"
    digest = hmac.digest(salt, name.encode(), hashlib.sha1)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "hosts",
    ["desk.example", "DESK.example", "other,desk.example", "*.example", "des?.example", hashed("desk.example")],
)
def test_a_host_is_known_by_its_name(tmp_path: Path, hosts: str) -> None:
    assert known(tmp_path, f"# a comment\n\n{hosts} {KEY} a comment\n") == (KEY,)


@pytest.mark.parametrize(
    "hosts",
    ["desk", "desk.example.org", "[desk.example]:2222", "*.example,!desk.example", "|1|x|y", "|1|", hashed("desk")],
)
def test_another_name_says_nothing(tmp_path: Path, hosts: str) -> None:
    assert known(tmp_path, f"{hosts} {KEY}\n") == ()


@pytest.mark.parametrize("hosts", ["[desk.example]:2222", "[*.example]:2222", hashed("[desk.example]:2222")])
def test_another_port_stands_beside_the_name(tmp_path: Path, hosts: str) -> None:
    assert known(tmp_path, f"{hosts} {KEY}\n", port=2222) == (KEY,)
    assert known(tmp_path, f"{hosts} {KEY}\n") == ()


def test_all_keys_of_a_host_count_each_once(tmp_path: Path) -> None:
    assert known(tmp_path, f"desk.example {KEY}\n*.example {RSA}\ndesk.example {KEY}\n") == (KEY, RSA)


def test_a_revoked_key_counts_nowhere(tmp_path: Path) -> None:
    lines = f"desk.example {KEY}\ndesk.example {OTHER}\n@revoked * {KEY}\n"
    assert known(tmp_path, lines) == (OTHER,)


def test_an_authority_is_no_key_of_a_host(tmp_path: Path) -> None:
    assert known(tmp_path, f"@cert-authority *.example {KEY}\n") == ()


def test_what_is_no_line_of_a_key_is_passed_over(tmp_path: Path) -> None:
    assert known(tmp_path, f"desk.example\n@revoked\ndesk.example ssh-ed25519\n\udcff\ndesk.example {KEY}\n"
                 .encode("utf-8", "replace").decode()) == (KEY,)  # fmt: skip
