"""Faults that a machine is really made to have: how each comes about, and the name under which ``status`` must tell it.

What stands in for something: servers of the lab share the machine's disk and clock. So Docker's folder gets a small
disk of its own before it is filled, and a clock is set wrong by a ``date`` that goes before the real one in PATH.
"""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleet.core.health import Trouble
from fleet.lab.jobs import GiteaClient
from tests.e2e.keyboard import Fleet

Make = Callable[[Fleet], None]
CACHE = 8088
SMALL_DISK = "1500m"

BOUND = f"""
set -e
docker kill --signal TERM fleet-runner >/dev/null
timeout 30 docker wait fleet-runner >/dev/null
systemctl stop docker.socket docker
mkdir -p /mnt/small
mount -t tmpfs -o size={SMALL_DISK} tmpfs /mnt/small
cp -a --one-file-system /var/lib/docker/. /mnt/small
mount --move /mnt/small /var/lib/docker
systemctl start docker
docker start fleet-runner >/dev/null
"""
"""Docker's folder on a disk that is soon full, until the next boot."""

CLOSE_CACHE = f"""
iptables -t nat -S DOCKER | grep -- '--dport {CACHE} ' | sed 's/^-A/-t nat -D/' | xargs --max-lines=1 iptables
pkill -x docker-proxy
"""
"""What leads from the bridge's address into the runner's container is gone; the container goes on."""

FILL_DISK = """
set -e
[ "$(df --output=fstype /var/lib/docker | tail -n 1)" = tmpfs ]  # never the disk of the computer itself
volume=$(docker volume create GITEA-ACTIONS-TASK-9_WORKFLOW-a_JOB-a-env)
into=$(docker volume inspect --format '{{.Mountpoint}}' $volume)
fallocate --length $(($(df --output=avail /var/lib/docker | tail -n 1) - 35000))K $into/left
"""
"""By what a job has left."""

LEAVE_VOLUMES = """
exec python3 - <<'PROGRAM'
import http.client, json, socket
to = http.client.HTTPConnection("docker")
to.sock = socket.socket(socket.AF_UNIX)
to.sock.connect("/var/run/docker.sock")
for n in range(1000, 1500):
    name = f"GITEA-ACTIONS-TASK-{n}_WORKFLOW-old_JOB-old-env"
    to.request("POST", "/volumes/create", json.dumps({"Name": name}), {"Content-Type": "application/json"})
    to.getresponse().read()
PROGRAM
"""

FAST_CLOCK = """
printf '#!/bin/sh\\nexec /usr/bin/date --date "+5 minutes" "$@"\\n' >/usr/local/bin/date
chmod 755 /usr/local/bin/date
"""

_SSH = "PREROUTING -i eth0 -p tcp --dport 22 -j DROP"
DROP_SSH, LET_SSH_IN = f"iptables -t mangle -I {_SSH}", f"iptables -t mangle -D {_SSH}"
CUT_OFF = "iptables -t mangle -I PREROUTING -i eth0 -j DROP"


@dataclass(frozen=True)
class Fault:
    """``what`` is a row's name in the table; ``told``: the finding that must appear; ``person``: what is for a person
    to do, as the finding says."""

    what: str
    told: Trouble
    make: Make
    person: Make | None = None


def inside(command: str) -> Make:
    """By a shell command on the machine."""

    def make(fleet: Fleet) -> None:
        fleet.inside(command)

    return make


def delete_runner(fleet: Fleet) -> None:
    """In Gitea, as a person would by its page."""
    for runner in fleet.runners():
        GiteaClient.of(fleet.lab).call("DELETE", f"/admin/actions/runners/{runner['id']}")


@contextmanager
def second_address(fleet: Fleet) -> Iterator[str]:
    """Another address at which the lab's Gitea answers: a port that leads to it."""
    url = urlsplit(fleet.lab.gitea)
    with _Door((str(url.hostname), 0), _PassOn) as door:
        door.leads_to = (str(url.hostname), url.port or 80)
        threading.Thread(target=door.serve_forever, args=(0.1,), daemon=True).start()
        yield f"{url.scheme}://{url.hostname}:{door.server_address[1]}"
        door.shutdown()


class _Door(socketserver.ThreadingTCPServer):
    daemon_threads = True
    leads_to = ("", 0)


class _PassOn(socketserver.BaseRequestHandler):
    """Carries bytes both ways, until both ends have no more."""

    def handle(self) -> None:
        assert isinstance(self.server, _Door)
        with socket.create_connection(self.server.leads_to) as far:
            back = threading.Thread(target=_carry, args=(far, self.request), daemon=True)
            back.start()
            _carry(self.request, far)
            back.join()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


IDLE = (
    Fault("the runner is killed", Trouble.STOPPED, inside("docker kill fleet-runner")),
    Fault("the runner is deleted in Gitea", Trouble.DELETED, delete_runner),
    Fault("Docker is stopped", Trouble.DOCKER_DOWN, inside("systemctl stop docker.socket docker")),
)
"""Those that a job would not live through."""

BUSY = (
    Fault("the clock is five minutes fast", Trouble.CLOCK, inside(FAST_CLOCK), inside("rm /usr/local/bin/date")),
    Fault("the cache's port is closed", Trouble.CACHE, inside(CLOSE_CACHE)),
    Fault("500 volumes of jobs are left", Trouble.LEFTOVERS, inside(LEAVE_VOLUMES)),
    Fault(".runner is removed", Trouble.NO_REGISTRATION, inside("rm /opt/fleet/data/.runner")),
)
"""Those that a job goes on with. The cache is looked at once the runner has run for a minute."""
