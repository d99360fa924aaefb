"""Debian's real cron runs the line that ``fleet cron install`` has written: a machine comes for a job that waits.

The line stands in the crontab of whoever runs the tests, beside what is there already, and is taken out again.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fleet.edges import crontab
from tests.e2e.keyboard import Fleet, soon

pytestmark = pytest.mark.e2e

TWO_MINUTES_AND_A_PASS = 300


@pytest.fixture(scope="module")
def cron() -> Iterator[None]:
    """Cron's daemon, for as long as the tests of this file run. Where one runs already, ours ends at once."""
    program = _cron_program()
    daemon = subprocess.Popen([program, "-f"], stderr=subprocess.PIPE, text=True)
    try:
        assert daemon.stderr is not None
        if _ended(daemon):
            assert "can't lock" in daemon.stderr.read()
        yield
    finally:
        daemon.terminate()
        daemon.communicate(timeout=20)


def _ended(daemon: subprocess.Popen[str]) -> bool:
    try:
        daemon.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return False
    return True


def _cron_program() -> str:
    if os.geteuid() != 0:
        pytest.fail("cron's daemon runs as root only: run this test as root")
    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("cron", path=path) is None:
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "cron"], check=True, capture_output=True)
    program = shutil.which("cron", path=path)
    assert program, "type `apt-get install cron`"
    return program


@contextmanager
def _installed(fleet: Fleet) -> Iterator[str]:
    """The fleet in the real crontab, every minute; afterwards the crontab is what it was."""
    before = crontab.read()
    try:
        yield fleet.must("cron", "install", "--every", "1").out
    finally:
        fleet.must("cron", "remove")
        assert crontab.read() == before


def _in_an_awkward_folder(fleet: Fleet) -> Fleet:
    """A space is special to the shell, and a % to cron."""
    folder = fleet.person.folder / "my 100% fleet"
    folder.mkdir()
    return replace(fleet, inventory=folder / "inventory.toml")


def _write_secrets(fleet: Fleet) -> None:
    """Where cron's passes find them."""
    path = fleet.inventory.parent / ".env"
    path.touch(mode=0o600)
    path.write_text(f"FLEET_GITEA_TOKEN={fleet.lab.gitea_token}\nHCLOUD_TOKEN={fleet.lab.hetzner_token}\n", "utf-8")


@pytest.mark.timeout(2 * TWO_MINUTES_AND_A_PASS)
@pytest.mark.usefixtures("cron")
def test_cron_makes_a_machine_for_a_job_that_waits(fleet_of: Callable[..., Fleet]) -> None:
    fleet = _in_an_awkward_folder(fleet_of())
    fleet.wish("min = 0\nmax = 1")
    refused = fleet.type("cron", "install", "--every", "1")
    assert refused.code == 2
    assert "FLEET_GITEA_TOKEN is set neither in" in refused.err

    _write_secrets(fleet)
    assert fleet.must("status", "--json").json["last_pass"] is None
    with _installed(fleet) as told:
        assert told.startswith("* * * * * ")
        job = fleet.push("echo from cron")
        soon(lambda: job.word() == "success", seconds=TWO_MINUTES_AND_A_PASS)
        soon(lambda: fleet.must("status", "--json").json["last_pass"], seconds=TWO_MINUTES_AND_A_PASS)
        shown = fleet.must("cron", "show").out
        assert "# begin fleet" in shown
        assert "the last good one was" in shown

    log = fleet.person.folder / "state" / "fleet" / f"{fleet.name}.log"
    assert f"{fleet.name}-build-1 done: " in log.read_text("utf-8")
    assert log.stat().st_mode & 0o777 == 0o600
    assert fleet.must("status", "--json").json["last_pass"] is None, "nobody misses a pass that was taken away"

    fleet.must("scale")  # as another computer's cron would
    fleet.must("down", "--yes")
    assert (fleet.servers(), fleet.runners()) == ([], [])
    assert fleet.must("cron", "show").out.endswith(f"passes of fleet {fleet.name}: paused -> fleet resume\n")

    fleet.must("cron", "remove")
    fleet.must("down", "--yes")
    assert fleet.shared() == []
