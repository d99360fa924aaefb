"""Which runner an image is, what its version can do, and which Docker Engine is installed for it.

The runner was renamed at 1.0.0: ``gitea/act_runner`` with ``act_runner`` in it became ``gitea/runner`` with
``gitea-runner``. Its configuration and its ``.runner`` file kept their form.
"""

import re
from dataclasses import dataclass

Version = tuple[int, ...]

DEFAULT_RUNNER = "4.1.0"
RENAMED: Version = (1, 0, 0)
LAST_ACT_RUNNER: Version = (0, 6, 1)
FINISHES_JOBS: Version = (
    0,
    2,
    11,
)  # the first with runner.shutdown_timeout: older ones kill jobs when they stop
FITS_DOCKER_29: Version = (1, 0, 4)  # the first with the Docker client of engine 29
GUARDS_CACHE: Version = (
    0,
    6,
    0,
)  # the first whose cache asks who is there: older ones serve everybody who reaches them
READS_SECRET_FILE: Version = (2, 3, 0)  # the first with cache.external_secret_file
LIMITS_CACHE: Version = (3, 2, 0)  # the first with cache.retention, repo_size_limit and size_limit
CACHES_IN_BUCKET: Version = (4, 0, 0)  # the first with cache.s3
EXPANDS_VARIABLES: Version = (5, 0, 0)  # the first that reads ${NAME} in its config as a variable

# Known to work with the runners named above them; Docker's archive has both for Debian and Ubuntu.
ENGINE = "29.10.0"
ENGINE_OF_OLD_RUNNERS = "28.5.2"

_SHORT = re.compile(r"v?([0-9]+(?:\.[0-9]+){0,2})")
_FULL = re.compile(r"v?([0-9]+(?:\.[0-9]+)+)(?:[-+~ ].*)?")
_IMAGE = re.compile(
    r"(?P<name>(?:[a-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9._/-]*[a-z0-9])"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_ANY = 10**6


@dataclass(frozen=True, slots=True)
class RunnerImage:
    """A runner by its image. ``version`` has as many parts as the tag has; None is the newest there is."""

    image: str
    version: Version | None

    def __str__(self) -> str:
        return self.image


def read_runner(text: str) -> RunnerImage:
    """The runner that a version ("4.1.0"), a moving tag ("latest", "nightly") or an image name stands for.

    Raises ValueError with a sentence: not readable, Docker in Docker, or too old to let jobs finish.
    """
    runner = _read(text)
    if not reaches(runner.version, FINISHES_JOBS):
        raise ValueError(f"{runner} is older than 0.2.11 and kills its jobs when it stops")
    return runner


def _read(text: str) -> RunnerImage:
    if short := _SHORT.fullmatch(text):
        version = parse_version(short[1])
        return RunnerImage(f"{_name_of(version)}:{short[1]}", version)
    if text in {"latest", "nightly"}:
        return RunnerImage(f"gitea/runner:{text}", None)
    image = _IMAGE.fullmatch(text)
    if image is None or "/" not in text:
        _refuse_docker_in_docker(text)
        raise ValueError(f'"{text}" is neither a version nor an image')
    _refuse_docker_in_docker(image["tag"] or "")
    return RunnerImage(text, _version_of(image["name"], image["tag"]))


def _name_of(version: Version) -> str:
    return "gitea/runner" if reaches(version, RENAMED) else "gitea/act_runner"


def _refuse_docker_in_docker(tag: str) -> None:
    """Those images bring a Docker of their own; our machines have one, and the runner shares it with jobs."""
    if re.search(r"(^|-)dind(-rootless)?$", tag):
        raise ValueError(f"\"{tag}\" brings its own Docker (dind); a fleet's runner uses the machine's")


def _version_of(name: str, tag: str | None) -> Version | None:
    """The version a tag says. A moving tag of the old name stands still at the last of that name."""
    if tag and (short := _SHORT.fullmatch(tag)):
        return parse_version(short[1])
    return LAST_ACT_RUNNER if _is_act_runner(name) else None


def _is_act_runner(name: str) -> bool:
    return name.rpartition("/")[2] == "act_runner"


def parse_version(text: str) -> Version:
    """The numbers of a version, of a runner, an engine or Gitea: "v1.26.0+dev-12-g3ab" is (1, 26, 0).

    To be compared as they are: after Gitea 1.27 comes 28.0. Raises ValueError.
    """
    found = _SHORT.fullmatch(text) or _FULL.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no version')
    return tuple(int(part) for part in found[1].split("."))


def reaches(version: Version | None, least: Version) -> bool:
    """Whether a runner is at least this version. "1" is the newest 1.x there is, None the newest of all."""
    if version is None:
        return True
    return version + (_ANY,) * (len(least) - len(version)) >= least


def binary(runner: RunnerImage) -> str:
    """What the program in the image is called."""
    name = runner.image.partition("@")[0]
    name = re.sub(r":[^/]*$", "", name)
    old = _is_act_runner(name) or not reaches(runner.version, RENAMED)
    return "act_runner" if old else "gitea-runner"


def warning(runner: RunnerImage) -> str:
    """What is unwise about this runner, in a sentence; empty when nothing is."""
    tag = runner.image.partition("@")[0].rpartition("/")[2].partition(":")[2] or "latest"
    if "@" in runner.image or tag not in {"latest", "nightly"}:
        return ""
    if binary(runner) == "act_runner":
        return f"{runner} gets no updates since runner 1.0.0: gitea/runner is its successor"
    return f"{runner} moves: machines made on different days run different runners; a version stays"


def config_text(value: str, version: Version | None) -> str:
    """A text as it must stand in the runner's config so that the runner reads it unchanged."""
    return value.replace("${", "$${") if reaches(version, EXPANDS_VARIABLES) else value


def engine_for(version: Version | None) -> str:
    """The engine to install from Docker's archive for this runner."""
    return ENGINE if reaches(version, FITS_DOCKER_29) else ENGINE_OF_OLD_RUNNERS
