"""Servers of the lab: as values first, then real ones (those need a running Docker)."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from fleet.lab import docker_cli, firewall, images, mirror, network, vps
from fleet.lab.hetzner.hypervisor import OPEN, FirewallRule, HypervisorError, PrivateAddress, ServerSpec
from fleet.lab.images import Images
from fleet.lab.network import Network
from fleet.lab.vps import DockerHypervisor

NO_IMAGES = Images("server", "server-docker", "job", "runner", "mirror")
SUBNET = Network("x", IPv4Network("10.213.7.0/24"))
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
SSH_ONLY = (FirewallRule("in", "tcp", "22", ("0.0.0.0/0", "::/0")),)


def spec(server_id: int = 1, **changes: object) -> ServerSpec:
    given: dict[str, object] = {
        "id": server_id,
        "name": f"ci-build-{server_id}",
        "image": "debian-13",
        "architecture": "x86",
        "memory_gb": 4.0,
        "cores": 2,
        "user_data": "#cloud-config\n",
        "ssh_keys": ("ssh-ed25519 AAAA op",),
    }
    return ServerSpec(**(given | changes))  # type: ignore[arg-type]


def route(destination: str, mask: str) -> str:
    return f"{ROUTES}eth0\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"


def rules_of(script: str) -> list[str]:
    return [line for line in script.splitlines() if line.startswith("-A")]


def test_cloud_init_learns_name_keys_and_user_data() -> None:
    files = vps.seed(spec(7))
    assert json.loads(files[f"{vps.SEED}/meta-data"]) == {
        "instance-id": "7",
        "local-hostname": "ci-build-7",
        "public-keys": ["ssh-ed25519 AAAA op"],
    }
    assert files[f"{vps.SEED}/user-data"] == "#cloud-config\n"


def test_a_resolver_on_the_loopback_is_not_passed_on(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\noptions edns0\n")
    real.write_text("# made by a service\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 192.0.2.54\n")
    assert vps.resolvers((stub, real)) == ("192.0.2.53", "192.0.2.54")
    assert vps.resolvers((tmp_path / "none", stub)) == ()


def test_a_subnet_with_a_route_is_not_taken() -> None:
    assert network.free_subnets(route("0000D50A", "00FFFFFF"))[0] == IPv4Network("10.213.1.0/24")


def test_a_route_to_a_wider_network_takes_all_of_it() -> None:
    assert network.free_subnets(route("0000000A", "000000FF")) == []


def test_the_default_route_takes_nothing() -> None:
    assert len(network.free_subnets(route("00000000", "00000000"))) == 256


def test_the_same_id_gets_the_same_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vps, "_addresses", lambda _: {})
    first, second = (DockerHypervisor("x", images=NO_IMAGES, network=SUBNET) for _ in range(2))
    assert first.reserve(5) == second.reserve(5) == first.reserve(5)


def test_an_address_in_use_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    there = SUBNET.server(5)
    monkeypatch.setattr(vps, "_addresses", lambda _: {5 + network.SERVERS: there})
    hypervisor = DockerHypervisor("x", images=NO_IMAGES, network=SUBNET)
    assert hypervisor.reserve(5 + network.SERVERS).ipv4 == there
    assert hypervisor.reserve(5).ipv4 == SUBNET.server(6)


def test_more_servers_than_addresses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vps, "_addresses", lambda _: {n: SUBNET.server(n) for n in range(network.SERVERS)})
    with pytest.raises(HypervisorError, match="all 245 addresses"):
        DockerHypervisor("x", images=NO_IMAGES, network=SUBNET).reserve(999)


def test_what_no_rule_lets_in_is_dropped() -> None:
    assert rules_of(firewall.script(SSH_ONLY)) == [
        "-A FLEET-LAB-IN -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
        "-A FLEET-LAB-IN -s 0.0.0.0/0 -p tcp --dport 22 -j RETURN",
        "-A FLEET-LAB-IN -j DROP",
    ]


def test_ports_and_sources_are_written_as_iptables_reads_them() -> None:
    rules = (
        FirewallRule("in", "tcp", "80-85", ("192.0.2.0/24", "198.51.100.1/32")),
        FirewallRule("in", "udp", "any", ("2001:db8::/32",)),
        FirewallRule("in", "icmp", None, ("0.0.0.0/0",)),
    )
    assert rules_of(firewall.script(rules))[1:-1] == [
        "-A FLEET-LAB-IN -s 192.0.2.0/24 -p tcp --dport 80:85 -j RETURN",
        "-A FLEET-LAB-IN -s 198.51.100.1/32 -p tcp --dport 80:85 -j RETURN",
        "-A FLEET-LAB-IN -s 0.0.0.0/0 -p icmp -j RETURN",
    ]


def test_going_out_is_free_until_there_is_a_rule_for_it() -> None:
    assert not any("FLEET-LAB-OUT" in line for line in rules_of(firewall.script(SSH_ONLY)))
    out = (FirewallRule("out", "tcp", "443", (), ("0.0.0.0/0",)),)
    assert rules_of(firewall.script(out))[-2:] == [
        "-A FLEET-LAB-OUT -d 0.0.0.0/0 -p tcp --dport 443 -j RETURN",
        "-A FLEET-LAB-OUT -j DROP",
    ]


# From here on: real servers.


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab for the tests of this file, and how to log in to its servers."""

    name: str
    hypervisor: DockerHypervisor
    images: Images
    network: Network
    folder: Path

    def key(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
        return path

    def spec(self, server_id: int, image: str = "debian-13", private: tuple[PrivateAddress, ...] = ()) -> ServerSpec:
        """A server with a host key of ours, known before its first connection."""
        host_key = self.key(f"host{server_id}")
        public = host_key.with_suffix(".pub").read_text()
        address = self.hypervisor.reserve(server_id).ipv4
        with (self.folder / "known_hosts").open("a") as known:
            known.write(f"{address} {public}")
        keys = {"ed25519_private": host_key.read_text(), "ed25519_public": public}
        user_data = "#cloud-config\n" + json.dumps({"ssh_deletekeys": True, "ssh_keys": keys})
        login = self.key("operator").with_suffix(".pub").read_text().strip()
        return spec(server_id, image=image, user_data=user_data, ssh_keys=(login,), private=private)

    def ssh(self, server_id: int, command: str) -> subprocess.CompletedProcess[str]:
        options = {
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "ConnectTimeout": 2,
            "BatchMode": "yes",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        address = self.hypervisor.reserve(server_id).ipv4
        login = ("-i", str(self.key("operator")), f"root@{address}", command)
        return subprocess.run(
            ["ssh", "-F", "none", *given, *login], capture_output=True, text=True, timeout=300, check=False
        )

    def booted(self, server_id: int) -> str:
        """What cloud-init and systemd say once SSH answers; a wrong host key fails at once."""
        until = time.monotonic() + 60
        while (
            done := self.ssh(server_id, "cloud-init status --wait; systemctl is-system-running --wait")
        ).stdout == "":
            assert "verification failed" not in done.stderr
            assert time.monotonic() < until, done.stderr
            time.sleep(0.1)
        return done.stdout

    def answers(self, server_id: int) -> bool:
        return self.ssh(server_id, "true").returncode == 0

    def listens(self, server_id: int, port: int) -> bool:
        """True once the port takes a connection; False if it stays silent for two seconds."""
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection((self.hypervisor.reserve(server_id).ipv4 or "", port), 1).close()
                return True
            time.sleep(0.05)
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder, name = tmp_path_factory.mktemp("lab"), f"test{os.getpid()}"
    runner = folder / "runner.py"
    runner.write_text("pass\n")
    made = images.make(runner, lambda _: None)
    try:
        net = network.ensure(name)
        yield Lab(name, DockerHypervisor(name, images=made, network=net), made, net, folder)
    finally:
        vps.remove_all(name)


@contextlib.contextmanager
def server(
    lab: Lab, server_id: int, image: str = "debian-13", private: tuple[PrivateAddress, ...] = ()
) -> Iterator[ServerSpec]:
    wanted = lab.spec(server_id, image, private)
    lab.hypervisor.create(wanted)
    try:
        lab.booted(server_id)
        yield wanted
    finally:
        lab.hypervisor.delete(server_id)


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_server_boots_clean_with_the_host_key_it_was_given(lab: Lab) -> None:
    wanted = lab.spec(1)
    addresses = lab.hypervisor.create(wanted)
    assert addresses == lab.hypervisor.reserve(1)
    assert lab.booted(1).split() == ["status:", "done", "running"]
    assert lab.ssh(1, "hostname").stdout == "ci-build-1\n"
    status = json.loads(lab.ssh(1, "cloud-init status --format json").stdout)
    assert (status["errors"], status["recoverable_errors"]) == ([], {})
    lab.hypervisor.delete(1)
    lab.hypervisor.delete(1)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_docker_installs_in_a_server_and_pulls_hub_names_from_the_mirror(lab: Lab) -> None:
    own = mirror.start(lab.network, lab.images.mirror)
    own.push({"gitea/act_runner:0.0.1": lab.images.job, "lab/job:latest": lab.images.job}, lambda _: None)
    assert own.has("gitea/act_runner:0.0.1")
    assert own.has("lab/job")
    assert not own.has("gitea/act_runner:0.0.2")
    settings = json.dumps({"bip": "172.17.0.1/16", "registry-mirrors": [own.url]})
    packages = "docker.io docker-cli docker-compose"
    with server(lab, 2):
        done = lab.ssh(
            2,
            f"set -e; mkdir -p /etc/docker; echo '{settings}' >/etc/docker/daemon.json; export "
            "DEBIAN_FRONTEND=noninteractive; apt-get -qq update; apt-get -qq install --no-install-recommends "
            f"{packages} >/dev/null 2>&1; docker run --rm gitea/act_runner:0.0.1 git --version 2>/dev/null; "
            "docker compose version --short; ip -4 -br address show docker0; systemctl is-system-running",
        )
        assert done.returncode == 0, done.stderr
        git, compose, bridge, state = done.stdout.splitlines()
    assert git.startswith("git version")
    assert compose.startswith("2.")
    assert bridge.split()[2] == "172.17.0.1/16"
    assert state == "running"


@pytest.mark.e2e
def test_the_app_image_has_docker_from_the_start(lab: Lab) -> None:
    with server(lab, 3, "docker-ce"):
        assert lab.ssh(3, "docker info --format '{{.Driver}}'").stdout == "overlay2\n"


@pytest.mark.e2e
def test_a_server_keeps_its_disk_through_reset_and_power_and_loses_it_in_a_rebuild(lab: Lab) -> None:
    with server(lab, 4) as wanted:
        lab.ssh(4, "touch /root/mark /var/lib/docker/mark; sync")
        lab.hypervisor.reset(4)
        lab.booted(4)
        lab.hypervisor.power(4, False)
        lab.hypervisor.power(4, False)
        assert not lab.answers(4)
        lab.hypervisor.power(4, True)
        lab.hypervisor.power(4, True)
        lab.booted(4)
        lab.ssh(4, "systemctl reboot")
        assert not lab.answers(4)
        lab.booted(4)
        assert lab.ssh(4, "ls /root/mark /var/lib/docker/mark").returncode == 0
        assert lab.hypervisor.rebuild(wanted) == lab.hypervisor.reserve(4)
        assert lab.booted(4).split() == ["status:", "done", "running"]
        assert lab.ssh(4, "ls -A /root/mark /var/lib/docker/mark").stdout == ""


@pytest.mark.e2e
def test_a_firewall_holds_at_once_and_through_a_rebuild(lab: Lab) -> None:
    with server(lab, 5) as wanted:
        lab.ssh(5, "systemd-run --quiet python3 -m http.server 8000")
        assert lab.listens(5, 8000)
        lab.hypervisor.firewall(5, SSH_ONLY)
        assert lab.answers(5)
        assert not lab.listens(5, 8000)
        lab.hypervisor.firewall(5, OPEN)
        assert lab.listens(5, 8000)
        lab.hypervisor.firewall(5, ())
        assert not lab.answers(5)
        lab.hypervisor.rebuild(wanted)
        assert not lab.answers(5)
        lab.hypervisor.firewall(5, SSH_ONLY)
        lab.booted(5)


@pytest.mark.e2e
def test_a_private_network_joins_its_servers_and_nobody_else_gets_in(lab: Lab) -> None:
    ours = "10.212.77.0/24"
    places = {number: (PrivateAddress(60_001, ours, f"10.212.77.{number}"),) for number in (7, 8)}
    with server(lab, 7, private=places[7]) as wanted, server(lab, 8, private=places[8]):
        lab.hypervisor.firewall(7, SSH_ONLY)
        for number in (7, 8):
            lab.ssh(number, "systemd-run --quiet python3 -m http.server 8000")
        look = "curl --silent --output /dev/null --max-time 3 --write-out '%{http_code}' http://10.212.77.7:8000/"
        until = time.monotonic() + 10
        while (found := lab.ssh(8, look).stdout) != "200" and time.monotonic() < until:
            time.sleep(0.1)
        assert found == "200"
        # By its public address the firewall is in front of it; the private one is not known out there.
        assert not lab.listens(7, 8000)
        other = docker_cli.run(
            ("run", "--rm", "--network", lab.network.name, "--entrypoint=sh", lab.images.job, "-c", f"{look} || true")
        )
        assert other == "000"
        assert lab.hypervisor.reserve(7) == DockerHypervisor(lab.name, images=lab.images, network=lab.network).reserve(
            7
        )
        lab.hypervisor.rebuild(wanted)
        lab.booted(7)
        assert "10.212.77.7/24" in lab.ssh(7, "ip -4 -br address").stdout
    lab.hypervisor.remove_network(60_001)
    lab.hypervisor.remove_network(60_001)


@pytest.mark.e2e
def test_a_server_that_drops_ssh_can_be_told_to_answer_again(lab: Lab) -> None:
    with server(lab, 6):
        for _ in range(2):
            lab.hypervisor.drop_ssh(6, True)
        assert not lab.answers(6)
        for _ in range(2):
            lab.hypervisor.drop_ssh(6, False)
        assert lab.answers(6)


@pytest.mark.e2e
def test_another_process_finds_the_servers_and_removes_all(lab: Lab) -> None:
    name = f"{lab.name}b"
    net = network.ensure(name)
    try:
        assert network.ensure(name) == net
        assert not net.subnet.overlaps(lab.network.subnet)
        hypervisor = DockerHypervisor(name, images=lab.images, network=net)
        address = hypervisor.create(spec(9)).ipv4
        another = DockerHypervisor(name, images=lab.images, network=net)
        assert another.reserve(9).ipv4 == address
        assert another.reserve(9 + network.SERVERS).ipv4 != address
        volumes = docker_cli.run(("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", f"{net.name}-9")).split()
    finally:
        vps.remove_all(name)
    vps.remove_all(name)
    assert network.find(name) is None
    assert docker_cli.run(("ps", "-aq", "--filter", f"label=fleet.lab={name}")) == ""
    left = docker_cli.run(("volume", "ls", "--quiet")).split()
    assert volumes
    assert not set(volumes) & set(left)
    assert not list(Path("/sys/fs/cgroup").glob(f"unified/fleet-lab-{name}.*"))


@pytest.mark.e2e
def test_work_on_a_server_that_is_not_there_is_explained(lab: Lab) -> None:
    with pytest.raises(HypervisorError, match="No such container"):
        lab.hypervisor.reset(77)
