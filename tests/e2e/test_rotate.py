"""New keys and credentials on machines that are in service: the old ones open nothing any more, and no job is lost."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, new_fleet, soon

pytestmark = pytest.mark.e2e

LINES = "grep -c . /root/.ssh/authorized_keys"


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """Two machines; the tests of this file go on from what the one before has left."""
    fleet = new_fleet(somebody, lab, pool="min = 2")
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--yes")
    assert fleet.left() == []


def key_file(fleet: Fleet) -> Path:
    return fleet.person.folder / "config" / "fleet" / f"{fleet.name}.ed25519"


def opens(fleet: Fleet, key: Path, number: int) -> bool:
    """Whether OpenSSH gets in with this key alone."""
    address = next(
        one["public_net"]["ipv4"]["ip"] for one in fleet.servers() if one["name"] == f"{fleet.name}-build-{number}"
    )
    options = ("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-F", "none")
    trust = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
    command = ["ssh", *options, *trust, "-i", str(key), f"root@{address}", "true"]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0


def copy_of(fleet: Fleet, folder: Path) -> Path:
    copy = folder / "copy"
    copy.write_bytes(key_file(fleet).read_bytes())
    copy.chmod(0o600)
    return copy


def test_the_old_key_opens_nothing_once_the_new_one_has_taken_over(fleet: Fleet, tmp_path: Path) -> None:
    old = copy_of(fleet, tmp_path)
    assert opens(fleet, old, 1)
    fleet.must("rotate", "sshkey", "--yes")
    assert [opens(fleet, old, number) for number in (1, 2)] == [False, False]
    assert [opens(fleet, key_file(fleet), number) for number in (1, 2)] == [True, True]
    assert fleet.inside(LINES) == "1"
    assert sorted(path.name for path in key_file(fleet).parent.glob(f"*{fleet.name}*")) == [
        f"{fleet.name}.ed25519",
        f"{fleet.name}.ed25519.pub",
    ]
    fleet.must("status", "--check")


def test_a_machine_that_does_not_answer_gets_the_new_key_later(fleet: Fleet, tmp_path: Path) -> None:
    old = copy_of(fleet, tmp_path)
    fleet.inside("systemctl stop ssh", number=2)
    try:
        typed = fleet.type("rotate", "sshkey", "--yes")
        assert typed.code == 1, typed.said
        assert f"{fleet.name}-build-2" in typed.said
        assert "keeps the old key" in typed.said
        assert not opens(fleet, old, 1)
    finally:
        fleet.inside("systemctl start ssh", number=2)
    fleet.must("status", "--check")
    fleet.must("rotate", "sshkey", "--yes")
    assert not opens(fleet, old, 2)
    assert opens(fleet, key_file(fleet), 2)


def test_runners_get_other_credentials_and_a_job_that_runs_ends_well(fleet: Fleet) -> None:
    before = {one["name"]: one["id"] for one in fleet.runners()}
    job = fleet.push("sleep 8")
    soon(lambda: job.word() == "in_progress")
    typed = fleet.must("rotate", "runners", "--yes")
    assert "the registration token is the same as before" in typed.err
    assert job.ends() == "success"
    after = {one["name"]: one["id"] for one in fleet.runners()}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert fleet.push("echo works").ends() == "success"
    fleet.must("status", "--check")
