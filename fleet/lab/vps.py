"""Servers of the lab: containers that are real in all but the machine they run on.

Each has its own systemd, sshd, cloud-init (fed by NoCloud files, as a cloud's metadata service would) and
room for a Docker of its own. What a lab has made carries the label `fleet.lab=<lab>`, and nothing is
remembered anywhere else: another process, or the next one after a crash, finds all of it again.

The flags are `--privileged` without CAP_SYS_RESOURCE, spelled out: that capability is missing on some
virtual machines, and `--privileged` fails there. `/sys/fs/cgroup` is never mounted from outside, or servers
would share one root of it: see `files/first-process`.

The kernel is the machine's: a `sysctl` of what has no namespace (`vm.*`, `fs.*`) changes the machine's value.
"""

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleet.lab import docker_cli, firewall, network
from fleet.lab.docker_cli import DockerError
from fleet.lab.hetzner.hypervisor import Addresses, FirewallRule, HypervisorError, PrivateAddress, ServerSpec
from fleet.lab.images import Images
from fleet.lab.network import LABEL, Network

SERVER_LABEL = "fleet.server"
SEED = "/var/lib/cloud/seed/nocloud"
DOCKER_IMAGES = frozenset({"docker-ce"})
"""Names of Hetzner's app images that have Docker in them; every other name is a plain Debian here."""

FLAGS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
)
MACHINE = (
    "--cgroupns=private",
    "--stop-signal=SIGRTMIN+3",
    # `reboot` inside ends the container: it comes back, as a machine would.
    "--restart=on-failure:5",
    "--tmpfs=/run:exec,mode=755",
    "--tmpfs=/tmp:exec,mode=1777",
    # Volumes without a name go when the container goes. They are there because overlayfs does not stand on
    # overlayfs: Docker and containerd inside need a real file system below.
    "--volume=/var/lib/docker",
    "--volume=/var/lib/containerd",
)
KEEP_AND_RUN = (
    f"mkdir -p $(dirname {firewall.RULES_FILE}) && cat >{firewall.RULES_FILE} && exec sh {firewall.RULES_FILE}"
)
TAILSCALED = (
    "/usr/lib/systemd/system/tailscaled.service",
    Path(__file__).parent / "files" / "tailscaled.service",
)
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


class DockerHypervisor:
    """The machine below the lab's Hetzner: `hetzner.hypervisor.Hypervisor` on the local Docker."""

    def __init__(self, lab: str, *, images: Images, network: Network, programs: Path | None = None) -> None:
        """``programs``: the folder of tailscale and tailscaled, where servers have them."""
        self._lab = lab
        self._programs = programs
        self._images = images
        self._network = network
        self._reserved: dict[int, str] = {}
        self._reserving = threading.Lock()

    def reserve(self, server_id: int) -> Addresses:
        """The address by the id, or the next one that is free if another server has that."""
        with self._reserving:
            if not self._reserved:
                with _explained():
                    self._reserved |= _addresses(self._lab)
            if server_id not in self._reserved:
                self._reserved[server_id] = self._free_address(server_id)
            return Addresses(self._reserved[server_id], None)

    def create(self, spec: ServerSpec) -> Addresses:
        """Start the server; what a killed run has left of it is replaced."""
        addresses = self.reserve(spec.id)
        with _explained():
            self._replace(spec, addresses, seed(spec))
        return addresses

    def rebuild(self, spec: ServerSpec) -> Addresses:
        """A new disk for the same id and address. The firewall is in front of the machine: it stays."""
        addresses = self.reserve(spec.id)
        with _explained():
            rules = _read(self._container(spec.id), firewall.RULES_FILE)
            files = seed(spec) if rules is None else {**seed(spec), firewall.RULES_FILE: rules}
            self._replace(spec, addresses, files)
        return addresses

    def delete(self, server_id: int) -> None:
        """Remove the server and its volumes; one that is gone is fine."""
        with _explained():
            _remove([self._container(server_id)])
        with self._reserving:
            self._reserved.pop(server_id, None)

    def power(self, server_id: int, on: bool) -> None:
        """Switch on, or pull the plug."""
        name = self._container(server_id)
        with _explained():
            docker_cli.run(("start", name) if on else ("stop", "-t", "0", name))

    def reset(self, server_id: int) -> None:
        """Pull the plug and put it back."""
        with _explained():
            docker_cli.run(("restart", "-t", "0", self._container(server_id)))

    def firewall(self, server_id: int, rules: tuple[FirewallRule, ...]) -> None:
        """Make these the rules, now and after every later start."""
        name, text = self._container(server_id), firewall.script(rules)
        with _explained():
            if _is_running(name):
                # Never `docker cp` here: it mounts and unmounts files in a container that is just starting.
                docker_cli.run(("exec", "--interactive", name, "sh", "-c", KEEP_AND_RUN), stdin=text)
            else:
                _write(name, {firewall.RULES_FILE: text})

    def remove_network(self, network_id: int) -> None:
        """Remove the private network; one that is not there is fine."""
        with _explained():
            network.remove_private(self._lab, network_id)

    def drop_ssh(self, server_id: int, on: bool) -> None:
        """A fault: the server goes on, and packets to its SSH port are lost, until its next start."""
        with _explained():
            docker_cli.run(("exec", self._container(server_id), "sh", "-c", firewall.ssh_script(on)))

    def _replace(self, spec: ServerSpec, addresses: Addresses, files: Mapping[str, str]) -> None:
        name = self._container(spec.id)
        _remove([name])
        docker_cli.run(("create", "--name", name, *self._arguments(spec, addresses), self._image(spec.image)))
        for place in spec.private:
            self._connect(name, place)
        _write(name, {**files, **({TAILSCALED[0]: TAILSCALED[1].read_text("utf-8")} if self._programs else {})})
        docker_cli.run(("start", name))

    def _connect(self, name: str, place: PrivateAddress) -> None:
        """A second interface. The first one stays the one that has the way out."""
        with self._reserving:
            private = network.ensure_private(self._lab, place.network, place.ip_range)
        docker_cli.run(("network", "connect", "--ip", place.ip, private, name))

    def _arguments(self, spec: ServerSpec, addresses: Addresses) -> Iterator[str]:
        yield from (*FLAGS, *MACHINE, "--hostname", spec.name)
        yield from ("--network", self._network.name, "--ip", addresses.ipv4 or "")
        yield from ("--label", f"{LABEL}={self._lab}", "--label", f"{SERVER_LABEL}={spec.id}")
        yield from ("--env", f"FLEET_LAB_CGROUP=fleet-lab-{self._lab}.{spec.id}")
        yield from ("--env", f"FLEET_LAB_DNS={' '.join(resolvers())}")
        if self._programs:
            yield from ("--volume", f"{self._programs}/tailscale:/usr/bin/tailscale:ro")
            yield from ("--volume", f"{self._programs}/tailscaled:/usr/sbin/tailscaled:ro")

    def _image(self, name: str) -> str:
        return self._images.server_docker if name in DOCKER_IMAGES else self._images.server

    def _container(self, server_id: int) -> str:
        return f"{self._network.name}-{server_id}"

    def _free_address(self, server_id: int) -> str:
        taken = set(self._reserved.values())
        places = (self._network.server(server_id + step) for step in range(network.SERVERS))
        for address in places:
            if address not in taken:
                return address
        raise HypervisorError(f"all {network.SERVERS} addresses of {self._network.subnet} are in use")


