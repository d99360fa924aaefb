"""What an idle machine gets although it serves: a clean-up, a restart for its cache, a reboot."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleet.core.change import Change, Verb
from fleet.core.docker_seen import Leftovers, Made
from fleet.core.facts import Disk, HostFacts, Registration
from fleet.core.inventory import Inventory, Reboot, Upkeep
from fleet.core.lifecycle import EMPTIED, Step
from fleet.core.names import Tag
from fleet.core.observation import Job, JobState, Runner, Server
from fleet.core.plan import plan_up
from fleet.core.record import Record
from fleet.core.repair import STEPS
from fleet.core.rungs import WELL, Rung
from fleet.core.scaling import plan_scale
from tests.core.builders import NOW, catalog, facts, inventory, job, plain, pool, runner, seen, server, wanted

NAME = "ci-build-1"
OLD = NOW - timedelta(minutes=20)
FULL = (Disk("/var/lib/docker", 100, 8),)
NO_INODES = (Disk("/", 100, 50, inodes=100, inodes_free=8),)


LEFT = Leftovers(volumes=tuple(Made(f"GITEA-ACTIONS-TASK-{n}-env") for n in range(50)))


def tried(rung: Rung, minutes: float = 20) -> dict[str, str]:
    return {Tag.REPAIR: f"{rung}.{int((NOW - timedelta(minutes=minutes)).timestamp())}"}


def runs_since(seconds: int) -> HostFacts:
    one = facts(cache_answers=False)
    assert one.container is not None
    return replace(one, container=replace(one.container, started=int(one.clock) - seconds))


def up(*parts: Server | Runner | Job, of: Inventory | None = None, **hosts: HostFacts) -> dict[str, Change]:
    observation = seen(*parts, hosts={name.replace("_", "-"): host for name, host in hosts.items()})
    changes = plan_up(of or inventory(), observation, catalog(), {"build": wanted()}).changes
    return {change.machine: change for change in changes}


def one(host: HostFacts, tags: dict[str, str] | None = None, *more: Job, of: Inventory | None = None) -> Change:
    return up(server(tags=tags), runner(), *more, of=of, ci_build_1=host)[NAME]


@pytest.mark.parametrize(
    ("host", "tags", "rung"),
    [
        (facts(disks=FULL), {}, Rung.CLEAN),
        (facts(disks=NO_INODES), {}, Rung.CLEAN),
        (facts(disks=FULL), tried(Rung.CLEAN), Rung.REBUILD),
        (facts(disks=FULL), tried(Rung.CLEAN, 9), None),
        (facts(disks=FULL), tried(Rung.REBUILD), None),
        (facts(disks=FULL), tried(Rung.RESTART), None),
        (facts(disks=(Disk("/", 100, 9),)), {}, None),
        (facts(leftovers=LEFT), {}, Rung.CLEAN),
        (facts(leftovers=LEFT), tried(Rung.CLEAN), None),
        (runs_since(60), {}, Rung.RESTART),
        (runs_since(59), {}, None),
        (runs_since(60), tried(Rung.RESTART), None),
    ],
)
def test_an_idle_machine_gets_what_helps(host: HostFacts, tags: dict[str, str], rung: Rung | None) -> None:
    found = one(host, tags)
    assert (found.verb, found.rung) == (Verb.REPAIR if rung else Verb.KEEP, rung)
    assert found.steps == (plain(STEPS[rung]) if rung else ())


@pytest.mark.parametrize("host", [facts(disks=FULL), runs_since(60), facts(reboot_needed=True)])
def test_a_busy_machine_gets_none_of_it(host: HostFacts) -> None:
    assert one(host, {}, job()).steps == one(replace(host, tasks=("GITEA-ACTIONS-TASK-1",)), {}).steps == ()


@pytest.mark.parametrize("host", [facts(disks=FULL), runs_since(60)])
def test_what_does_not_go_is_told_and_not_tried_for_ever(host: HostFacts) -> None:
    found = one(host, tried(Rung.REBUILD, 3 * WELL.total_seconds() / 60))
    assert (found.verb, found.steps) == (Verb.KEEP, ())
    assert "also after" in found.reason
    assert found.hint


def test_a_full_disk_goes_before_the_runner_that_is_offline_for_it() -> None:
    as_wanted = {Tag.SETUP: wanted().fingerprint}
    found = up(server(tags=as_wanted), runner(online=False), ci_build_1=facts(disks=FULL))[NAME]
    assert (found.rung, found.steps) == (Rung.CLEAN, plain(STEPS[Rung.CLEAN]))
    next_one = up(server(tags=as_wanted | tried(Rung.CLEAN)), runner(online=False), ci_build_1=facts(disks=FULL))[NAME]
    assert next_one.rung is Rung.RESTART


ASKS = facts(reboot_needed=True)


def test_an_idle_server_whose_updates_ask_for_it_is_emptied_rebooted_and_put_back() -> None:
    found = one(ASKS)
    assert (found.verb, found.rung) == (Verb.REPAIR, Rung.REBOOT)
    assert found.steps == plain(STEPS[Rung.REBOOT])
    assert found.steps[: len(EMPTIED)] == EMPTIED


def test_never_is_never_and_twice_is_never_either() -> None:
    assert one(ASKS, of=inventory(upkeep=Upkeep(reboot=Reboot.NEVER))).steps == ()
    again = one(ASKS, tried(Rung.REBOOT, 600))
    assert (again.verb, again.steps) == (Verb.KEEP, ())
    assert "also after one" in again.reason
    assert one(ASKS, tried(Rung.RESTART)).steps == ()


def waiting() -> Job:
    return replace(job(), id=50, state=JobState.WAITING, runner_id=None, started=None)


TWO = inventory(pool(min=2, max=3))


def second(**more: bool) -> Runner:
    return runner("ci-build-2", id=8, **more)


def host_of_second(**more: Any) -> HostFacts:
    return facts(registration=Registration(8, "u", "ci-build-2", "https://gitea.example"), **more)


def rebooting(*parts: Server | Runner | Job, **hosts: HostFacts) -> list[str]:
    return [name for name, change in up(*parts, of=TWO, **hosts).items() if Step.REBOOT in change.steps]


def test_one_of_a_pool_at_a_time_and_not_while_that_leaves_jobs_waiting() -> None:
    both = (server(), runner(), server("ci-build-2"), second())
    hosts = {"ci_build_1": ASKS, "ci_build_2": host_of_second(reboot_needed=True)}
    assert rebooting(*both, **hosts) == [NAME]
    assert rebooting(*both, waiting(), **hosts) == []
    busy = replace(job(), runner_id=8)
    assert rebooting(*both, busy, **hosts) == []
    away = (server(), runner(), server("ci-build-2", tags={Tag.DRAINING: "repair.1"}), second())
    assert rebooting(*away, **hosts) == []


def test_a_pass_reboots_too_and_the_removing_half_does_not() -> None:
    observation = seen(server(), runner(), hosts={NAME: ASKS})

    def steps(*, only_down: bool) -> tuple[Step, ...]:
        plan = plan_scale(inventory(), observation, catalog(), {"build": wanted()}, Record(), only_down=only_down)
        return plan.changes[0].steps

    assert Step.REBOOT in steps(only_down=False)
    assert steps(only_down=True) == ()
