"""Runner labels in Gitea's full form, ``name:docker://image`` or ``name:host``, and how they match."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# The runner's own defaults since 0.2.13.
DEFAULT_LABELS = (
    "ubuntu-latest:docker://docker.gitea.com/runner-images:ubuntu-latest",
    "ubuntu-24.04:docker://docker.gitea.com/runner-images:ubuntu-24.04",
    "ubuntu-22.04:docker://docker.gitea.com/runner-images:ubuntu-22.04",
)

# Labels travel to the runner as one comma list; a space or a comma in one would make two of it.
_SEPARATOR = re.compile(r"[\s,]")


@dataclass(frozen=True, slots=True)
class RunnerLabel:
    """What jobs ask for, and where they run: in a container of image ``argument``, or beside the runner."""

    name: str
    schema: Literal["docker", "host"]
    argument: str = ""


def read_label(text: str) -> RunnerLabel:
    """The label that ``text`` stands for. Raises ValueError with a sentence when it is none.

    A bare name is refused: the runner would take it for ``name:host``, and few mean that.
    """
    if _SEPARATOR.search(text):
        raise ValueError(f'"{text}" has a space or a comma in it')
    name, _, rest = text.partition(":")
    if not name:
        raise ValueError(f'"{text}" has no name')
    if not rest:
        raise ValueError(f'"{text}" does not say where its jobs run')
    if rest == "host":
        return RunnerLabel(name, "host")
    image = rest.removeprefix("docker://")
    if image in {rest, ""}:
        raise ValueError(f'"{text}" has neither docker://IMAGE nor host after its name')
    return RunnerLabel(name, "docker", image)


def names(labels: Iterable[str]) -> tuple[str, ...]:
    """The names alone, as Gitea keeps them."""
    return tuple(read_label(label).name for label in labels)


def images(labels: Iterable[str]) -> tuple[str, ...]:
    """The images that jobs run in, each once, in order: what set-up pulls."""
    read = (read_label(label) for label in labels)
    return tuple(dict.fromkeys(label.argument for label in read if label.schema == "docker"))


def matches(runs_on: frozenset[str], runner_labels: frozenset[str]) -> bool:
    """Whether Gitea gives such a job to such a runner: it has all that are asked for. None fit any runner."""
    return runs_on <= runner_labels
