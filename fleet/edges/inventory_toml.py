"""The inventory: found, read as TOML, checked as a whole, turned into values of ``core/inventory.py``.

All problems come at once, each with the path of its key, what is wrong and what is allowed. Values are only
shown where they cannot be secrets. The tables below are the reference of what may be written;
``inventory.example.toml`` says what it means.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from fleet.core import inventory_rules as rules
from fleet.core.errors import InventoryError, Problem, Refused
from fleet.core.inventory import (
    CronSettings,
    DockerSettings,
    DockerSource,
    GiteaSettings,
    HetznerSettings,
    Inventory,
    Pool,
    RunnerSettings,
    Schedule,
    Scope,
    ScopeKind,
    SshSettings,
)
from fleet.core.labels import DEFAULT_LABELS
from fleet.core.names import FLEET_NAME, POOL_NAME
from fleet.core.runner_version import (
    DEFAULT_RUNNER,
    RunnerImage,
    engine_fits,
    engine_for,
    read_runner,
    warning,
)
from fleet.core.secret import SecretSource

VARIABLE = "FLEET_INVENTORY"

# x86, at least 8 GB and 80 GB; two families, because one of them is often sold out everywhere.
DEFAULT_TYPES = ("cx33", "cpx32", "cx43", "cpx42")
DEFAULT_LOCATIONS = ("hel1", "nbg1", "fsn1")

_MOST_MACHINES = 9999  # the machine name has four digits for its number: core/names.py


# --- where it is ----------------------------------------------------------------------------------


def find(option: str | None, env: Mapping[str, str], cwd: Path) -> Path:
    """The inventory to use: --inventory, FLEET_INVENTORY, ./inventory.toml, or the user's own in ~/.config.

    One that was named must be there. Raises Refused, saying where it looked.
    """
    for how, named in (("--inventory", option), (VARIABLE, env.get(VARIABLE))):
        if named:
            return _must_be_there(cwd / Path(named).expanduser(), how)
    places = [cwd / "inventory.toml", *_config_folder(env)]
    for place in places:
        if place.is_file():
            return place
    raise Refused(
        f"no inventory found: looked for {' and '.join(str(place) for place in places)}",
        hint="type `cp inventory.example.toml inventory.toml` and edit it, or name one with --inventory",
    )


def _must_be_there(path: Path, how: str) -> Path:
    if path.is_file():
        return path
    raise Refused(f"{how} names {path}: no such file", hint=f"correct {how}, or leave it out")


def _config_folder(env: Mapping[str, str]) -> Iterator[Path]:
    if folder := env.get("XDG_CONFIG_HOME"):
        yield Path(folder) / "fleet" / "inventory.toml"
    elif home := env.get("HOME"):
        yield Path(home) / ".config" / "fleet" / "inventory.toml"


# --- reading it -----------------------------------------------------------------------------------


def load(path: Path) -> Inventory:
    """The inventory of a file. Raises InventoryError with all problems, Refused when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Refused(f"{path} could not be read: {error.strerror}", hint=f"type `ls -l {path}`") from None
    except UnicodeDecodeError as error:
        problem = Problem(f"byte {error.start}", "is not UTF-8")
        raise InventoryError(str(path), [problem], hint="save the file as UTF-8") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Inventory:
    """The inventory in ``text``; ``source`` names it in errors. Raises InventoryError with all problems."""
    try:
        # A table that must be there is read as an empty one, so that the error names its missing key.
        data = {"gitea": {}, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(source, [_syntax_problem(str(error))]) from None
    try:
        table = _Inventory.model_validate(data, context={"docker": _Docker.model_construct()})
    except ValidationError as error:
        raise InventoryError(source, [_problem(one) for one in error.errors()]) from None
    return _inventory(table, source)


def known_keys() -> frozenset[str]:
    """Every key that may be written, as paths; the name of a pool is ``*``."""
    return frozenset(_keys(_Inventory, ()))


# --- the tables -----------------------------------------------------------------------------------

_GITEA = GiteaSettings(url="", runner_url="")
_HETZNER = HetznerSettings()
_SSH = SshSettings()
_DOCKER = DockerSettings()
_RUNNER = RunnerSettings(image="", labels=())
_POOL = Pool(name="", runner=_RUNNER)
_CRON = CronSettings()

_Secret = Annotated[SecretSource, PlainValidator(rules.secret)]
_Url = Annotated[str, AfterValidator(rules.url)]
_FleetName = Annotated[
    str,
    AfterValidator(rules.form(FLEET_NAME, "fleet name", "a small letter, then small letters and digits, at most 20")),
]
_PoolName = Annotated[
    str,
    AfterValidator(
        rules.form(POOL_NAME, "pool name", "a small letter, then small letters, digits and inner -, at most 30")
    ),
]
_Machines = Annotated[int, AfterValidator(rules.between(0, _MOST_MACHINES))]
_Word = Annotated[str, AfterValidator(rules.form(r"[A-Za-z0-9][A-Za-z0-9._-]*", "name", "letters, digits, . _ and -"))]
_Words = Annotated[list[_Word], AfterValidator(rules.not_empty), AfterValidator(rules.each_once)]
_Package = Annotated[
    str,
    AfterValidator(rules.form(r"[a-z0-9][a-z0-9+.-]+(=[\w.+~:-]+)?", "package", 'like "git-lfs" or "git-lfs=3.6.1-1"')),
]
_Command = Annotated[str, AfterValidator(rules.form(r"[^\0]*\S[^\0]*", "command", "a line of shell"))]

_Argument = Annotated[str, AfterValidator(rules.form(r"[^\0]+", "word", "a command, word by word"))]


class _Table(BaseModel):
    """A table of the inventory: nothing is guessed or converted, and no key is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _Gitea(_Table):
    url: _Url
    runner_url: _Url | None = None
    scope: Annotated[str, AfterValidator(rules.scope)] = str(_GITEA.scope)
    token: _Secret = _GITEA.token


class _Hetzner(_Table):
    endpoint: Annotated[str, AfterValidator(rules.endpoint)] = _HETZNER.endpoint
    token: _Secret = _HETZNER.token


class _Ssh(_Table):
    key: Annotated[str, AfterValidator(rules.key_path)] = _SSH.key
    agent: bool = _SSH.agent
    passphrase: _Secret | None = _SSH.passphrase
    authorized_keys: Annotated[
        list[Annotated[str, AfterValidator(rules.public_key)]], AfterValidator(rules.each_once)
    ] = []
    allow_from: Annotated[
        list[Annotated[str, AfterValidator(rules.network)]],
        AfterValidator(rules.reachable),
        AfterValidator(rules.each_once),
    ] = list(_SSH.allow_from)


class _Docker(_Table):
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
    fleets = _context(info)["docker"]
    return None if fleets is None else _merged(fleets, key)


def _merged(docker: _Docker, key: str) -> str:
    written: str | None = getattr(docker, key)
    return str(getattr(_DOCKER, key)) if written is None else written


def _context(info: ValidationInfo) -> dict[str, Any]:
    """What the tables below see of those above: the fleet's ``docker``, the pool's ``max``; None where wrong itself."""
    assert isinstance(info.context, dict)
    return info.context


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


class _Schedule(_Table):
    """``[[pools.NAME.schedule]]``."""

    start: Annotated[str, AfterValidator(_cron_expression)]
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    seconds: Annotated[int, PlainValidator(rules.duration)] = Field(alias="for")
    min: _Machines | None = None
    idle: _Machines | None = None

    @field_validator("min", "idle")
    @classmethod
    def _not_above_max(cls, machines: int | None, info: ValidationInfo) -> int | None:
        _refuse_above(_context(info)["max"], machines)
        return machines

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.min is None and self.idle is None:
            raise rules.WrongError("has no effect", "min, idle or both")
        return self


def _refuse_above(most: int | None, machines: int | None) -> None:
    if most is not None and machines is not None and machines > most:
        raise rules.WrongError(f"{machines} is more than max", f"max is {most}")


class _Pool(_Table):
    """A pool. Keys that a check compares stand before it: it is handed those that were right."""

    min: _Machines = _POOL.min
    max: _Machines | None = None
    idle: _Machines = _POOL.idle
    priority: int = _POOL.priority
    schedule: list[_Schedule] = []
    types: _Words = list(DEFAULT_TYPES)
    locations: _Words = list(DEFAULT_LOCATIONS)
    image: _Word = _POOL.image
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
    docker: _Docker = Field(default_factory=_Docker.model_construct, validate_default=True)

    @field_validator("max")
    @classmethod
    def _not_below_min(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("min")
        if most is not None and least is not None and most < least:
            raise rules.WrongError(f"{most} is less than min", f"min is {least}")
        return most

    @field_validator("idle")
    @classmethod
    def _not_above_max(cls, idle: int, info: ValidationInfo) -> int:
        _refuse_above(_most(info), idle)
        return idle

    @field_validator("schedule", mode="before")
    @classmethod
    def _hand_down(cls, schedule: object, info: ValidationInfo) -> object:
        _context(info)["max"] = _most(info)
        return schedule

    @field_validator("docker")
    @classmethod
    def _fits(cls, docker: _Docker, info: ValidationInfo) -> _Docker:
        if (fleets := _context(info)["docker"]) is not None:
            settings = _docker(docker, fleets)
            _refuse_engine(settings, info.data.get("runner"))
            _refuse_crowd(settings, info.data.get("capacity"))
        return docker


def _most(info: ValidationInfo) -> int | None:
    """The pool's max, which is min where it is not written; None when that is wrong itself."""
    most: int | None = info.data.get("max")
    return info.data.get("min") if most is None and "max" in info.data else most


def _refuse_engine(docker: DockerSettings, runner: str | None) -> None:
    if runner and docker.version and not engine_fits(docker.version, read_runner(runner).version):
        raise rules.WrongError(
            f"Docker {docker.version} breaks jobs of {read_runner(runner)}",
            "runner 1.0.4 or newer, or an engine of version 28 or older",
        )


def _refuse_crowd(docker: DockerSettings, capacity: int | None) -> None:
    networks = 2 ** (24 - IPv4Network(docker.address_pool).prefixlen)
    if capacity and networks < capacity:
        raise rules.WrongError(
            f'address_pool "{docker.address_pool}" has {networks} networks for {capacity} jobs at a time',
            "a /24 for each job: a wider address_pool, or less capacity",
        )


class _Cron(_Table):
    minutes: Annotated[int, AfterValidator(rules.cron_minutes)] = _CRON.minutes
    ping_url: Annotated[str, AfterValidator(rules.ping_url)] = _CRON.ping_url
    alert: list[_Argument] = list(_CRON.alert)


class _Inventory(_Table):
    name: _FleetName
    gitea: _Gitea
    hetzner: _Hetzner = Field(default_factory=_Hetzner)
    ssh: _Ssh = Field(default_factory=_Ssh)
    docker: _Docker = Field(default_factory=_Docker.model_construct)
    pools: Annotated[dict[_PoolName, _Pool], AfterValidator(rules.some_pool)]
    max: _Machines | None = None
    max_eur_per_hour: Annotated[Decimal, PlainValidator(rules.euros)] | None = None
    cron: _Cron = Field(default_factory=_Cron)

    @field_validator("pools", mode="before")
    @classmethod
    def _hand_down(cls, pools: object, info: ValidationInfo) -> object:
        _context(info)["docker"] = info.data.get("docker")
        return pools

    @field_validator("max")
    @classmethod
    def _enough_for_min(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = sum(pool.min for pool in info.data.get("pools", {}).values())
        if most is not None and most < least:
            raise rules.WrongError(f"{most} is less than the min of all pools together", f"that is {least}")
        return most


# --- what pydantic says, in our words -------------------------------------------------------------

_SHAPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
}
_MISSING = {
    "name": 'like name = "ci"',
    "gitea.url": 'like gitea.url = "https://gitea.example"',
    "pools": "a table like [pools.build], which may be empty",
    "start": 'like start = "0 8 * * MON-FRI"',
    "for": 'like for = "10h"',
}


def _problem(error: ErrorDetails) -> Problem:
    where = tuple(part for part in error["loc"] if part != "[key]")
    path = _path(where)
    match error["type"], error.get("ctx", {}).get("error"):
        case "value_error", rules.WrongError() as mistake:
            return Problem(path, mistake.wrong, mistake.allowed)
        case "missing", _:
            return Problem(path, "is missing", _MISSING.get(path) or _MISSING.get(str(where[-1]), ""))
        case "extra_forbidden", _:
            known = _keys_beside(where)
            return Problem(path, "is an unknown key", rules.nearest(str(where[-1]), known) or rules.listed(known))
        case kind, _ if kind in _SHAPES:
            return Problem(path, f"must be {_SHAPES[kind]}, not {_shape(error['input'])}")
        case _:
            return Problem(path, error["msg"])


def _path(where: Sequence[int | str]) -> str:
    """The path of a key as TOML writes it, and the place in a list, from 0: ``pools.build.types[1]``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in where]
    return "".join(parts).removeprefix(".")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _shape(value: object) -> str:
    """What a value is, without showing it. Truth values are whole numbers to Python, so they go first."""
    shapes: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "text"),
        ((int, float), "a number"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((word for kind, word in shapes if isinstance(value, kind)), "a date or a time")


def _keys_beside(where: Sequence[int | str]) -> list[str]:
    """The keys that are known in the table that ``where`` stands in. A pool's name, the second part, is no key."""
    table: type[BaseModel] = _Inventory
    for n, part in enumerate(where[:-1]):
        inner = table.model_fields.get(str(part)) if n != 1 or where[0] != "pools" else None
        table = (_table_in(inner.annotation) if inner else None) or table
    return [field.alias or name for name, field in table.model_fields.items()]


def _keys(table: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    for name, field in table.model_fields.items():
        inner, key = _table_in(field.annotation), field.alias or name
        here = (*above, key, "*") if name == "pools" else (*above, key)
        yield from _keys(inner, here) if inner else [".".join(here)]


def _table_in(annotation: object) -> type[BaseModel] | None:
    """The table that a key holds, or many of by name; None when it holds a value."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, _Table)), None)


_SYNTAX_HINTS = {
    "Invalid value": "text stands in quotes",
    "Cannot overwrite a value": "each key once",
}


def _syntax_problem(message: str) -> Problem:
    """tomllib says where at the end of its sentence."""
    wrong, _, where = message.rstrip(")").rpartition(" (at ")
    return Problem(where, wrong, _SYNTAX_HINTS.get(wrong, ""))


# --- plain values ---------------------------------------------------------------------------------


def _inventory(table: _Inventory, source: str) -> Inventory:
    runners = dict.fromkeys(pool.runner for pool in table.pools.values())
    warnings = (warning(read_runner(runner)) for runner in runners)
    return Inventory(
        name=table.name,
        gitea=_gitea(table.gitea),
        pools=tuple(_pool(name, pool, table.docker) for name, pool in table.pools.items()),
        hetzner=HetznerSettings(table.hetzner.endpoint, table.hetzner.token),
        ssh=_ssh(table.ssh),
        max=table.max,
        max_eur_per_hour=table.max_eur_per_hour,
        cron=CronSettings(table.cron.minutes, table.cron.ping_url, tuple(table.cron.alert)),
        source=source,
        warnings=tuple(sentence for sentence in warnings if sentence),
    )


def _gitea(table: _Gitea) -> GiteaSettings:
    kind, _, name = table.scope.partition(":")
    return GiteaSettings(
        url=table.url,
        runner_url=table.runner_url or table.url,
        scope=Scope(ScopeKind(kind), name),
        token=table.token,
    )


def _ssh(table: _Ssh) -> SshSettings:
    return SshSettings(
        key=table.key,
        agent=table.agent,
        passphrase=table.passphrase,
        authorized_keys=tuple(table.authorized_keys),
        allow_from=tuple(table.allow_from),
    )


def _pool(name: str, table: _Pool, fleets: _Docker) -> Pool:
    return Pool(
        name=name,
        runner=_runner_settings(table),
        docker=_with_engine(_docker(table.docker, fleets), read_runner(table.runner)),
        min=table.min,
        max=table.min if table.max is None else table.max,
        idle=table.idle,
        priority=table.priority,
        schedule=tuple(Schedule(one.start, one.zone, one.seconds, one.min, one.idle) for one in table.schedule),
        types=tuple(table.types),
        locations=tuple(table.locations),
        image=table.image,
        packages=tuple(table.packages),
        commands=tuple(table.commands),
    )


def _runner_settings(table: _Pool) -> RunnerSettings:
    return RunnerSettings(
        image=read_runner(table.runner).image,
        labels=tuple(table.labels),
        capacity=table.capacity,
        log_level=table.log_level,
        cache_port=table.cache_port,
        job_timeout=table.job_timeout,
        extra=tuple(table.config.items()),
    )


def _docker(pools: _Docker, fleets: _Docker) -> DockerSettings:
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


def _with_engine(docker: DockerSettings, runner: RunnerImage) -> DockerSettings:
    """Docker's archive always gets a pinned engine, one that fits the runner when none is named."""
    if docker.source is not DockerSource.DOCKER or docker.version:
        return docker
    return replace(docker, version=engine_for(runner.version))
