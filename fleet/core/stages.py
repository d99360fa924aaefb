"""How long a machine took to come into service: seconds of each stage, kept in one tag.

The tag's value is like ``c14.b32.s41.r0.o3.e1764089999``: a letter for each stage with its whole seconds, and the time
since which the machine is online. What cannot be read is unknown.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from fleet.core.lifecycle import Step
from fleet.core.machine import Machine
from fleet.core.names import Tag
from fleet.core.observation import EndedJobs, Job


class Stage(StrEnum):
    """A part of the way into service. The text is its name in JSON and in metrics: it does not change."""

    CREATE = "create"
    BOOT = "boot"
    TAILNET = "tailnet"
    SET_UP = "set-up"
    REGISTER = "register"
    ONLINE = "online"
    FIRST_JOB = "first-job"


_LETTERS = {
    "c": Stage.CREATE,
    "b": Stage.BOOT,
    "t": Stage.TAILNET,
    "s": Stage.SET_UP,
    "r": Stage.REGISTER,
    "o": Stage.ONLINE,
}
_SINCE = "e"
_LETTER_OF = {stage: letter for letter, stage in _LETTERS.items()}

_STAGE_OF: Mapping[str, Stage] = {
    Step.CREATE: Stage.CREATE,
    Step.BOOT: Stage.BOOT,
    Step.JOIN_TAILNET: Stage.TAILNET,
    Step.SET_UP: Stage.SET_UP,
    Step.REGISTER: Stage.REGISTER,
    Step.START: Stage.ONLINE,
    Step.ONLINE: Stage.ONLINE,
}
"""From the registered runner on, starting it and waiting for Gitea to see it is one stage."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Whole seconds of each stage that is known, and since when it is online (epoch seconds)."""

    seconds: Mapping[Stage, int] = field(default_factory=lambda: MappingProxyType({}))
    online_since: int | None = None


def stages_tag(steps: Iterable[tuple[str, float]], online: datetime) -> str:
    """The tag's value, from what each step took and when the last one ended."""
    seconds: dict[Stage, float] = {}
    for step, took in steps:
        stage = _STAGE_OF.get(step)
        if stage is not None:
            seconds[stage] = seconds.get(stage, 0.0) + took
    parts = [f"{_LETTER_OF[stage]}{took:.0f}" for stage, took in seconds.items()]
    return ".".join([*parts, f"{_SINCE}{online.timestamp():.0f}"])


def read_stages(value: str) -> Stages:
    """What such a tag says; parts that are not like ours are passed over."""
    found = (re.fullmatch(r"([a-z])([0-9]{1,12})", part) for part in value.split("."))
    parts = {one[1]: one[2] for one in found if one}
    since = parts.get(_SINCE)
    known = {stage: int(parts[letter]) for letter, stage in _LETTERS.items() if letter in parts}
    return Stages(known, int(since) if since else None)


def stages_of(machine: Machine, ended: EndedJobs | None) -> Mapping[Stage, int]:
    """The stages of this machine that are known. ``ended``: None when nobody asked."""
    stages = read_stages(machine.tags.get(Tag.STAGES, ""))
    if stages.online_since is None or machine.runner is None or ended is None:
        return stages.seconds
    first = _first_job(stages.online_since, machine.runner.id, machine.jobs, ended)
    return {**stages.seconds, **({Stage.FIRST_JOB: first} if first is not None else {})}


def _first_job(online_since: int, runner_id: int, running: Sequence[Job], ended: EndedJobs) -> int | None:
    """Seconds from online to the start of its first job, of those that run or ended well.

    None where the list does not reach back as far: an earlier one may have been the first.
    """
    starts = _starts(ended.jobs)
    if not ended.whole and min(starts, default=math.inf) > online_since:
        return None
    of_it = [*_starts(running), *_starts(job for job in ended.jobs if job.runner_id == runner_id)]
    return max(round(min(of_it)) - online_since, 0) if of_it else None


def _starts(jobs: Iterable[Job]) -> list[float]:
    return [job.started.timestamp() for job in jobs if job.started is not None]
