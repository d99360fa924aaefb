"""How long does one look at a fleet of twenty take? ``python -m tests.bench_status``, on a lab of its own.

Beside it what one would type without fleet: twenty OpenSSH at once, each with the same script on its input and the same
questions to Docker. OpenSSH is told the addresses and the keys; ``fleet status`` asks Hetzner and Gitea besides.
"""

import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from fleet.cli import dashboard, sight
from fleet.cli.wiring import load_inventory, open_world, shipped
from fleet.core.names import Tag, hostkey_line
from fleet.core.setup import host_wanted, probe_arguments
from fleet.edges import ssh
from fleet.lab import docker_cli, firewall
from tests import bench_many
from tests.bench_row import Row, Run, Timed
from tests.e2e.keyboard import Fleet, Person, lab_up, new_fleet

ROOT = Path(__file__).parents[1]
HOSTS, RUNS = 20, 5
STATUS_WANTED, AGAIN_WANTED, HELP_WANTED = 0.6, 0.6, 3.0

TO_DOCKER = """\
docker version --format '{{.Server.Version}}'
docker image ls --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}'
docker ps --all --format '{{.Names}}|{{.Image}}|{{.State}}|{{.CreatedAt}}|{{.Labels}}|{{.Mounts}}|{{.Ports}}'
docker container inspect fleet-runner
docker volume ls --filter name=GITEA-ACTIONS-TASK- --format '{{.Name}}'
docker network ls --filter name=GITEA-ACTIONS-TASK- --format '{{.Name}} {{.CreatedAt}}'
"""
"""What ``edges/docker_api.py`` asks, as one would type it."""

THEIRS = """\
xargs -P {hosts} -I{{}} sh -c 'ssh -F none -o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=yes \
-o IdentitiesOnly=yes -o IdentityAgent=none -i {key} root@{{}} "$(cat command)" <probe >answer.{{}}' <hosts
"""


def main() -> None:
    """These rows alone."""
    for row in (help_row(), *bench_many.rows(), *twenty()):
        sys.stdout.write(f"{row.line()}\n")


def help_row() -> Timed:
    """Typer itself imports pydantic for a command that has options: most of what is more than the bare import."""
    row = Timed("fleet status --help", "import typer, rich", HELP_WANTED)
    ours, theirs = ("-m", "fleet", "status", "--help"), ("-c", "import typer, rich")
    for _ in range(10):
        row.measure(lambda: _python(*ours), lambda: _python(*theirs), lambda: None)
    return row


def _python(*words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


# --- twenty hosts ------------------------------------------------------------------------------------------


def twenty() -> list[Timed | Row]:
    """A lab of its own. The computer does the hosts' work, too: it is in the seconds of both sides, not in the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        person = Person(Path(folder))
        with lab_up(person, "--stand-ins") as lab:
            fleet = new_fleet(person, lab, name="looks", pool=f"min = {HOSTS}\nmax = {HOSTS}")
            fleet.must("up", "--yes")
            kit = Kit.made(fleet)
            return [*kit.look(), *kit.look_again(), kit.look_with_one_dead()]


@dataclass(frozen=True)
class Kit:
    """The fleet, and what OpenSSH needs to ask the same hosts, in ``work``."""

    fleet: Fleet
    work: Path

    @classmethod
    def made(cls, fleet: Fleet) -> "Kit":
        work = fleet.person.folder / "openssh"
        work.mkdir()
        inventory = load_inventory(str(fleet.inventory))
        wanted = host_wanted(inventory, inventory.pools[0], shipped("stack"))
        servers = [(one["public_net"]["ipv4"]["ip"], one["labels"][Tag.HOSTKEY]) for one in fleet.servers()]
        (work / "hosts").write_text("".join(f"{address}\n" for address, _ in servers))
        (work / "known_hosts").write_text("".join(f"{address} {hostkey_line(tag)}\n" for address, tag in servers))
        (work / "command").write_text(" ".join(["sh -s --", *probe_arguments(wanted)]))
        (work / "probe").write_text(shipped("stack")["probe.sh"].removesuffix("exit 0\n") + TO_DOCKER)
        return cls(fleet, work)

    def look(self) -> Iterator[Timed | Row]:
        """One look from nothing: the program starts, and logs in to all hosts."""
        row = Timed(f"status, {HOSTS} hosts", "OpenSSH", STATUS_WANTED)
        cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(RUNS):
            with_cpu = (_with_cpu(self._ours, cpu["ours"]), _with_cpu(self._theirs, cpu["theirs"]))
            row.measure(*with_cpu, lambda: None)
        yield row
        of_cpu = (median(cpu["ours"]), "OpenSSH's CPU time", median(cpu["theirs"]))
        yield Row(f"status, {HOSTS} hosts: CPU time without the hosts'", *of_cpu, "s", 1.0)

    def look_again(self) -> Iterator[Timed]:
        """One more look of a page that is left open: the sessions are there."""
        row = Timed(f"status --watch, {HOSTS} hosts: a look", "OpenSSH", AGAIN_WANTED)
        with _environment({**self.fleet.person.environment(), **self.fleet.env()}), open_world(None) as world:
            sight.look(world)
            for _ in range(RUNS):
                row.measure(lambda: _drawn(sight.look(world)), self._theirs, lambda: None)
        yield row

    def look_with_one_dead(self) -> Row:
        """Packets to one host are lost: no more than its time limit on top."""
        well, dead = _seconds(self._ours), []
        docker_cli.run(("exec", self.fleet.container(7), "sh", "-c", firewall.ssh_script(True)))
        for _ in range(3):
            dead.append(_seconds(self._ours))
        limit = well + ssh.CONNECT
        return Row(f"status, {HOSTS} hosts, one dead", median(dead), "all well, and its limit", limit, "s", 1.0)

    def _ours(self) -> None:
        self.fleet.must("status")

    def _theirs(self) -> None:
        key = self.fleet.person.folder / "config" / "fleet" / f"{self.fleet.name}.ed25519"
        subprocess.run(["sh", "-c", THEIRS.format(hosts=HOSTS, key=key)], cwd=self.work, check=True)
        for answer in self.work.glob("answer.*"):
            assert "\nclock\t" in f"\n{answer.read_text()}", answer.name
            answer.unlink()


def _drawn(seen: sight.Sight) -> None:
    Console(file=io.StringIO(), width=140).print(dashboard.screen(seen))


def _with_cpu(run: Run, into: list[float]) -> Run:
    """Also writes down the CPU time that its processes on this side of SSH have used."""

    def measured() -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        into.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    return measured


def _seconds(run: Run) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


if __name__ == "__main__":
    main()
