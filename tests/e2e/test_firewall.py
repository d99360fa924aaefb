"""The managed firewall with real packets: who reaches a machine, who does not, and whose rules stay."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.lab import docker_cli, look, network
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Json, Person, asked_of_hetzner, hetzner_post, hetzner_put, new_fleet, soon

pytestmark = pytest.mark.e2e

ME = 'ssh.allow_from = ["me"]'
PUBLISHED, CACHE = 18099, 8088
BOBS = "192.0.2.9/32"


class Stranger:
    """Another computer on the same network as the machines."""

    def __init__(self, lab: Lab) -> None:
        image = docker_cli.run(("image", "ls", "--quiet", "--filter", "reference=fleet-lab/job")).split()[0]
        labels = ("--label", f"{network.LABEL}={lab.name}", "--network", network.network_name(lab.name))
        self._id = docker_cli.run(("run", "--detach", "--rm", *labels, "--entrypoint", "sleep", image, "600"))

    def reaches(self, address: str, port: int) -> bool:
        """Whether a connection is made within two seconds. A closed port answers at once, a firewall never."""
        command = f"timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null; echo $?"
        return self.run(command) == "0"

    def gets_nothing(self, address: str, port: int) -> bool:
        """Whether not even a refusal comes back: the packet was dropped."""
        return self.run(f"timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null; echo $?") == "124"

    def run(self, command: str) -> str:
        return docker_cli.run(("exec", self._id, "bash", "-c", command))

    def leave(self) -> None:
        docker_cli.run(("rm", "--force", self._id))


@pytest.fixture(scope="module")
def stranger(lab: Lab) -> Iterator[Stranger]:
    made = Stranger(lab)
    yield made
    made.leave()


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine, made with ``"me"``; the tests of this file go on from what the one before has left."""
    fleet = new_fleet(somebody, lab)
    wish(fleet, ME)
    fleet.must("up", "--yes")
    yield fleet
    wish(fleet, ME)
    fleet.must("down", "--yes")
    assert (fleet.servers(), fleet.runners()) == ([], [])


def wish(fleet: Fleet, access: str) -> None:
    fleet.wish(top=f'{access}\nssh.address_from = "{fleet.lab.address_from}"')


def firewall(fleet: Fleet) -> Any:
    found = look.hetzner(fleet.lab, "/firewalls")["firewalls"]
    return next(one for one in found if one["name"] == f"fleet-{fleet.name}")


def sources(fleet: Fleet) -> list[str]:
    """The networks that may reach SSH."""
    return sorted(source for rule in firewall(fleet)["rules"] if rule["port"] == "22" for source in rule["source_ips"])


def address(fleet: Fleet) -> str:
    return str(fleet.servers()[0]["public_net"]["ipv4"]["ip"])


def ours(lab: Lab) -> str:
    """The address we come from, as the machines see it."""
    net = network.find(lab.name)
    assert net is not None
    return f"{net.gateway}/32"


def add_rules(fleet: Fleet, *more: Json) -> None:
    """As another operator, or a person in the Console, would."""
    found = firewall(fleet)
    hetzner_post(fleet.lab, f"/firewalls/{found['id']}/actions/set_rules", {"rules": [*found["rules"], *more]})


