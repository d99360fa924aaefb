"""``[[pools.NAME.hosts]]``: static hosts."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import HostState, StaticHost
from fleet.core.names import HOST_NAME
from fleet.edges.inventory.base import Table

_PLAIN = StaticHost("", "")


class HostTable(Table):
    name: Annotated[
        str,
        AfterValidator(
            rules.form(
                HOST_NAME, "name of a host", "a small letter, then small letters, digits and inner -, at most 30"
            )
        ),
    ]
    address: Annotated[
        str,
        AfterValidator(
            rules.form(
                r"[A-Za-z0-9_:][A-Za-z0-9._:%-]*", "address", "a host name, an IP address, or a Host of ssh_config"
            )
        ),
    ]
    user: (
        Annotated[str, AfterValidator(rules.form(r"[A-Za-z_][A-Za-z0-9._-]*", "user", 'like "root" or "ann"'))] | None
    ) = None
    port: Annotated[int, AfterValidator(rules.between(1, 65535))] | None = None
    host_key: Annotated[str, AfterValidator(rules.public_key)] | None = None
    state: Annotated[str, AfterValidator(rules.one_of(*HostState))] = _PLAIN.state
    adopt: bool = _PLAIN.adopt


def host_of(table: HostTable) -> StaticHost:
    return StaticHost(
        name=table.name,
        address=table.address,
        user=table.user or "",
        port=table.port or 0,
        host_key=table.host_key or "",
        state=HostState(table.state),
        adopt=table.adopt,
    )


def names_once(tables: Sequence[HostTable]) -> Sequence[HostTable]:
    """Two hosts of a pool with one name would be one machine."""
    rules.each_once([table.name for table in tables])
    return tables


def refuse_shared(pools: Mapping[str, Sequence[HostTable]]) -> None:
    """A host serves one machine. Raises WrongError naming the second entry of an address."""
    seen: dict[tuple[str, int | None], str] = {}
    for pool, hosts in pools.items():
        for host in hosts:
            place = (host.address.lower(), host.port)
            if place in seen:
                raise rules.WrongError(f"{host.name} of {pool} has the address of {seen[place]}", "each host once")
            seen[place] = f"{host.name} of {pool}"
