"""All tables but those of pools, and the inventory as a whole."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import CronSettings, GiteaSettings, HetznerSettings, SshSettings
from fleet.core.names import POOL_NAME
from fleet.edges.inventory.base import Machines, SecretKey, Table, beside, context
from fleet.edges.inventory.cache import CacheTable
from fleet.edges.inventory.docker import DockerTable
from fleet.edges.inventory.hosts import refuse_shared
from fleet.edges.inventory.notify import NotifyTable
from fleet.edges.inventory.pool import PoolTable
from fleet.edges.inventory.tailnet import Route, TailnetTable, reached_inside_or
from fleet.edges.inventory.trust import ProxyTable, RegistryName, RegistryTable, certificates
from fleet.edges.inventory.upkeep import UpkeepTable

_GITEA = GiteaSettings(url="", runner_url="")
_HETZNER = HetznerSettings()
_SSH = SshSettings()
_CRON = CronSettings()

_Url = Annotated[str, AfterValidator(rules.url)]
_FleetName = Annotated[
    str,
    AfterValidator(rules.fleet_name),
]
_PoolName = Annotated[
    str,
    AfterValidator(
        rules.form(POOL_NAME, "pool name", "a small letter, then small letters, digits and inner -, at most 30")
    ),
]
_Argument = Annotated[str, AfterValidator(rules.form(r"[^\0]+", "word", "a command, word by word"))]


class GiteaTable(Table):
    url: _Url
    runner_url: _Url | None = None
    scope: Annotated[str, AfterValidator(rules.scope)] = str(_GITEA.scope)
    ca: Annotated[str, AfterValidator(certificates)] = _GITEA.ca
    token: SecretKey = _GITEA.token


class HetznerTable(Table):
    endpoint: Annotated[str, AfterValidator(rules.endpoint)] = _HETZNER.endpoint
    token: SecretKey = _HETZNER.token


class SshTable(Table):
    key: Annotated[str, AfterValidator(rules.key_path)] = _SSH.key
    agent: bool = _SSH.agent
    passphrase: SecretKey | None = _SSH.passphrase
    authorized_keys: Annotated[
        list[Annotated[str, AfterValidator(rules.public_key)]], AfterValidator(rules.each_once)
    ] = []
    route: Route = _SSH.route.value
    allow_from: Annotated[
        list[Annotated[str, AfterValidator(rules.network_or_me)]],
        AfterValidator(reached_inside_or(rules.reachable)),
        AfterValidator(rules.each_once),
    ] = list(_SSH.allow_from)
    address_from: Annotated[str, AfterValidator(rules.address_from)] = _SSH.address_from


class CronTable(Table):
    minutes: Annotated[int, AfterValidator(rules.cron_minutes)] = _CRON.minutes
    ping_url: Annotated[str, AfterValidator(rules.ping_url)] = _CRON.ping_url
    alert: list[_Argument] = list(_CRON.alert)
    prometheus: Annotated[str, AfterValidator(rules.metrics_file), AfterValidator(beside)] = _CRON.prometheus


class InventoryTable(Table):
    name: _FleetName
    gitea: GiteaTable
    hetzner: HetznerTable = Field(default_factory=HetznerTable)
    ssh: SshTable = Field(default_factory=SshTable)
    tailnet: TailnetTable | None = None
    docker: DockerTable = Field(default_factory=DockerTable.model_construct)
    proxy: ProxyTable = Field(default_factory=ProxyTable)
    registries: dict[RegistryName, RegistryTable] = {}
    pools: Annotated[dict[_PoolName, PoolTable], AfterValidator(rules.some_pool)]
    cache: CacheTable = Field(default_factory=CacheTable.model_construct)
    max: Machines | None = None
    max_eur_per_hour: Annotated[Decimal, PlainValidator(rules.euros)] | None = None
    cron: CronTable = Field(default_factory=CronTable)
    notify: NotifyTable = Field(default_factory=NotifyTable)
    upkeep: UpkeepTable = Field(default_factory=UpkeepTable)

    @field_validator("ssh")
    @classmethod
    def _ssh_is_known(cls, table: SshTable, info: ValidationInfo) -> SshTable:
        context(info)["ssh"] = table
        return table

    @field_validator("pools", mode="before")
    @classmethod
    def _hand_down(cls, pools: object, info: ValidationInfo) -> object:
        context(info)["docker"] = info.data.get("docker")
        gitea: GiteaTable | None = info.data.get("gitea")
        context(info)["gitea"] = (gitea.runner_url or gitea.url) if gitea else ""
        return pools

    @field_validator("pools")
    @classmethod
    def _each_host_once(cls, pools: dict[str, PoolTable]) -> dict[str, PoolTable]:
        refuse_shared({name: pool.hosts for name, pool in pools.items()})
        return pools

    @field_validator("cache", mode="before")
    @classmethod
    def _show_the_pools(cls, cache: object, info: ValidationInfo) -> object:
        pools = info.data.get("pools") or {}
        joined = info.data.get("tailnet") is not None and all(one.tailnet is not False for one in pools.values())
        context(info).update(fleet=info.data.get("name"), pools=pools, joined=joined)
        return cache

    @field_validator("max")
    @classmethod
    def _enough_for_min(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = sum(pool.min for pool in info.data.get("pools", {}).values())
        if most is not None and most < least:
            raise rules.WrongError(f"{most} is less than the min of all pools together", f"that is {least}")
        return most
