"""The table ``[cache]``: where jobs keep their caches. It stands after the pools, whose runners must be able to."""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import BucketSettings, CacheLimits, CacheSettings
from fleet.core.names import read_server_name
from fleet.core.runner_version import (
    CACHES_IN_BUCKET,
    GUARDS_CACHE,
    LIMITS_CACHE,
    RunnerImage,
    Version,
    reaches,
    read_runner,
)
from fleet.core.setup.cache import MIRROR_PORT
from fleet.edges.inventory.base import SecretKey, Table, context, word
from fleet.edges.inventory.pool import PoolTable

_CACHE = CacheSettings()
_S3 = BucketSettings("", "")
_NEWEST = 10**6


def _or_empty(check: Callable[[str], str]) -> Callable[[str], str]:
    """Empty is the default that is written out: nothing."""
    return lambda text: check(text) if text else text


_size = rules.form(r"0|[1-9][0-9]*(MB|GB|TB)", "size", 'like "500MB", "10GB" or "1TB"; "0" is no limit')
_Size = Annotated[str, AfterValidator(_or_empty(_size))]
_Url = Annotated[str, AfterValidator(_or_empty(rules.endpoint))]
_Text = Annotated[str, AfterValidator(_or_empty(rules.form(r"[!-~]+", "name of this kind", "no space, no accents")))]


class BucketTable(Table):
    """``[cache.s3]``: a bucket, for runners that can."""

    endpoint: _Url = ""
    bucket: _Text = Field("", validate_default=True)
    region: _Text = ""
    prefix: _Text = ""
    access_key: SecretKey = _S3.access_key
    secret_key: SecretKey = _S3.secret_key

    @field_validator("bucket")
    @classmethod
    def _goes_with_its_endpoint(cls, bucket: str, info: ValidationInfo) -> str:
        if "endpoint" in info.data and bool(bucket) != bool(info.data["endpoint"]):
            raise rules.WrongError("goes with cache.s3.endpoint", "both, or none")
        return bucket


class CacheTable(Table):
    """``[cache]``. Keys that a check compares stand before it: it is handed those that were right."""

    url: _Url = _CACHE.url
    machine: str = _CACHE.machine
    network: Annotated[str, AfterValidator(_or_empty(word))] = Field(_CACHE.network, validate_default=True)
    port: Annotated[int, AfterValidator(rules.between(1024, 65535))] = _CACHE.port
    mirror: bool = _CACHE.mirror
    secret: SecretKey = _CACHE.secret
    s3: BucketTable = Field(default_factory=BucketTable.model_construct)
    retention: Annotated[int | None, PlainValidator(lambda value: None if value == "" else rules.age(value))] = None
    repo_size_limit: _Size = _CACHE.limits.repo_size
    size_limit: _Size = _CACHE.limits.size

    @field_validator("url")
    @classmethod
    def _asks_who_is_there(cls, url: str, info: ValidationInfo) -> str:
        if url:
            _refuse_older(info, GUARDS_CACHE, "share a cache", "an older one lets everybody read and write it")
        return url

    @field_validator("machine")
    @classmethod
    def _can_serve(cls, machine: str, info: ValidationInfo) -> str:
        if not machine:
            return machine
        if info.data.get("url"):
            raise rules.WrongError("has no effect beside cache.url", "one of the two")
        _refuse_older(info, GUARDS_CACHE, "share a cache", "an older one lets everybody read and write it")
        _refuse_stranger(machine, info)
        _refuse_outdated(machine, info)
        return machine

    @field_validator("network")
    @classmethod
    def _is_the_way_to_it(cls, network: str, info: ValidationInfo) -> str:
        machine = info.data.get("machine")
        if network and machine == "":
            raise rules.WrongError("has no effect without cache.machine", 'like machine = "ci-build-1"')
        if machine and not network and not _in_tailnet(info):
            raise rules.WrongError("is missing", "the name of a private network that all pools are in")
        return network

    @field_validator("mirror")
    @classmethod
    def _is_on_a_machine(cls, mirror: bool, info: ValidationInfo) -> bool:
        if mirror and info.data.get("machine") == "":
            raise rules.WrongError("has no effect without cache.machine", 'like machine = "ci-build-1"')
        if mirror and info.data.get("port") == MIRROR_PORT:
            raise rules.WrongError(f"is at port {MIRROR_PORT}, which cache.port has", "another cache.port")
        return mirror

    @field_validator("s3")
    @classmethod
    def _is_the_only_one(cls, s3: BucketTable, info: ValidationInfo) -> BucketTable:
        if s3.bucket:
            if info.data.get("url") or info.data.get("machine"):
                raise rules.WrongError("has no effect beside cache.url or cache.machine", "one of them")
            _refuse_older(info, CACHES_IN_BUCKET, "keep caches in a bucket", "")
        return s3

    @field_validator("retention", "repo_size_limit", "size_limit")
    @classmethod
    def _can_be_kept(cls, limit: int | str | None, info: ValidationInfo) -> int | str | None:
        if limit in {None, ""}:
            return limit
        if info.data.get("url") or info.data.get("s3", _NO_BUCKET).bucket:
            raise rules.WrongError("has no effect with a cache elsewhere", "that cache has limits of its own")
        name = read_server_name(info.data.get("machine") or "")
        _refuse_older(info, LIMITS_CACHE, "limit a cache", "", only=name.pool if name else None)
        return limit


