"""Telling people of findings: each once when it has come, once when it has gone. The fleet's record has what was told.

One that comes or goes counts when two passes in a row have seen it so: most are repaired by the pass that finds them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from fleet.core.health import Finding, Severity, Trouble

TOLD = "told-"
"""How the tags begin that remember: ``told-<8 hex digits of what>`` = ``<state>.<epoch>``."""

MOST = 30
"""Findings that are remembered: a tag each. Of more, the gravest are told first, the others as these go."""

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class State(StrEnum):
    """What is known of a finding. ``away``: told, and the last pass did not see it."""

    SEEN = "seen"
    TOLD = "told"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Gone:
    """What was told, and is no more. Empty words where the machine is not known any longer."""

    trouble: str
    machine: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is told after one pass."""

    fleet: str
    appeared: tuple[Finding, ...] = ()
    gone: tuple[Gone, ...] = ()

    @property
    def text(self) -> str:
        """All of it for a person, a line for each and one for what to type."""
        counts = (("new", len(self.appeared)), ("gone", len(self.gone)))
        head = ", ".join(f"{number} {word}" for word, number in counts if number)
        return "\n".join([f"fleet {self.fleet}: {head}", *map(_appeared, self.appeared), *map(_gone, self.gone)])

    @property
    def data(self) -> dict[str, object]:
        """The form of the webhook: ``text`` for those that show a text, the rest for programs."""
        return {
            "text": self.text,
            "fleet": self.fleet,
            "appeared": [_data(finding) for finding in self.appeared],
            "gone": [{"trouble": one.trouble, "machine": one.machine} for one in self.gone],
        }


@dataclass(frozen=True, slots=True)
class News:
    """What a pass has to tell, and to remember: ``quietly`` in any case, ``once_told`` only when it was told."""

    message: Message | None = None
    quietly: Mapping[str, str | None] = field(default_factory=dict)
    once_told: Mapping[str, str | None] = field(default_factory=dict)


def news(
    fleet: str,
    findings: Iterable[Finding],
    told: Mapping[str, State],
    at: int,
    *,
    least: Severity,
    unknown: frozenset[str],
    names: Sequence[str],
) -> News:
    """What is to be told after a pass at this time, and what to remember of it.

    ``told``: the record's. ``unknown``: machines that could not be looked at: what was told of them is not gone.
    ``names``: all machines there may be, to put names to what is remembered by its sum alone.
    """
    now = _worth_telling(findings, least)
    unseen = told.keys() - now.keys()
    known = _by_key(names) if unseen else {}
    missing = sorted(key for key in unseen if _may_be_gone(known.get(key), unknown))
    appeared = [key for key in now if told.get(key) is State.SEEN]
    gone = [key for key in missing if told[key] is State.AWAY]
    message = Message(fleet, tuple(now[key] for key in appeared), tuple(known.get(key, Gone("", "")) for key in gone))
    new = [key for key in now if key not in told][: max(0, MOST - len(told))]
    quietly: dict[str, str | None] = {_tag(key): f"{State.SEEN}.{at}" for key in new}
    quietly |= {_tag(key): f"{State.TOLD}.{at}" for key in now if told.get(key) is State.AWAY}
    quietly |= {_tag(key): f"{State.AWAY}.{at}" for key in missing if told[key] is State.TOLD}
    quietly |= {_tag(key): None for key in missing if told[key] is State.SEEN}
    once_told: dict[str, str | None] = {_tag(key): f"{State.TOLD}.{at}" for key in appeared}
    once_told |= {_tag(key): None for key in gone}
    return News(message if appeared or gone else None, quietly, once_told)


def forgotten(told: Mapping[str, State]) -> dict[str, str | None]:
    """The change of tags that forgets all: nobody is told any longer."""
    return {_tag(key): None for key in told}


def read_told(tags: Mapping[str, str]) -> dict[str, State]:
    """What these tags remember. What cannot be read counts as not there."""
    return {
        key.removeprefix(TOLD): State(word)
        for key, text in tags.items()
        if key.startswith(TOLD) and (word := text.partition(".")[0]) in set(State)
    }


def _worth_telling(findings: Iterable[Finding], least: Severity) -> dict[str, Finding]:
    grave = [one for one in findings if _RANK[one.severity] <= _RANK[least]]
    grave.sort(key=lambda one: _RANK[one.severity])
    first: dict[str, Finding] = {}
    for one in grave:
        first.setdefault(_key(one.trouble, one.machine), one)
    return first


def _key(trouble: str, machine: str) -> str:
    return sha256(f"{trouble} {machine}".encode()).hexdigest()[:8]


def _tag(key: str) -> str:
    return f"{TOLD}{key}"


def _by_key(names: Sequence[str]) -> dict[str, Gone]:
    """Each finding there may be, by its key."""
    pairs: Iterator[Gone] = (Gone(trouble, machine) for machine in ("", *names) for trouble in Trouble)
    return {_key(one.trouble, one.machine): one for one in pairs}


def _may_be_gone(one: Gone | None, unknown: frozenset[str]) -> bool:
    return one is None or one.machine not in unknown


def _appeared(finding: Finding) -> str:
    where = f" {finding.machine}" if finding.machine else ""
    hint = f"\n  -> {finding.hint}" if finding.hint else ""
    return f"{finding.severity}{where}: {finding.sentence}{hint}"


def _gone(one: Gone) -> str:
    what = " ".join(part for part in (one.machine, one.trouble) if part)
    return f"gone: {what or 'something of a machine that is no longer known'}"


def _data(finding: Finding) -> dict[str, str]:
    return {
        "trouble": finding.trouble.value,
        "severity": finding.severity.value,
        "machine": finding.machine,
        "sentence": finding.sentence,
        "hint": finding.hint,
    }
