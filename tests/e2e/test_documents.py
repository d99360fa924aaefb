"""What the tutorial and the guides tell a reader to type is typed here, as it stands there, on the lab.

What is different from a reader's: questions are answered with yes, ``fleet lab`` means the lab of the tests, Gitea's
address is the lab's, and the fleet's hosts have Docker already. The inventories in the guides are read by
``tests/test_docs.py``; the fleets they describe have end to end tests of their own. ``NOT_RUN`` in
``tests/documents.py`` has the lines that are left out, each with the reason.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.lab import look
from fleet.lab.place import Lab
from tests.documents import LIVED, NOT_RUN, ROOT, scripts
from tests.e2e.keyboard import Person

pytestmark = pytest.mark.e2e

PROGRAM = """\
#!/bin/bash
# The command fleet, for somebody who always says yes.
case $1 in
    lab) more=(--name {lab}) ;;
    up | down | rotate | repair) more=(--yes) ;;
esac
{python} -P -m fleet "$@" "${{more[@]}}" || exit
case "$1 $2" in
    init*) cat ~/top inventory.toml ~/pool >whole && mv whole inventory.toml ;;
    "lab env") echo export FLEET_INVENTORY=~/lab.toml ;;
esac
"""

BEFORE_TABLES = """\
hetzner.endpoint = "{lab.hetzner}"
docker.registry_mirror = "{lab.mirror}"
"""
DOCKER_IS_THERE = 'image = "docker-ce"\n'
IN_POOL = """\
image = "docker-ce"
runner = "{lab.runner}"
labels = ["ubuntu-latest:docker://fleet-lab/job:latest"]
"""


INVENTORY = """\
name = "ci"
gitea.url = "{lab.gitea}"
ssh.address_from = "{lab.address_from}"
{top}
[pools.build]
max = 2
capacity = 3
{pool}"""


class Reader:
    """Somebody with a home of their own, who reads a page and types."""

    def __init__(self, home: Path, lab: Lab, somebody: Person) -> None:
        self._home, self._lab = home, lab
        self._state = somebody.folder / "state"
        self._give("top", BEFORE_TABLES.format(lab=lab))
        self._give("pool", IN_POOL.format(lab=lab))
        self._give("lab.toml", lab.inventory.read_text("utf-8") + DOCKER_IS_THERE)
        self._give("bin/fleet", PROGRAM.format(lab=lab.name, python=shlex.quote(sys.executable))).chmod(0o755)

    def writes_the_inventory(self) -> None:
        """The README's, of a fleet on this lab."""
        top, pool = BEFORE_TABLES.format(lab=self._lab), IN_POOL.format(lab=self._lab)
        self._give("inventory.toml", INVENTORY.format(lab=self._lab, top=top, pool=pool))

    def types(self, lines: list[str]) -> None:
        """All of it in one shell; the first command that fails ends it."""
        script = "\n".join(["set -eu", *map(self._line, lines)])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._home,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    def _line(self, line: str) -> str:
        if line in NOT_RUN:
            return f"# not run, {NOT_RUN[line]}: {line}"
        line = line.replace("https://gitea.example", self._lab.gitea).replace("--jobs-of acme", "--jobs-of all")
        line = re.sub(r"\blab-build-", f"{self._lab.name}-build-", line)
        return f"echo {shlex.quote(f'$ {line}')} >&2\n{line}"

    def _give(self, name: str, text: str) -> Path:
        path = self._home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def _environment(self) -> dict[str, str]:
        """The tokens, as a reader's ``.env`` has them; the reader's own home, and the lab that is up."""
        return {
            "HOME": str(self._home),
            "PATH": f"{self._home / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(self._state),
            "FLEET_GITEA_TOKEN": self._lab.gitea_token,
            "HCLOUD_TOKEN": self._lab.hetzner_token,
        }


def test_the_tutorial_leads_from_nothing_to_a_job_and_down_again(tmp_path: Path, lab: Lab, somebody: Person) -> None:
    reader = Reader(tmp_path, lab, somebody)
    for section in scripts(LIVED[0]):
        reader.types(section)
    assert not any(name.startswith("ci-") for names in look.everything(lab).values() for name in names)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, lab: Lab, somebody: Person) -> Iterator[Reader]:
    """One with a fleet in service, which each guide leaves as it was."""
    reader = Reader(tmp_path_factory.mktemp("reader"), lab, somebody)
    reader.writes_the_inventory()
    reader.types(["fleet up"])
    yield reader
    reader.types(["fleet down"])


@pytest.mark.parametrize("page", LIVED[1:], ids=lambda page: page.stem)
def test_what_a_guide_says_to_type_works(page: Path, reader: Reader) -> None:
    for section in scripts(page):
        reader.types(section)
