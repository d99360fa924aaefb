"""Which Docker Engines break jobs, alone or together with which runners: the one table of it.

Asked of an inventory before anything is made, and of hosts by what they say they run.
Sources: the notes of Docker Engine 29 (least API: 29.0.0, 29.3.0), moby 53258 (29.7.0), nektos/act 6092 (29.5.0),
gitea/runner 943 (the client of engine 29), moby's client 0.4 (its least API: 1.40, which came with 19.03).
"""

from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.runner_version import ENGINE, FITS_DOCKER_29, RunnerImage, Version, parse_version, reaches


@dataclass(frozen=True, slots=True)
class KnownBad:
    """What is known of an engine. ``breaks``: jobs fail on it; otherwise only those that do what the sentence says.

    ``fix``: which engine or runner is good.
    """

    sentence: str
    fix: str
    breaks: bool = True


@dataclass(frozen=True, slots=True)
class _Row:
    """Engines from ``least`` on and below ``below``; where ``runners`` is given, only with those."""

    least: Version
    below: Version
    why: str
    fix: str
    breaks: bool = True
    runners: Callable[[Version | None], bool] | None = None

    def holds(self, engine: Version, runner: RunnerImage | None) -> bool:
        if not self.least <= engine < self.below:
            return False
        return self.runners is None or (runner is not None and self.runners(runner.version))


def _has_new_client(runner: Version | None) -> bool:
    return reaches(runner, FITS_DOCKER_29)


def _has_old_client(runner: Version | None) -> bool:
    return not reaches(runner, FITS_DOCKER_29)


_NEVER = (10**6,)
_TABLE = (
    _Row((29, 5), (29, 5, 2), "fails every job with `path escapes from parent`", f"29.5.2 or newer, like {ENGINE}"),
    _Row((29, 7), (29, 7, 1), "cannot copy files into the containers of jobs", f"29.7.1 or newer, like {ENGINE}"),
    _Row(
        (29,),
        _NEVER,
        "breaks jobs of {runner}",
        "runner 1.0.4 or newer, or an engine of version 28 or older",
        runners=_has_old_client,
    ),
    _Row((0,), (19, 3), "is too old for {runner}", "Docker 19.03 or newer, best 28 or newer", runners=_has_new_client),
    _Row(
        (29,),
        (29, 3),
        "refuses clients of an API below 1.44: testcontainers and `docker` from before 2024 in jobs",
        f"29.3 or newer, like {ENGINE}",
        breaks=False,
    ),
)
"""In the order they are told."""


def known_bad(engine: str, runner: RunnerImage | None = None) -> tuple[KnownBad, ...]:
    """What is known to be bad about this engine: by itself, and with this runner where one is given.

    An engine whose version cannot be read is not known to be bad: distributions call theirs as they like.
    """
    try:
        version = parse_version(engine)
    except ValueError:
        return ()
    return tuple(
        KnownBad(f"Docker {engine} {row.why.format(runner=runner)}", row.fix, row.breaks)
        for row in _TABLE
        if row.holds(version, runner)
    )
