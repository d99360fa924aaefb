"""The table ``[docker]``, of the fleet and of a pool."""

from ipaddress import IPv4Interface, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import DockerSettings, DockerSource
from fleet.edges.inventory.base import Table, context

_DEFAULT = DockerSettings()


class DockerTable(Table):
    """``[docker]`` of the fleet, and of a pool, whose keys go before the fleet's."""

    source: Annotated[str, AfterValidator(rules.one_of(*DockerSource))] | None = None
    version: Annotated[str, AfterValidator(rules.engine_version)] | None = None
    bip: Annotated[str, AfterValidator(rules.bip)] | None = None
    address_pool: Annotated[str, AfterValidator(rules.address_pool)] | None = Field(None, validate_default=True)
    registry_mirror: Annotated[str, AfterValidator(rules.bare_url)] | None = None

    @field_validator("version")
    @classmethod
    def _has_effect(cls, version: str | None, info: ValidationInfo) -> str | None:
        source = _in_force("source", info)
        if version and source not in {None, DockerSource.DOCKER}:
            raise rules.WrongError(f'has no effect with source = "{source}"', 'source = "docker" installs this version')
        return version

    @field_validator("address_pool")
    @classmethod
    def _apart(cls, pool: str | None, info: ValidationInfo) -> str | None:
        """Only where one of the two is written: the fleet's mistake is not told again for each pool."""
        if pool is None and info.data.get("bip") is None:
            return pool
        bip, network = _in_force("bip", info), pool or _inherited("address_pool", info)
        if bip and network and IPv4Interface(bip).network.overlaps(IPv4Network(network)):
            raise rules.WrongError(f'"{network}" overlaps bip "{bip}"', "two networks that share no address")
        return pool


def _in_force(key: str, info: ValidationInfo) -> str | None:
    """What a key of ``[docker]`` comes to: written, inherited or default; None when that is wrong itself."""
    if key not in info.data:
        return None
    own: str | None = info.data[key]
    return _inherited(key, info) if own is None else own


def _inherited(key: str, info: ValidationInfo) -> str | None:
    fleets = context(info)["docker"]
    return None if fleets is None else _merged(fleets, key)


def _merged(docker: DockerTable, key: str) -> str:
    written: str | None = getattr(docker, key)
    return str(getattr(_DEFAULT, key)) if written is None else written


def docker_of(pools: DockerTable, fleets: DockerTable) -> DockerSettings:
    """The pool's keys, then the fleet's, then the defaults. A version counts only where it is installed."""

    def chosen(key: str) -> str:
        return _merged(fleets if getattr(pools, key) is None else pools, key)

    source = DockerSource(chosen("source"))
    return DockerSettings(
        source=source,
        version=chosen("version") if source is DockerSource.DOCKER else "",
        bip=chosen("bip"),
        address_pool=chosen("address_pool"),
        registry_mirror=chosen("registry_mirror"),
    )
