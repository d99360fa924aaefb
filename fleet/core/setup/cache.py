"""The cache of jobs: each machine's own, one server for all, or a bucket; and the machine of the fleet that serves it.

A runner that serves (``cache-server``) asks for a secret in exchange for a job's name, and the job for its own entries
only. It listens on the address that the other machines know, so nobody else needs to be kept away from it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from string import Template

from fleet.core.facts import HostFacts
from fleet.core.inventory import BucketSettings, CacheLimits, CacheSettings, Inventory, Pool
from fleet.core.runner_version import (
    CACHES_IN_BUCKET,
    LIMITS_CACHE,
    READS_SECRET_FILE,
    Version,
    binary,
    reaches,
    read_runner,
)
from fleet.core.secret import Secret, SecretSource
from fleet.core.setup.part import Given, Part, joined
from fleet.core.setup.trust import LOOPBACK
from fleet.core.setup.values import HOME, GoneFile, HostWanted, Run, WantedFile
from fleet.core.yaml_text import Plain, to_yaml

SHARED, ACCESS_KEY, SECRET_KEY = "cache.secret", "cache.s3.access_key", "cache.s3.secret_key"
"""The paths of secrets, by which they are given."""

FOLDER = f"{HOME}/cache"
COMPOSE_FILE = f"{FOLDER}/compose.yaml"
SECRET_FILE = f"{HOME}/cache.secret"
KEY_FILES = {"access_key": f"{HOME}/cache.access_key", "secret_key": f"{HOME}/cache.secret_key"}
MARK = "(cache.secret)"
"""Stands for the secret in the configuration of a runner that cannot read it from a file."""

MIRROR_PORT = 5000
HUB = "https://registry-1.docker.io"
MIRROR_FILE = f"{HOME}/mirror.yaml"
MIRROR_UNIT = "/etc/systemd/system/docker-registry.service"
MIRROR_STORE = "/var/lib/fleet-mirror"

_ANYWAY = "/etc/sysctl.d/61-fleet-cache.conf"
_BIND = "net.ipv4.ip_nonlocal_bind"
_RESTART = "! docker container inspect fleet-cache >/dev/null 2>&1 || docker restart fleet-cache >/dev/null"
_MIRROR = "! [ -x /usr/bin/docker-registry ] || {{ systemctl enable --quiet {0} && systemctl restart {0}; }}".format(
    "docker-registry"
)


def cache_part(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """What the cache adds to a machine of this pool: ``given.machine`` where it is that very one.

    While nobody knows where the fleet's cache is, nothing of it is taken away: its entries would be lost."""
    cache = inventory.cache
    serves = bool(given.cache_at) and given.machine == cache.machine
    parts = [_client(inventory, pool, given)]
    if cache.mirror and given.cache_at:
        parts.append(_mirrored(f"{given.cache_at}:{MIRROR_PORT}"))
    known = not cache.machine or bool(given.cache_at)
    parts.append(_server(inventory, pool, given) if serves else Part(gone=_NO_SERVER if known else ()))
    parts.append(_mirror(pool, given) if serves and cache.mirror else Part(gone=_NO_MIRROR if known else ()))
    return joined(parts)


def cache_secrets(cache: CacheSettings) -> dict[str, SecretSource]:
    """Where the secrets are that the cache needs on hosts, by the path of their key."""
    sources: dict[str, SecretSource] = {SHARED: cache.secret} if cache.served else {}
    if cache.bucket is not None:
        sources |= {ACCESS_KEY: cache.bucket.access_key, SECRET_KEY: cache.bucket.secret_key}
    return sources


