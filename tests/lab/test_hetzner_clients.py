"""Two clients that nobody here wrote are content: the hcloud library and Debian's hcloud command line."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcloud
import pytest
from hcloud.firewalls.domain import FirewallResource, FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from fleet.lab.hetzner import Serving
from tests.lab.hetzner_lab import TOKEN, public_key, served


@pytest.fixture
def serving() -> Iterator[Serving]:
    with served() as (_, serving):
        yield serving


@pytest.fixture
def client(serving: Serving) -> Iterator[hcloud.Client]:
    client = hcloud.Client(TOKEN, api_endpoint=serving.url, poll_interval=0.01, timeout=(5, 30))
    yield client
    client._client._session.close()


def create(client: hcloud.Client, name: str, **more: Any) -> Any:
    response = client.servers.create(
        name=name,
        server_type=ServerType(name="cx33"),
        image=Image(name="debian-13"),
        location=Location(name="nbg1"),
        **more,
    )
    response.action.wait_until_finished()
    for action in response.next_actions:
        action.wait_until_finished()
    assert response.server.id is not None
    return client.servers.get_by_id(response.server.id)


def test_the_library_makes_changes_and_deletes_a_server(client: hcloud.Client) -> None:
    key = client.ssh_keys.create(name="me", public_key=public_key())
    server = create(client, "one", ssh_keys=[key], labels={"fleet": "ci"}, user_data="#cloud-config\n")
    assert (server.status, server.public_net.ipv4.ip) == ("running", "192.0.2.240")
    server = server.update(labels={"fleet": "ci", "held": "1"})
    assert [one.id for one in client.servers.get_all(label_selector="held=1")] == [server.id]
    server.rebuild(Image(name="debian-12"), user_data="x").action.wait_until_finished()
    server.reset().wait_until_finished()
    server.change_protection(delete=True, rebuild=True).wait_until_finished()
    with pytest.raises(hcloud.APIException) as refused:
        server.delete()
    assert refused.value.code == "protected"
    assert refused.value.correlation_id
    server.change_protection(delete=False, rebuild=False).wait_until_finished()
    server.delete().wait_until_finished()
    assert client.servers.get_by_name("one") is None


def test_the_library_keeps_a_firewall(client: hcloud.Client) -> None:
    rule = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0"])
    firewall = client.firewalls.create(name="fw", rules=[rule]).firewall
    firewall = firewall.update(labels={"fleet": "ci"})
    server = create(client, "one", firewalls=[firewall])
    assert [one.firewall.id for one in server.public_net.firewalls] == [firewall.id]
    for action in firewall.set_rules([]):
        action.wait_until_finished()
    target = FirewallResource(type=FirewallResource.TYPE_SERVER, server=server)
    for action in firewall.remove_from_resources([target]):
        action.wait_until_finished()
    assert [(one.name, one.rules) for one in client.firewalls.get_all(label_selector="fleet=ci")] == [("fw", [])]
    assert firewall.delete()


def test_the_library_reads_the_catalog(client: hcloud.Client) -> None:
    assert [kind.architecture for kind in client.server_types.get_all(name="cax11")] == ["arm"]
    assert [place.name for place in client.locations.get_all()][:2] == ["fsn1", "nbg1"]
    image = client.images.get_by_name_and_architecture("docker-ce", "arm")
    assert image is not None
    assert image.type == "app"
    for kind in (client.isos, client.volumes, client.networks, client.placement_groups, client.floating_ips):
        assert kind.get_all() == []
    assert client.load_balancers.get_all() == client.certificates.get_all() == []


def test_the_library_walks_all_pages(client: hcloud.Client) -> None:
    for number in range(60):
        client.servers.create(name=f"s{number}", server_type=ServerType(name="cx23"), image=Image(name="debian-13"))
    assert len(client.servers.get_all()) == 60
    assert len(client.primary_ips.get_all()) == 120


class CommandLine:
    """Debian's hcloud, pointed at the emulated API."""

    def __init__(self, url: str, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HCLOUD_ENDPOINT": url,
            "HCLOUD_TOKEN": TOKEN,
        }

    def __call__(self, *words: str, fails: bool = False) -> str:
        ran = subprocess.run(
            ["hcloud", *words], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode != 0) is fails, ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture
def command(serving: Serving, tmp_path: Path) -> CommandLine:
    if shutil.which("hcloud") is None:
        pytest.fail("the hcloud command line is missing: apt-get install hcloud-cli")
    (tmp_path / "key.pub").write_text(public_key())
    return CommandLine(serving.url, tmp_path)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("noun", "name"),
    [("server-type", "cx33"), ("location", "nbg1"), ("image", "debian-13")],
)
def test_the_command_line_lists_and_describes_what_is_on_offer(command: CommandLine, noun: str, name: str) -> None:
    assert name in command(noun, "list")
    assert name in command(noun, "describe", name)


@pytest.mark.e2e
def test_the_command_line_makes_labels_and_deletes_a_server(command: CommandLine, tmp_path: Path) -> None:
    command("ssh-key", "create", "--name", "me", "--public-key-from-file", str(tmp_path / "key.pub"))
    command("firewall", "create", "--name", "fw")
    rule = ("--direction", "in", "--protocol", "tcp", "--port", "22", "--source-ips", "0.0.0.0/0")
    command("firewall", "add-rule", "fw", *rule)
    wish = ("--name", "one", "--type", "cx33", "--image", "debian-13", "--location", "nbg1")
    made = command("server", "create", *wish, "--ssh-key", "me", "--firewall", "fw", "--label", "fleet=ci")
    assert "IPv4: 192.0.2.240" in made
    for noun, name in (("server", "one"), ("ssh-key", "me"), ("firewall", "fw")):
        assert name in command(noun, "list")
        assert name in command(noun, "describe", name)
    command("server", "add-label", "one", "held=yes")
    assert "one" in command("server", "list", "--selector", "fleet=ci,held=yes")
    command("server", "remove-label", "one", "held")
    assert "one" not in command("server", "list", "--selector", "held")
    assert "resource_in_use" in command("firewall", "delete", "fw", fails=True)
    command("server", "delete", "one")
    assert "server not found: one" in command("server", "describe", "one", fails=True)
    assert "primary_ip" not in command("primary-ip", "list")
    command("firewall", "delete", "fw")
    command("ssh-key", "delete", "me")


@pytest.mark.e2e
def test_the_command_line_switches_and_rebuilds_a_server(command: CommandLine) -> None:
    command("server", "create", "--name", "one", "--type", "cpx22", "--image", "debian-12")
    for word in ("poweroff", "poweron", "reset", "reboot", "shutdown"):
        command("server", word, "one")
    command("server", "rebuild", "one", "--image", "debian-13")
    command("server", "enable-protection", "one", "delete", "rebuild")
    assert "protected" in command("server", "delete", "one", fails=True)
    command("server", "disable-protection", "one", "delete", "rebuild")
    command("server", "delete", "one")


@pytest.mark.e2e
@pytest.mark.parametrize("noun", ["volume", "network", "placement-group", "load-balancer", "floating-ip", "iso"])
def test_the_command_line_lists_what_nobody_has(command: CommandLine, noun: str) -> None:
    assert len(command(noun, "list").strip().splitlines()) == 1


@pytest.mark.e2e
def test_the_command_line_is_told_that_datacenters_are_gone(command: CommandLine) -> None:
    assert "deprecated_api_endpoint" in command("datacenter", "list", fails=True)