_NO_BUCKET = BucketTable.model_construct()


def _refuse_older(info: ValidationInfo, least: Version, ability: str, why: str, *, only: str | None = None) -> None:
    """Refuse where a pool's runner cannot do it; ``only``: where that one pool's cannot."""
    for name, runner in _runners(info).items():
        if only in {None, name} and not reaches(runner.version, least):
            number = ".".join(map(str, least))
            reason = f" ({why})" if why else ""
            raise rules.WrongError(
                f"pool {name} has {runner}, and runners {ability} from {number} on{reason}",
                f'runner = "{number}" or newer',
            )


def _in_tailnet(info: ValidationInfo) -> bool:
    """Whether the machines have a tailnet in common, so that it need not be a private network."""
    return bool(context(info).get("joined"))


def _runners(info: ValidationInfo) -> Mapping[str, RunnerImage]:
    return {name: read_runner(pool.runner) for name, pool in _pools(info).items()}


def _pools(info: ValidationInfo) -> Mapping[str, PoolTable]:
    pools: Mapping[str, PoolTable] = context(info).get("pools") or {}
    return pools


def _refuse_stranger(machine: str, info: ValidationInfo) -> None:
    fleet, pools = context(info).get("fleet"), _pools(info)
    name = read_server_name(machine)
    if not fleet or not pools:
        return
    first = next(iter(pools))
    if name is None or name.fleet != fleet or name.pool not in pools:
        raise rules.WrongError(f'"{machine}" is no machine of this fleet\'s pools', f'like "{fleet}-{first}-1"')
    if machine in pools:
        raise rules.WrongError(f'"{machine}" is also the name of a pool', "another name for the pool")
    pool = pools[name.pool]
    most = pool.min if pool.max is None else pool.max
    if name.n > most:
        raise rules.WrongError(f"pool {name.pool} has no machine {name.n}", f"1 to {most}")


def _refuse_outdated(machine: str, info: ValidationInfo) -> None:
    """A newer runner may speak to its cache in a way that an older server does not know."""
    name, runners = read_server_name(machine), _runners(info)
    if name is None or name.pool not in runners:
        return
    serves = runners[name.pool]
    for pool, runner in runners.items():
        if _number(runner.version) > _number(serves.version):
            raise rules.WrongError(
                f"it runs {serves}, and pool {pool} a newer runner: {runner}",
                "a machine of the pool with the newest runner, or one runner for all",
            )


def _number(version: Version | None) -> Version:
    return (_NEWEST,) if version is None else version + (_NEWEST,) * (3 - len(version))


def cache_of(table: CacheTable) -> CacheSettings:
    """As a plain value."""
    return CacheSettings(
        url=table.url,
        machine=table.machine,
        network=table.network,
        port=table.port,
        mirror=table.mirror,
        secret=table.secret,
        bucket=_bucket_of(table.s3) if table.s3.bucket else None,
        limits=CacheLimits(table.retention, table.repo_size_limit, table.size_limit),
    )


def _bucket_of(table: BucketTable) -> BucketSettings:
    return BucketSettings(table.endpoint, table.bucket, table.region, table.prefix, table.access_key, table.secret_key)