def _client(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """What the runner is told. As long as nobody serves, the machine has a cache of its own."""
    cache, version = inventory.cache, _version(pool)
    if cache.bucket is not None and reaches(version, CACHES_IN_BUCKET):
        return _in_bucket(cache.bucket, given)
    gone = tuple(GoneFile(path) for path in KEY_FILES.values())
    server = cache.url or (f"http://{given.cache_at}:{cache.port}" if given.cache_at else "")
    if not server:
        limits = _limits(cache.limits, version)
        unused = () if cache.machine else (GoneFile(SECRET_FILE),)
        return Part(runner={"cache": limits} if limits else {}, gone=(*unused, *gone))
    config: dict[str, Plain] = {"external_server": f"{server.rstrip('/')}/", **_secret_key(version)}
    part = Part(runner={"cache": config}, gone=gone)
    return joined((part, _secret(version, given, serves=given.machine == cache.machine)))


def _secret_key(version: Version | None) -> dict[str, Plain]:
    if reaches(version, READS_SECRET_FILE):
        return {"external_secret_file": "/cache.secret"}
    return {"external_secret": MARK}


def _secret(version: Version | None, given: Given, *, serves: bool) -> Part:
    """The secret for the runner: in a file of its own, or, for older ones, in its configuration."""
    secret = given.secrets[SHARED]
    if not reaches(version, READS_SECRET_FILE):
        return Part(runner_secrets={MARK: secret}, gone=(GoneFile(SECRET_FILE),))
    then = _RESTART if serves else ""
    file = WantedFile(SECRET_FILE, secret, 0o600, then=then, restarts=True, what="take the cache's new secret")
    return Part(after_docker=(file,), mounts=("./cache.secret:/cache.secret:ro",))


def _in_bucket(bucket: BucketSettings, given: Given) -> Part:
    told: dict[str, Plain] = {
        "endpoint": bucket.endpoint,
        "bucket": bucket.bucket,
        "region": bucket.region,
        "prefix": bucket.prefix,
        "access_key_file": "/cache.access_key",
        "secret_key_file": "/cache.secret_key",
    }
    keys = {"access_key": given.secrets[ACCESS_KEY], "secret_key": given.secrets[SECRET_KEY]}
    return Part(
        runner={"cache": {"s3": {key: value for key, value in told.items() if value}}},
        after_docker=tuple(
            WantedFile(KEY_FILES[name], key, 0o600, restarts=True, what=f"take the bucket's new {name}")
            for name, key in keys.items()
        ),
        mounts=tuple(f"./cache.{name}:/cache.{name}:ro" for name in keys),
        gone=(GoneFile(SECRET_FILE),),
    )


def _limits(limits: CacheLimits, version: Version | None) -> dict[str, Plain]:
    """In the runner's words. Another runner would not know them (the inventory refuses that where it can)."""
    if not reaches(version, LIMITS_CACHE):
        return {}
    told: dict[str, Plain] = {
        "retention": None if limits.retention is None else f"{limits.retention}s",
        "repo_size_limit": limits.repo_size,
        "size_limit": limits.size,
    }
    return {key: value for key, value in told.items() if value not in (None, "")}


def _server(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """The cache server as a compose project of its own: what becomes of it does not touch the runner."""
    version = _version(pool)
    config = _server_config(inventory, version, given)
    text = to_yaml(config)
    inline = not reaches(version, READS_SECRET_FILE)
    filled = text.replace(json.dumps(MARK), json.dumps(given.secrets[SHARED].reveal())) if inline else text
    return Part(
        before_docker=(
            # After a reboot Docker may be there before the network is: it binds the port all the same.
            WantedFile(_ANYWAY, f"# Written by fleet.\n{_BIND} = 1\n", then=f"sysctl --quiet --load={_ANYWAY}"),
        ),
        after_docker=(
            WantedFile(
                f"{FOLDER}/config.yaml",
                Secret(filled) if inline else filled,
                0o600,
                then=_RESTART,
                what="restart the fleet's cache",
            ),
            WantedFile(
                COMPOSE_FILE,
                _compose(inventory, pool, given, text),
                then=f"docker compose --file {COMPOSE_FILE} up --detach --quiet-pull --remove-orphans 2>&1",
                seconds=600,
                what="start the fleet's cache",
            ),
        ),
    )


def _server_config(inventory: Inventory, version: Version | None, given: Given) -> dict[str, Plain]:
    cache = inventory.cache
    place: dict[str, Plain] = {"dir": "/cache", "host": given.cache_at, "port": cache.port}
    return {"log": {"level": "info"}, "cache": {**place, **_secret_key(version), **_limits(cache.limits, version)}}


def _compose(inventory: Inventory, pool: Pool, given: Given, config: str) -> str:
    template = given.stack["cache.yaml"]
    runner = read_runner(pool.runner.image)
    in_file = reaches(runner.version, READS_SECRET_FILE)
    filled: Mapping[str, object] = {
        "image": runner.image,
        "program": binary(runner),
        "address": given.cache_at,
        "port": inventory.cache.port,
        "more_volumes": "\n      - ../cache.secret:/cache.secret:ro" if in_file else "",
    }
    digest = hashlib.sha256((config + template + repr(sorted(filled.items()))).encode()).hexdigest()
    return Template(template).substitute(filled, config_hash=digest[:16])


def cache_changes(facts: HostFacts, wanted: HostWanted) -> Iterator[Run]:
    """A cache server that somebody stopped is started again; one whose file is not as wanted is started with it."""
    file = next((one for one in wanted.after_docker if one.path == COMPOSE_FILE), None)
    if file is not None and facts.files.get(file.path) == file.digest and not facts.serves_cache:
        yield Run(file.then, file.what, file.seconds)


def _mirrored(at: str) -> Part:
    """Docker asks the mirror first, and the hub where the mirror does not answer."""
    return Part(daemon={"registry-mirrors": [f"http://{at}"], "insecure-registries": [at, *LOOPBACK]})


def _mirror(pool: Pool, given: Given) -> Part:
    """The distribution's registry as a mirror. Its unit is there before the package: it never listens elsewhere."""
    filled = {
        "address": given.cache_at,
        "port": MIRROR_PORT,
        "upstream": pool.docker.registry_mirror or HUB,
    }
    config = Template(given.stack["mirror.yaml"]).substitute(filled)
    return Part(
        before_docker=(
            WantedFile(MIRROR_FILE, config, then=_MIRROR),
            WantedFile(MIRROR_UNIT, given.stack["mirror.service"], then=f"systemctl daemon-reload && {{ {_MIRROR}; }}"),
        ),
        packages=("docker-registry",),
    )


_NO_SERVER = (
    GoneFile(
        COMPOSE_FILE,
        then=f"docker compose --file {COMPOSE_FILE}.going down --volumes 2>&1",
        seconds=120,
        what="stop serving the fleet's cache",
    ),
    GoneFile(f"{FOLDER}/config.yaml"),
    GoneFile(_ANYWAY, then=f"sysctl --quiet {_BIND}=0"),
)
# Known by our own file alone: a unit of that name may be that of a person's own registry on a static host.
_NO_MIRROR = (
    GoneFile(
        MIRROR_FILE,
        then=f"rm -f {MIRROR_UNIT} && systemctl daemon-reload && DEBIAN_FRONTEND=noninteractive apt-get -qq"
        f" -o DPkg::Lock::Timeout=60 purge --yes docker-registry >/dev/null && rm -rf {MIRROR_STORE}",
        seconds=180,
        what="remove the mirror of Docker Hub",
    ),
)


def _version(pool: Pool) -> Version | None:
    return read_runner(pool.runner.image).version
