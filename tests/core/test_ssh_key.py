"""Public keys are read as OpenSSH reads them, and a tag remembers one."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.logins import accepted
from fleet.core.ssh_key import PublicKey, fingerprint, fingerprint_in, read_public_key, sshkey_tag
from tests.core.builders import HOST_KEY, LOGIN, public_key

TAG_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
raw_keys = st.binary(min_size=32, max_size=32)


@given(raw_keys)
def test_a_tag_takes_any_fingerprint_and_gives_it_back(raw: bytes) -> None:
    line = public_key(raw)
    assert TAG_VALUE.fullmatch(sshkey_tag(line))
    assert fingerprint_in(sshkey_tag(line)) == fingerprint(line)


@pytest.mark.parametrize("tag", ["", "SHA256", "SHA256.", "sha256." + "a" * 43, "SHA256." + "a" * 42, "x" * 50])
def test_a_tag_that_is_no_fingerprint_says_nothing(tag: str) -> None:
    assert fingerprint_in(tag) == ""


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        (LOGIN, ""),
        (f"{LOGIN} ann@laptop", "ann@laptop"),
        (f"  {LOGIN}   ann at work \n", "ann at work"),
        (f'from="10.0.0.0/8",command="echo ssh is closed" {LOGIN} ann', "ann"),
        (f"no-pty\t{LOGIN}", ""),
    ],
)
def test_a_key_is_read_whatever_stands_around_it(line: str, comment: str) -> None:
    key = read_public_key(line)
    kind, data = LOGIN.split()
    assert key == PublicKey(kind, data, comment)
    assert key.line == LOGIN


@pytest.mark.parametrize(
    "line", ["", "# ssh-ed25519", "ssh-ed25519", "ssh-ed25519 not*base64", "ssh-ed25519 AAA", "x AAAA"]
)
def test_what_is_no_key_is_none(line: str) -> None:
    assert read_public_key(line) is None


def test_other_kinds_of_keys_are_read() -> None:
    data = base64.b64encode(b"anything").decode()
    for kind in ("ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"):
        assert read_public_key(f"{kind} {data} ann") == PublicKey(kind, data, "ann")


def test_whose_keys_are_accepted_is_said_with_their_names() -> None:
    mine, ann = fingerprint(LOGIN), fingerprint(HOST_KEY)
    assert accepted(mine, {mine: "fleet-ci"}, [f"{HOST_KEY} ann@laptop"]) == (
        f"{mine} (fleet-ci in Hetzner) and {ann} (ann@laptop)"
    )


def test_of_whose_keys_are_accepted_only_what_is_known_is_said() -> None:
    mine, ann = fingerprint(LOGIN), fingerprint(HOST_KEY)
    assert accepted(mine, {}, []) == mine
    assert accepted("", {mine: "fleet-ci"}, [HOST_KEY, "no key"]) == ann
    assert accepted("", {}, []) == ""
