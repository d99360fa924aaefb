"""No token is found where others could read it, while ``up`` runs and afterwards; and a planted one is."""

import base64
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleet.lab import docker_cli
from fleet.lab.docker_cli import DockerError
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab, write_private
from tests.e2e.keyboard import Fleet

pytestmark = pytest.mark.e2e

EVERY = 0.2
ALL_OF_THE_DISK = 'grep -rlaF -D skip -f - $(ls -d /* | grep -vxE "/(proc|sys)") 2>/dev/null; true'
JOURNAL = "journalctl --no-pager --output=export 2>/dev/null; cat /var/log/fleet-setup.log 2>/dev/null; true"
INNER = """
docker ps -aq | xargs -r docker inspect 2>/dev/null
docker image ls -q | xargs -r docker inspect 2>/dev/null
docker ps -aq | xargs -r -n 1 docker logs 2>&1
true
"""


@dataclass
class Search:
    """Looks for secrets on a fleet's servers, and on this machine where other users could see them.

    What the tokens are is only ever given on stdin: the search must not be what it finds.
    """

    fleet: Fleet
    secrets: Mapping[str, str]
    found: set[str] = field(default_factory=set)

    def processes(self) -> None:
        """Arguments of all processes: those of servers and of their containers are seen from here, too."""
        for one in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            self._in("a process's arguments", words)

    def servers(self) -> None:
        """Disks (user data among it), journals, and what Docker tells, outside and inside."""
        for number, server in enumerate(self.fleet.servers(), 1):
            container = f"fleet-lab-{self.fleet.lab.name}-{server['id']}"
            try:
                self._in("docker inspect", docker_cli.run(("inspect", container)))
                self._in("docker logs", docker_cli.run(("logs", container)))
                files = self._inside(container, ALL_OF_THE_DISK, "\n".join(self.secrets.values()))
                self.found |= {f"file {file} of server {number}" for file in files.split()}
                self._in("a server's logs", self._inside(container, JOURNAL))
                self._in("docker inspect or logs, inside", self._inside(container, INNER))
                self._in("docker ps, inside", self._inside(container, "ps -efww"))
            except DockerError:  # not running yet, or between two starts
                continue

    def text(self, where: str, text: str) -> None:
        self._in(where, text)

    def _inside(self, container: str, command: str, stdin: str = "") -> str:
        return docker_cli.run(("exec", "-i", container, "sh", "-c", command), stdin=stdin)

    def _in(self, where: str, text: str) -> None:
        self.found |= {f"{name} in {where}" for name, secret in self.secrets.items() if secret in text}

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Both searches, again and again, for the length of the block."""
        end = threading.Event()
        threads = [threading.Thread(target=self._repeat, args=(look, end)) for look in (self.processes, self.servers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            end.set()
            for thread in threads:
                thread.join()

    def _repeat(self, look: Callable[[], None], end: threading.Event) -> None:
        while not end.is_set():
            look()
            end.wait(EVERY)


def _secrets(lab: Lab) -> dict[str, str]:
    """Gitea hands out the same registration token until it is reset, so the one that ``up`` uses is known."""
    client = GiteaClient.of(lab)
    body = client.call("POST", "/admin/actions/runners/registration-token")
    registration = body.decode().split('"token":')[1].split('"')[1]
    password = lab.gitea_package_token
    return {
        "registration token": registration,
        "Gitea token": lab.gitea_token,
        "Hetzner token": lab.hetzner_token,
        "registry password": password,
        "registry password as Docker stores it": base64.b64encode(f"lab:{password}".encode()).decode(),
        "passphrase of the SSH key": PASSPHRASE,
        "secret of the cache": CACHE,
    }


PASSPHRASE, CACHE = f"phrase-{secrets.token_hex(12)}", f"cache-{secrets.token_hex(16)}"
"""Of this run alone."""

OF_HOSTS = ("/opt/fleet/docker/config.json", "/opt/fleet/cache.secret")
"""Where a machine has secrets, and must: Docker's own store, which set-up and the runner pull with; and what the runner
shows to the cache of all machines."""


def _with_all(fleet: Fleet) -> None:
    """The fleet pulls as somebody, has a cache for all, and a person's key with a passphrase."""
    folder = fleet.person.folder
    for name, text in (("packages", fleet.lab.gitea_package_token), ("phrase", PASSPHRASE), ("cache", CACHE)):
        write_private(folder / name, text)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", folder / "id"], check=True)
    fleet.wish(
        top=f"""
ssh.key = "{folder}/id"
ssh.passphrase = {{ file = "{folder}/phrase" }}
cache.url = "http://198.51.100.1:8088"
cache.secret = {{ file = "{folder}/cache" }}
[registries."{fleet.lab.registry}"]
user = "lab"
password = {{ file = "{folder}/packages" }}"""
    )


def test_no_token_is_found_anywhere_and_a_planted_one_is(fleet_of: Callable[..., Fleet], lab: Lab) -> None:
    fleet = fleet_of()
    _with_all(fleet)
    known = _secrets(lab)
    search = Search(fleet, known)
    with search.going_on():
        up = fleet.must("up", "--yes")
    assert _secrets(lab) == known, "the token that was used is the one that was searched for"
    _search_all(search, up.said + fleet.must("status").said)
    # Only there, for root alone, and for a moment beside it while it is written.
    places = "|".join(map(re.escape, OF_HOSTS))
    assert {one for one in search.found if not re.match(rf"file ({places})\S* of server 1$", one)} == set()
    assert {f"file {path} of server 1" for path in OF_HOSTS} <= search.found
    assert fleet.inside(f"stat -c %a:%U {' '.join(OF_HOSTS)}").split() == ["600:root"] * len(OF_HOSTS)

    planted = Search(fleet, known)
    with _planted(fleet, known["registration token"]):
        _search_all(planted, "")
    expected = {"a process's arguments", "a server's logs", "docker inspect or logs, inside"}
    assert planted.found >= {f"registration token in {where}" for where in expected}
    assert "file /var/tmp/planted of server 1" in planted.found
    fleet.must("down", "--yes")


def _search_all(search: Search, said: str) -> None:
    search.processes()
    search.servers()
    search.text("what fleet said", said)
    for log in (Path(search.fleet.lab.folder) / "serve.log", *search.fleet.person.folder.rglob("*.log")):
        search.text(log.name, log.read_text("utf-8", errors="replace"))
    for file in (search.fleet.person.folder / "config").rglob("*"):
        search.text(str(file), file.read_text("utf-8", errors="replace") if file.is_file() else "")


@contextmanager
def _planted(fleet: Fleet, secret: str) -> Iterator[None]:
    """The secret on a disk, in a journal, in a container's environment, and in a process list."""
    fleet.inside("cat >/var/tmp/planted", stdin=secret)
    fleet.inside("systemd-cat -t planted", stdin=secret)
    fleet.inside(
        "cat >/run/planted; docker create --env-file /run/planted fleet-lab/job true", stdin=f"PLANTED={secret}"
    )
    with subprocess.Popen(["sh", "-c", "sleep 60; :", secret]) as process:
        time.sleep(0.1)
        try:
            yield
        finally:
            process.kill()
