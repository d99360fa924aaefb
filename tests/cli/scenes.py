"""A fleet in the middle of its day: one of each kind a person meets."""

from dataclasses import replace

from fleet.core.change import Verb
from fleet.core.errors import HostSilent
from fleet.core.facts import Registration
from fleet.core.names import Tag
from fleet.core.observation import JobState
from fleet.core.report import Outcome, Report, Verdict
from tests.core.builders import GITEA, facts, inventory, job, pool, runner, seen, server, wanted

FLEET = inventory(pool(min=5, max=6), pool("arm", min=0, max=1))
WANTED = wanted(pool())


GOOD = {
    n: facts(WANTED, registration=Registration(n, f"u-{n}", f"ci-build-{n}", GITEA.runner_url)) for n in range(1, 7)
}

DAY = seen(
    server("ci-build-1"),
    server("ci-build-2", minutes=125),
    server("ci-build-3", ipv4=None, ipv6="2001:db8::3"),
    server("ci-build-4", tags={Tag.HELD: "1"}),
    server("ci-old-1", type="cx11"),
    *(runner(f"ci-build-{n}", id=n) for n in (1, 2, 4)),
    runner("ci-build-3", id=3, online=False),
    job(id=51, runner_id=2, name="test (3.11)", labels=frozenset({"ubuntu-latest"})),
    job(id=52, state=JobState.WAITING, runner_id=None),
    hosts={
        "ci-build-1": GOOD[1],
        "ci-build-2": replace(GOOD[2], images=frozenset({"gitea/runner:4.1.0"})),
        "ci-build-3": HostSilent("ci-build-3 did not answer on port 22 within 10 s"),
        "ci-build-4": GOOD[4],
    },
)

CALM = seen(server(), runner(id=1), hosts={"ci-build-1": GOOD[1]})

REPORT = Report(
    (
        Outcome("ci-build-1", Verb.KEEP, Verdict.KEPT, "online, idle, as wanted"),
        Outcome(
            "ci-build-2",
            Verb.CREATE,
            Verdict.DONE,
            "created, online",
            seconds=61.44,
            stages=(("boot", 20.04), ("x", 41)),
        ),
        Outcome(
            "ci-build-3",
            Verb.REPAIR,
            Verdict.DEFERRED,
            "job 51 (test) still runs",
            seconds=2,
            stages=(("a", 2),),
        ),
        Outcome(
            "ci-build-4",
            Verb.FINISH,
            Verdict.FAILED,
            "install docker.io ended with 100:\nE: Unable to locate package docker.io",
            hint="fleet ssh ci-build-4",
            seconds=9.5,
            stages=(("set up", 9.5),),
        ),
        Outcome("ci-build-5", Verb.REPAIR, Verdict.LOCKED, "another fleet process works on it"),
        Outcome("ci-build-6", Verb.REFUSE, Verdict.REFUSED, "server 66 has this name and is not of this fleet"),
    )
)