def rule_of_bob(until: datetime) -> Json:
    text = f"fleet: SSH for bob@desk until {until:%Y-%m-%dT%H:%M:%SZ}"
    return {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": [BOBS], "description": text}


def test_ssh_from_an_address_that_is_not_let_in_gets_nothing(fleet: Fleet, stranger: Stranger, lab: Lab) -> None:
    assert sources(fleet) == [ours(lab)]
    assert stranger.gets_nothing(address(fleet), 22)
    assert fleet.must("status", "--check").code == 0, "and we are let in"


def test_neither_the_cache_nor_a_jobs_port_is_answered_from_outside(fleet: Fleet, stranger: Stranger) -> None:
    """The job starts a container that publishes a port, reaches it and the cache, and waits while we knock."""
    job = fleet.push(
        f"docker run --detach --rm --name web --publish {PUBLISHED}:80 fleet-lab/job:latest python3 -m http.server 80"
        f" && host=$(docker network inspect bridge --format '{{{{(index .IPAM.Config 0).Gateway}}}}')"
        f" && curl --silent --retry 9 --retry-all-errors --output /dev/null http://$host:{PUBLISHED}/"
        f" && curl --silent --output /dev/null http://$host:{CACHE}/ && touch /tmp/reached"
        " && docker exec web touch /tmp/reached && sleep 12 && docker rm --force web"
    )
    soon(lambda: "reached" in fleet.inside("docker exec web ls /tmp 2>/dev/null || true"), seconds=60)
    listening = fleet.inside("ss -ltn")
    assert f":{PUBLISHED}" in listening
    assert f":{CACHE}" in listening
    assert stranger.gets_nothing(address(fleet), PUBLISHED)
    assert stranger.gets_nothing(address(fleet), CACHE)
    assert job.ends() == "success"


def test_rules_are_changed_in_place_when_the_inventory_changes(fleet: Fleet, stranger: Stranger, lab: Lab) -> None:
    number = firewall(fleet)["id"]
    subnet = network.find(lab.name)
    assert subnet is not None
    wish(fleet, f'ssh.allow_from = ["{subnet.subnet}"]')
    assert "not what they should be" in fleet.must("plan").said
    assert stranger.gets_nothing(address(fleet), 22), "a plan changes nothing"
    fleet.must("scale")
    assert firewall(fleet)["id"] == number
    assert stranger.reaches(address(fleet), 22)
    wish(fleet, ME)
    fleet.must("up")
    assert sources(fleet) == [ours(lab)]
    assert stranger.gets_nothing(address(fleet), 22)


def test_rules_of_others_stay_and_one_whose_time_is_over_goes(fleet: Fleet, lab: Lab) -> None:
    now = datetime.now(UTC)
    web = {"direction": "in", "protocol": "tcp", "port": "443", "source_ips": ["0.0.0.0/0"], "description": "web"}
    add_rules(fleet, rule_of_bob(now + timedelta(hours=1)), rule_of_bob(now - timedelta(minutes=1)), web)
    fleet.must("scale", "--quiet")
    kept = [rule["description"] for rule in firewall(fleet)["rules"]]
    assert rule_of_bob(now + timedelta(hours=1))["description"] in kept
    assert rule_of_bob(now - timedelta(minutes=1))["description"] not in kept
    assert "web" in kept
    assert '"web": in tcp 443' in fleet.must("status").said


def test_a_pass_with_nothing_to_do_asks_little_and_writes_no_rule(fleet: Fleet) -> None:
    before = len(asked_of_hetzner(fleet.lab))
    fleet.must("scale", "--quiet")
    asked = asked_of_hetzner(fleet.lab)[before:]
    assert len(asked) <= 10, [f"{one['method']} {one['path']}" for one in asked]
    assert not [one for one in asked if "set_rules" in one["path"]]


def test_fleet_ssh_leads_to_the_machine_and_gives_its_exit_code(fleet: Fleet) -> None:
    assert shutil.which("ssh"), "OpenSSH's client is there where the lab is"
    name = f"{fleet.name}-build-1"
    assert fleet.must("ssh", name, "--", "hostname").out.strip() == name
    assert fleet.type("ssh", name, "--", "exit 7").code == 7


def test_fleet_ssh_refuses_an_impostor(fleet: Fleet) -> None:
    """The machine's tag says another key than the one that answers."""
    server = fleet.servers()[0]
    right = server["labels"]["hostkey"]
    wrong = ("b" if right[0] == "a" else "a") + right[1:]
    _set_tag(fleet, server, wrong)
    try:
        typed = fleet.type("ssh", server["name"], "--", "true")
        assert typed.code == 255
        assert "Host key verification failed" in typed.err
    finally:
        _set_tag(fleet, server, right)


def test_open_lets_us_in_beside_what_the_inventory_says(fleet: Fleet, lab: Lab) -> None:
    wish(fleet, 'ssh.allow_from = ["203.0.113.0/24"]')
    fleet.must("scale", "--dry-run")
    said = fleet.must("ssh", "--open").err
    assert f"open to {ours(lab)} for 30 minutes" in said
    assert sources(fleet) == sorted([BOBS, "203.0.113.0/24", ours(lab)])
    assert fleet.must("ssh", f"{fleet.name}-build-1", "--", "true").code == 0


def _set_tag(fleet: Fleet, server: Json, hostkey: str) -> None:
    labels = {**server["labels"], "hostkey": hostkey}
    hetzner_put(fleet.lab, f"/servers/{server['id']}", {"labels": labels})
