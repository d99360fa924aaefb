"""Another sshd answers at a machine's address: every command says so, logs in nowhere, and takes nothing down."""

from collections.abc import Iterator

import pytest

from fleet.lab import docker_cli
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, new_fleet

pytestmark = pytest.mark.e2e

ANOTHER = (
    "rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key"
    " && systemctl restart ssh"
)
TRUE_ONE = "cat >/etc/ssh/ssh_host_ed25519_key && systemctl restart ssh"
LOGINS = "journalctl -u ssh --no-pager | grep -c 'Accepted' || true"


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine, in service, and another host at its address."""
    fleet = new_fleet(somebody, lab)
    fleet.must("up", "--yes")
    kept = fleet.inside("cat /etc/ssh/ssh_host_ed25519_key")
    fleet.inside(ANOTHER)
    yield fleet
    docker_cli.run(("exec", "-i", fleet.container(), "sh", "-c", TRUE_ONE), stdin=f"{kept}\n")
    fleet.must("down", "--yes")
    assert [*fleet.servers(), *fleet.runners()] == [], "with its own key, it is the same machine as before"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plan",), 0),
        (("status",), 0),
        (("status", "--check"), 3),
        (("up", "--yes"), 1),
        (("scale",), None),
        (("rotate", "runners", "--yes"), None),
        (("rotate", "sshkey", "--yes"), 1),
        (("exec", "build", "--", "true"), 1),
        (("logs", "build-1"), None),
        (("down", "--yes", "--no-wait"), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_other_host_is_told_of_and_not_spoken_to(fleet: Fleet, words: tuple[str, ...], code: int | None) -> None:
    before, servers = fleet.inside(LOGINS), [one["id"] for one in fleet.servers()]
    words = tuple(word.replace("build-1", f"{fleet.name}-build-1") for word in words)
    typed = fleet.type(*words)
    assert "host key" in typed.said or words[0] in {"down", "scale"}, typed.said
    assert code is None or typed.code == code, typed.said
    assert fleet.inside(LOGINS) == before
    assert [one["id"] for one in fleet.servers()] == servers


def test_openssh_itself_refuses_it(fleet: Fleet) -> None:
    before = fleet.inside(LOGINS)
    typed = fleet.type("ssh", f"{fleet.name}-build-1", "--", "true")
    assert typed.code == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in typed.err or "Host key verification failed" in typed.err
    assert fleet.inside(LOGINS) == before