def remove_all(lab: str) -> None:
    """Remove all containers, volumes and networks of a lab; none is fine. Raises DockerError."""
    listed = docker_cli.run(("ps", "--all", "--quiet", "--filter", f"label={LABEL}={lab}")).split()
    _remove(listed)
    _sweep(lab)
    network.remove(lab)
    volumes = docker_cli.run(("volume", "ls", "--quiet", "--filter", f"label={LABEL}={lab}")).split()
    if volumes:
        docker_cli.run(("volume", "rm", "--force", *volumes))


def seed(spec: ServerSpec) -> dict[str, str]:
    """The files by which cloud-init learns who this server is and what it has to do."""
    known = {
        "instance-id": str(spec.id),
        "local-hostname": spec.name,
        "public-keys": list(spec.ssh_keys),
    }
    return {f"{SEED}/meta-data": json.dumps(known), f"{SEED}/user-data": spec.user_data}


def resolvers(files: tuple[Path, ...] = RESOLVERS) -> tuple[str, ...]:
    """The machine's name servers that a server can reach: a loopback address is not one of them."""
    for file in files:
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        found = [line[1] for line in lines if line[:1] == ["nameserver"] and len(line) > 1]
        usable = tuple(address for address in found if not address.startswith("127.") and ":" not in address)
        if usable:
            return usable
    return ()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DockerError as error:
        raise HypervisorError(str(error)) from error


def _addresses(lab: str) -> dict[int, str]:
    """The address of each server that is there, by its id."""
    filters = ("--filter", f"label={LABEL}={lab}", "--filter", f"label={SERVER_LABEL}")
    listed = docker_cli.run(("ps", "--all", "--quiet", *filters)).split()
    if not listed:
        return {}
    form = (
        f'{{{{index .Config.Labels "{SERVER_LABEL}"}}}}'
        f' {{{{with index .NetworkSettings.Networks "{network.network_name(lab)}"}}}}'
        "{{with .IPAMConfig}}{{.IPv4Address}}{{end}}{{end}}"
    )
    rows = [line.split() for line in docker_cli.run(("inspect", "--format", form, *listed)).splitlines()]
    return {int(row[0]): row[1] for row in rows if len(row) > 1}


def _sweep(lab: str) -> None:
    """Remove the servers' cgroups, which outlive their containers on a machine with cgroup v1."""
    images = docker_cli.run(("image", "ls", "--quiet", "--filter", "reference=fleet-lab/server")).split()
    # Without an image of ours there was no server. On cgroup v2 Docker removes all of it itself.
    if not images or docker_cli.run(("info", "--format", "{{.CgroupVersion}}")) == "2":
        return
    command = ("run", "--rm", *FLAGS, "--cgroupns=host", "--network=none", "--tmpfs=/run")
    docker_cli.run((*command, images[0], "sh", "/sbin/first-process", "sweep", lab))


def _remove(containers: list[str]) -> None:
    if not containers:
        return
    try:
        docker_cli.run(("rm", "--force", "--volumes", *containers))
    except DockerError as error:
        if not error.not_found:
            raise


def _is_running(container: str) -> bool:
    return docker_cli.run(("inspect", "--format", "{{.State.Running}}", container)) == "true"


def _write(container: str, files: Mapping[str, str]) -> None:
    """Put files into a container that is not running. Only root may read them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    docker_cli.run(("cp", "-", f"{container}:/"), stdin=buffer.getvalue())


def _read(container: str, path: str) -> str | None:
    """A file of a container, running or not; None if there is none."""
    try:
        packed = docker_cli.run_bytes(("cp", f"{container}:{path}", "-"))
    except DockerError as error:
        if "could not find" in error.said.lower() or error.not_found:
            return None
        raise
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        file = tar.extractfile(tar.getmembers()[0])
        assert file is not None
        return file.read().decode()
