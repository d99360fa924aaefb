"""The inventory as it is in force, key by key: what the file says, what it leaves to a default or to another key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from fleet.core.inventory import DockerSettings, Inventory, Pool
from fleet.core.secret import FromCommand, FromEnv, FromFile, SecretSource
from fleet.core.settings import Origin, Setting
from fleet.edges.inventory.base import Table
from fleet.edges.inventory.read import checked, read_text
from fleet.edges.inventory.values import inventory_of

HIDDEN = "***"
"""Stands for what may be a secret although no key says so."""


def effective(path: Path) -> tuple[Inventory, tuple[Setting, ...]]:
    """All keys of this file's inventory, table by table. Raises InventoryError and Refused like ``load``."""
    data, table = checked(read_text(path), str(path))
    inventory = inventory_of(table, str(path))
    found = (_in_force(one, inventory, data) for one in _walk(table, data, ()))
    return inventory, tuple(_without_secrets(one) for one in found)


def _walk(table: Table, written: Mapping[str, Any], above: tuple[str | int, ...]) -> Iterator[Setting]:
    """A table's own keys, then the tables in it."""
    inner: list[tuple[tuple[str | int, ...], Any, Any]] = []
    for name, field in type(table).model_fields.items():
        key = field.alias or name
        value, here = getattr(table, name), (*above, key)
        if _holds_tables(value):
            inner.append((here, value, written.get(key, {})))
        else:
            yield _setting(here, value, written, field.get_default(call_default_factory=False))
    for here, value, theirs in inner:
        yield from _inside(value, theirs, here)


def _holds_tables(value: object) -> bool:
    if isinstance(value, dict):
        return any(isinstance(one, Table) for one in value.values())
    if isinstance(value, list):
        return any(isinstance(one, Table) for one in value)
    return isinstance(value, Table)


def _inside(value: object, written: Any, here: tuple[str | int, ...]) -> Iterator[Setting]:
    match value:
        case Table():
            yield from _walk(value, written, here)
        case dict():
            for name, table in value.items():
                yield from _walk(table, written[name], (*here, name))
        case list():
            for number, table in enumerate(value):
                yield from _walk(table, written[number], (*here, number))
        case _:
            return


def _setting(here: tuple[str | int, ...], value: object, written: Mapping[str, Any], default: object) -> Setting:
    key = str(here[-1])
    if key in written:
        return Setting(here, written[key], Origin.FILE, usual=value == default)
    return Setting(here, _plain(value), Origin.DEFAULT, usual=True)


def _plain(value: object) -> object:
    match value:
        case FromEnv(name):
            return {"env": name}
        case FromFile(path):
            return {"file": path}
        case FromCommand(argv):
            return {"command": list(argv)}
        case Decimal():
            return str(value)
        case _:
            return value


def _in_force(one: Setting, inventory: Inventory, data: Mapping[str, Any]) -> Setting:
    """What hangs on another key, where it is not written itself."""
    if one.origin is Origin.FILE:
        return one
    match one.path:
        case ("gitea", "runner_url"):
            return _by(one, "gitea.url", inventory.gitea.runner_url)
        case ("proxy", "https") if inventory.proxy:
            return _by(one, "proxy.http", inventory.proxy.https)
        case ("tailnet", "login_server") if inventory.tailnet and inventory.tailnet.url:
            return _by(one, "tailnet.url", inventory.tailnet.url)
        case ("pools", str(name), *inner) if (pool := inventory.pool(name)) is not None:
            return _of_pool(one, pool, inner, data)
        case ("docker", str(key)) if one.value is None:
            return replace(one, value=_docker_default(key))
        case _:
            return one


def _of_pool(one: Setting, pool: Pool, inner: Sequence[str | int], data: Mapping[str, Any]) -> Setting:
    match inner:
        case ["max"]:
            return _by(one, f"pools.{pool.name}.min", pool.max)
        case ["min"] if pool.hosts:
            return _by(one, f"pools.{pool.name}.hosts", pool.min)
        case ["tailnet"] if pool.tailnet:
            return _by(one, "tailnet", pool.tailnet)
        case ["tailnet"]:
            return replace(one, value=False)
        case ["docker", str(key)]:
            return _of_docker(one, pool, key, data.get("docker", {}))
        case _:
            return one


def _of_docker(one: Setting, pool: Pool, key: str, fleets: Mapping[str, Any]) -> Setting:
    """The pool's own goes before the fleet's, which goes before the default."""
    value = getattr(pool.docker, key)
    if key in fleets:
        return replace(_by(one, f"docker.{key}", value), usual=value == _docker_default(key))
    if key == "version" and value:
        return _by(one, f"pools.{pool.name}.runner", value)
    return replace(one, value=_plain(value))


def _docker_default(key: str) -> object:
    return _plain(getattr(DockerSettings(), key))


def _by(one: Setting, key: str, value: object) -> Setting:
    return replace(one, value=value, origin=Origin.KEY, by=key)


def _without_secrets(one: Setting) -> Setting:
    """What a person may have written as it is: whoever knows ``cron.ping_url`` may ping, and a runner's variables go to
    jobs."""
    if one.path == ("cron", "ping_url") and one.value:
        return replace(one, value=HIDDEN)
    if one.path[:1] == ("pools",) and one.path[-1] == "config" and isinstance(one.value, dict):
        return replace(one, value=_envs_hidden(one.value))
    return one


def _envs_hidden(config: Mapping[str, Any]) -> dict[str, Any]:
    runner = config.get("runner")
    envs = runner.get("envs") if isinstance(runner, dict) else None
    if not isinstance(runner, dict) or not isinstance(envs, dict):
        return dict(config)
    return {**config, "runner": {**runner, "envs": dict.fromkeys(envs, HIDDEN)}}


def source_of(one: Setting) -> SecretSource | None:
    """Where a secret is, if this is the key of one."""
    match one.value:
        case {"env": str(name)}:
            return FromEnv(name)
        case {"file": str(path)}:
            return FromFile(path)
        case {"command": list(words)}:
            return FromCommand(tuple(words))
        case _:
            return None
