"""The tables of a pool."""

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator, model_validator

from fleet.core import inventory_rules as rules
from fleet.core.belongings import NUMBER
from fleet.core.inventory import DockerSettings, Pool, RunnerSettings
from fleet.core.known_bad import known_bad
from fleet.core.labels import DEFAULT_LABELS
from fleet.core.runner_version import DEFAULT_RUNNER, read_runner
from fleet.edges.inventory.base import Machines, Table, Word, Words, context
from fleet.edges.inventory.docker import DockerTable, docker_of
from fleet.edges.inventory.hosts import HostTable, names_once
from fleet.edges.inventory.tailnet import Joins

# x86, at least 8 GB and 80 GB; two families, because one of them is often sold out everywhere.
DEFAULT_TYPES = ("cx33", "cpx32", "cx43", "cpx42")
DEFAULT_LOCATIONS = ("hel1", "nbg1", "fsn1")

_RUNNER = RunnerSettings(image="", labels=())
_POOL = Pool(name="", runner=_RUNNER)

_Package = Annotated[
    str,
    AfterValidator(rules.form(r"[a-z0-9][a-z0-9+.-]+(=[\w.+~:-]+)?", "package", 'like "git-lfs" or "git-lfs=3.6.1-1"')),
]
_Named = Annotated[str, AfterValidator(rules.hetzner_name)]
_Command = Annotated[str, AfterValidator(rules.form(r"[^\0]*\S[^\0]*", "command", "a line of shell"))]


def _cron_expression(text: str) -> str:
    """As Debian's cron reads it. cronsim would take a sixth field, seconds."""
    allowed = 'minute, hour, day of month, month, day of week, like "0 8 * * MON-FRI"'
    if len(text.split()) != 5:
        raise rules.WrongError(f"{json.dumps(text)} has not five fields", allowed)
    try:
        CronSim(text, datetime.now(UTC))
    except CronSimError as error:
        wrong = f"{json.dumps(text)} is no cron expression: {str(error).lower()}"
        raise rules.WrongError(wrong, allowed) from None
    return text


