"""What one concern adds to a host. Concerns do not know each other: their parts are joined here."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleet.core.secret import Secret
from fleet.core.setup.values import GoneFile, WantedFile
from fleet.core.yaml_text import Plain, merge


@dataclass(frozen=True, slots=True)
class Given:
    """What the edges give: the files of ``fleet/stack`` by name, and secrets by the path of their key.

    ``cache_at``: the address of the machine that serves the fleet's cache, empty while there is none. ``machine``:
    the one machine that all this is for, where it differs from the others of its pool.
    ``static``: it is for a static host, which is somebody's own: who may log in there is not for us to say.
    """

    stack: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    machine: str = ""
    cache_at: str = ""
    static: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What one concern adds.

    ``before_docker``, ``after_docker``: files, in order. ``gone``: files of ours that must not be there any more.
    ``daemon``: the Docker daemon's settings.
    ``runner``: the runner's own configuration, where a text that is a key of ``runner_secrets`` stands for that
    secret. ``environment``, ``mounts``: of the runner's container, mounts as
    ``SOURCE:TARGET:ro``. ``job_environment``, ``job_mounts`` (``SOURCE:TARGET``, read-only), ``job_options`` (of
    ``docker create``, one word each): of every job's container.
    """

    before_docker: tuple[WantedFile, ...] = ()
    after_docker: tuple[WantedFile, ...] = ()
    packages: tuple[str, ...] = ()
    daemon: Mapping[str, Plain] = field(default_factory=dict)
    runner: Mapping[str, Plain] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    job_environment: Mapping[str, str] = field(default_factory=dict)
    job_mounts: tuple[str, ...] = ()
    job_options: tuple[str, ...] = ()
    gone: tuple[GoneFile, ...] = ()
    runner_secrets: Mapping[str, Secret] = field(default_factory=dict)


def joined(parts: Iterable[Part]) -> Part:
    """All parts as one: tuples one after the other, tables merged key by key, lists of the daemon's joined."""
    whole = Part()
    for part in parts:
        whole = Part(
            whole.before_docker + part.before_docker,
            whole.after_docker + part.after_docker,
            tuple(dict.fromkeys(whole.packages + part.packages)),
            joined_settings(whole.daemon, part.daemon),
            merge(whole.runner, part.runner),
            {**whole.environment, **part.environment},
            whole.mounts + part.mounts,
            {**whole.job_environment, **part.job_environment},
            whole.job_mounts + part.job_mounts,
            whole.job_options + part.job_options,
            whole.gone + part.gone,
            {**whole.runner_secrets, **part.runner_secrets},
        )
    return whole


def joined_settings(one: Mapping[str, Plain], other: Mapping[str, Plain]) -> dict[str, Plain]:
    """Settings of the daemon from two concerns: where both have a list, it is one list, each entry once."""
    settings = merge(one, other)
    for key, first in one.items():
        second = other.get(key)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            settings[key] = joined_settings(first, second)
        elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
            settings[key] = [*first, *(entry for entry in second if entry not in first)]
    return settings


def jobs_config(part: Part, own: Mapping[str, Plain]) -> dict[str, Plain]:
    """The runner's configuration for what is mounted into job containers and how they are made. ``own``: the pool's
    own configuration, whose ``container.options`` and ``container.valid_volumes`` are kept and come last."""
    if not part.job_mounts and not part.job_options:
        return {}
    table = own.get("container")
    theirs = table if isinstance(table, Mapping) else {}
    options = shlex.join((*part.job_options, *(f"--volume={mount}:ro" for mount in part.job_mounts)))
    config: dict[str, Plain] = {"options": f"{options} {theirs.get('options') or ''}".rstrip()}
    if part.job_mounts:
        volumes = theirs.get("valid_volumes")
        more = volumes if isinstance(volumes, list | tuple) else ()
        config["valid_volumes"] = [*(mount.partition(":")[0] for mount in part.job_mounts), *more]
    return {"container": config}
