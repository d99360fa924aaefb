"""The inventory's static hosts: what they become, and every mistake."""

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import HostState, Inventory, StaticHost
from fleet.edges.inventory import parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def inventory(hosts: str, pool: str = "") -> Inventory:
    return parse(f'name = "ci"\ngitea.url = "https://gitea.example"\n[pools.build]\n{pool}\n{hosts}', "i.toml")


def host(more: str = "", *, name: str = "desk", address: str = "192.0.2.9", pool: str = "build") -> str:
    return f'[[pools.{pool}.hosts]]\nname = "{name}"\naddress = "{address}"\n{more}\n'


def problems(text: str) -> list[str]:
    with pytest.raises(InventoryError) as error:
        inventory(text)
    return [str(problem) for problem in error.value.problems]


def test_a_host_needs_a_name_and_an_address() -> None:
    assert inventory(host()).pools[0].hosts == (StaticHost("desk", "192.0.2.9"),)


def test_all_that_can_be_said_of_a_host() -> None:
    lines = f'user = "ann"\nport = 2222\nhost_key = "{KEY} desk"\nstate = "absent"\nadopt = true'
    (one,) = inventory(host(lines, address="desk-alias")).pools[0].hosts
    assert (one.address, one.user, one.port) == ("desk-alias", "ann", 2222)
    assert one.host_key.startswith(KEY)
    assert (one.state, one.adopt) == (HostState.ABSENT, True)


@pytest.mark.parametrize(
    ("pool", "hosts", "least", "most"),
    [("", "", 1, 1), ("", host(), 0, 0), ("max = 3", host(), 0, 3), ("min = 2", host(), 2, 2)],
)
def test_a_pool_with_hosts_rents_none_unless_it_says_so(pool: str, hosts: str, least: int, most: int) -> None:
    (one,) = inventory(hosts, pool).pools
    assert (one.min, one.max) == (least, most)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("port = 0", "pools.build.hosts[0].port"),
        ('user = "a b"', "pools.build.hosts[0].user"),
        ('host_key = "AAAA"', "pools.build.hosts[0].host_key"),
        ('state = "gone"', "pools.build.hosts[0].state"),
        ('adopt = "yes"', "pools.build.hosts[0].adopt"),
        ('key = "x"', "pools.build.hosts[0].key: is an unknown key"),
    ],
)
def test_each_mistake_is_told_with_its_path(more: str, said: str) -> None:
    (one,) = problems(host(more))
    assert one.startswith(said)


@pytest.mark.parametrize("name", ["Desk", "1desk", "desk.example", "desk-", "a" * 31])
def test_a_name_has_one_form(name: str) -> None:
    (one,) = problems(host(name=name))
    assert "pools.build.hosts[0].name" in one


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "ann@desk", "desk;x", ""])
def test_an_address_is_no_option_of_ssh(address: str) -> None:
    (one,) = problems(host(address=address))
    assert "pools.build.hosts[0].address" in one


def test_each_name_and_each_address_is_there_once() -> None:
    assert "desk" in problems(host() + host(address="192.0.2.10"))[0]
    other = "[pools.other]\n" + host(name="b", pool="other")
    assert "b of other has the address of desk of build" in problems(host() + other)[0]
    assert inventory(host() + host("port = 2222", name="b")).pools[0].hosts[1].port == 2222
