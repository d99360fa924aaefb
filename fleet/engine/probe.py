"""One read-only look at a host, in one session: its own word, and its Docker's."""

import shlex
from collections.abc import Mapping
from dataclasses import replace

from fleet.core.docker_seen import DockerSeen, may_be_runners
from fleet.core.errors import CommandFailed
from fleet.core.facts import HostFacts
from fleet.core.orders import Result
from fleet.core.probe_answer import read_facts
from fleet.core.setup import HostWanted, probe_arguments
from fleet.engine.ports import Clock, Host

SECONDS = 60
"""How long the script may take: a host under load, and tailscaled among what it asks."""


def probe(
    host: Host, stack: Mapping[str, str], wanted: HostWanted | None, clock: Clock, *, end: float | None = None
) -> HostFacts:
    """The facts. Raises HostError when the look did not come to its end: half of one says no where nothing is known.

    ``end``: when whoever looks waits no longer, by the clock.
    """
    docker = host.docker()
    before = clock.now()
    answer = host.run(_command(wanted, docker), stdin=stack["probe.sh"].encode(), timeout=_left(end, before))
    _must_be_whole(answer)
    facts = read_facts(answer.out, docker)
    return replace(facts, clock_off=_off(facts.clock, before, clock.now()))


def _left(end: float | None, now: float) -> float:
    return SECONDS if end is None else max(end - now, 1)


def _command(wanted: HostWanted | None, docker: DockerSeen) -> str:
    """The script looks for runners' records only where a runner that is not ours would be in our way."""
    sources = {path for one in may_be_runners(docker) for path in one.mounts} if wanted and wanted.static else ()
    asked = probe_arguments(wanted) if wanted else ()
    return " ".join(["sh -s --", *map(shlex.quote, (*asked, *(f"source:{path}" for path in sorted(sources))))])


def _must_be_whole(answer: Result) -> None:
    if answer.status != 0:
        said = answer.err.strip()[-300:]
        raise CommandFailed(f"the host was not looked at to the end (exit {answer.status}): {said}".rstrip(": "))


def _off(theirs: float, before: float, after: float) -> float:
    """Its clock was read at some moment between these two of ours."""
    return theirs - min(max(theirs, before), after) if theirs else 0.0