def _zone(name: str) -> str:
    """A name of the time zone database of this computer; ZoneInfo's errors for other names are of many kinds."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    known = sorted(available_timezones())
    cities = (zone for zone in known if zone.rpartition("/")[2].casefold() == name.casefold())
    near = f'did you mean "{city}"?' if (city := next(cities, "")) else rules.nearest(name, known)
    raise rules.WrongError(f"{json.dumps(name)} is no time zone", near or 'like "Europe/Berlin"')


class ScheduleTable(Table):
    """``[[pools.NAME.schedule]]``."""

    start: Annotated[str, AfterValidator(_cron_expression)]
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    seconds: Annotated[int, PlainValidator(rules.duration)] = Field(alias="for")
    min: Machines | None = None
    idle: Machines | None = None

    @field_validator("min", "idle")
    @classmethod
    def _not_above_max(cls, machines: int | None, info: ValidationInfo) -> int | None:
        _refuse_above(context(info)["max"], machines)
        return machines

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.min is None and self.idle is None:
            raise rules.WrongError("has no effect", "min, idle or both")
        return self


def _refuse_above(most: int | None, machines: int | None) -> None:
    if most is not None and machines is not None and machines > most:
        raise rules.WrongError(f"{machines} is more than max", f"max is {most}")


class PoolTable(Table):
    """A pool. Keys that a check compares stand before it: it is handed those that were right."""

    hosts: Annotated[list[HostTable], AfterValidator(names_once)] = []
    # A pool that has hosts rents none beside them unless it says so.
    min: Machines = Field(default_factory=lambda data: 0 if data.get("hosts") else _POOL.min)
    max: Machines | None = None
    idle: Machines = _POOL.idle
    priority: int = _POOL.priority
    schedule: list[ScheduleTable] = []
    types: Words = list(DEFAULT_TYPES)
    locations: Words = list(DEFAULT_LOCATIONS)
    image: Word = _POOL.image
    runner: Annotated[str, AfterValidator(rules.runner)] = DEFAULT_RUNNER
    labels: Annotated[
        list[Annotated[str, AfterValidator(rules.label)]],
        AfterValidator(rules.not_empty),
        AfterValidator(rules.labels_once),
    ] = list(DEFAULT_LABELS)
    capacity: Annotated[int, AfterValidator(rules.between(1, 64))] = _RUNNER.capacity
    log_level: Annotated[str, AfterValidator(rules.one_of("trace", "debug", "info", "warn", "error", "fatal"))] = (
        _RUNNER.log_level
    )
    cache_port: Annotated[int, AfterValidator(rules.between(1024, 65535))] = _RUNNER.cache_port
    job_timeout: Annotated[int, PlainValidator(rules.duration)] = _RUNNER.job_timeout
    config: Annotated[dict[str, Any], AfterValidator(rules.config)] = {}
    packages: Annotated[list[_Package], AfterValidator(rules.each_once)] = []
    commands: list[_Command] = []
    tailnet: Joins = None
    ipv4: bool = _POOL.ipv4
    nat64: bool = _POOL.nat64
    placement_group: Annotated[str, AfterValidator(rules.hetzner_name_or_none)] = _POOL.placement_group
    networks: Annotated[list[_Named], AfterValidator(rules.each_once)] = []
    firewalls: Annotated[list[_Named], AfterValidator(rules.each_once), AfterValidator(rules.few_firewalls)] = []
    volumes: Annotated[list[_Named], AfterValidator(rules.each_once)] = []
    docker: DockerTable = Field(default_factory=DockerTable.model_construct, validate_default=True)

    @field_validator("max")
    @classmethod
    def _not_below_min(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("min")
        if most is not None and least is not None and most < least:
            raise rules.WrongError(f"{most} is less than min", f"min is {least}")
        return most

    @field_validator("nat64")
    @classmethod
    def _is_needed(cls, nat64: bool, info: ValidationInfo) -> bool:
        if nat64 and info.data.get("ipv4"):
            raise rules.WrongError("has no effect", "it is for pools with ipv4 = false")
        return nat64

    @field_validator("volumes")
    @classmethod
    def _one_each(cls, volumes: list[str], info: ValidationInfo) -> list[str]:
        shared = [name for name in volumes if NUMBER not in name]
        if shared and (_most(info) or 0) > 1:
            wrong = f'"{shared[0]}" is one volume for {_most(info)} machines'
            raise rules.WrongError(wrong, f'"{shared[0]}-{NUMBER}": the number of the machine')
        return volumes

    @field_validator("idle")
    @classmethod
    def _not_above_max(cls, idle: int, info: ValidationInfo) -> int:
        _refuse_above(_most(info), idle)
        return idle

    @field_validator("schedule", mode="before")
    @classmethod
    def _hand_down(cls, schedule: object, info: ValidationInfo) -> object:
        context(info)["max"] = _most(info)
        return schedule

    @field_validator("docker")
    @classmethod
    def _fits(cls, docker: DockerTable, info: ValidationInfo) -> DockerTable:
        if (fleets := context(info)["docker"]) is not None:
            settings = docker_of(docker, fleets)
            _refuse_engine(settings, info.data.get("runner"))
            _refuse_crowd(settings, info.data.get("capacity"))
            if _most(info):
                _refuse_giteas_own(settings, context(info)["gitea"])
        return docker


def _most(info: ValidationInfo) -> int | None:
    """The pool's max, which is min where it is not written; None when that is wrong itself."""
    most: int | None = info.data.get("max")
    return info.data.get("min") if most is None and "max" in info.data else most


def _refuse_engine(docker: DockerSettings, runner: str | None) -> None:
    """What breaks jobs. What breaks some of them only is doctor's to tell."""
    found = known_bad(docker.version, read_runner(runner)) if runner else ()
    if bad := next((one for one in found if one.breaks), None):
        raise rules.WrongError(bad.sentence, bad.fix)


def _refuse_giteas_own(docker: DockerSettings, gitea: str) -> None:
    """A Gitea at an address that a server's Docker takes for its own is reached by nothing there. On a static host its
    Docker has the word: Gitea itself may run there."""
    address = _address_in(gitea)
    for key, text in (("bip", docker.bip), ("address_pool", docker.address_pool)):
        if address is not None and address in ip_network(text, strict=False):
            raise rules.WrongError(f'{key} "{text}" holds {address}, where Gitea is', "a network that is free")


def _address_in(url: str) -> IPv4Address | None:
    try:
        return IPv4Address(urlsplit(url).hostname or "")
    except ValueError:
        return None


def _refuse_crowd(docker: DockerSettings, capacity: int | None) -> None:
    networks = 2 ** (24 - IPv4Network(docker.address_pool).prefixlen)
    if capacity and networks < capacity:
        raise rules.WrongError(
            f'address_pool "{docker.address_pool}" has {networks} networks for {capacity} jobs at a time',
            "a /24 for each job: a wider address_pool, or less capacity",
        )
