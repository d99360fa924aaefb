"""What a rotation does to which machine: those in service and empty, and never what a person keeps from it."""

from dataclasses import replace
from typing import Any

import pytest

from fleet.core.change import Change, Verb
from fleet.core.errors import HostOfAnother, HostSilent, LoginRefused, WrongHostKey
from fleet.core.machine import Machine, Phase
from fleet.core.rotation import PROVE, RENEW, TAKE_OVER, plan_keys, plan_renewals
from tests.core.builders import facts, job, pool, runner, server

MACHINE = Machine("ci-build-1", pool(), Phase.IDLE, server(), runner(), facts(), runners=(runner(),))


def key_change(**more: Any) -> Change:
    (change,) = plan_keys([replace(MACHINE, **more)], TAKE_OVER)
    return change


def renewal(*, wait: bool = True, **more: Any) -> Change:
    (change,) = plan_renewals([replace(MACHINE, **more)], wait=wait)
    return change


IN_SERVICE = (Phase.IDLE, Phase.BUSY, Phase.OFFLINE, Phase.UNREGISTERED)
TOLD = [HostSilent("silent"), WrongHostKey("another key"), LoginRefused("no"), HostOfAnother("not ours")]


@pytest.mark.parametrize("phase", [*IN_SERVICE, Phase.DRAINING, Phase.DRAINED, Phase.PAUSED, Phase.ORPHAN, Phase.BARE])
def test_every_machine_that_answers_gets_the_new_key_also_under_a_job(phase: Phase) -> None:
    assert key_change(phase=phase).steps == TAKE_OVER


@pytest.mark.parametrize("host", [*TOLD, None])
def test_a_host_that_cannot_be_logged_into_keeps_the_old_key_and_is_told(host: Any) -> None:
    change = key_change(host=host)
    assert (change.verb, change.steps) == (Verb.KEEP, ())
    assert "keeps the old key" in change.reason
    assert change.hint


def test_a_held_machine_keeps_the_old_key() -> None:
    assert key_change(phase=Phase.HELD).hint == "fleet release ci-build-1"


def test_what_is_no_machine_or_not_in_service_is_left_out() -> None:
    ghost = replace(MACHINE, phase=Phase.GHOST, server=None, host=None)
    absent = replace(MACHINE, phase=Phase.ABSENT)
    assert plan_keys([ghost, absent], PROVE) == []


@pytest.mark.parametrize("phase", IN_SERVICE)
def test_each_runner_in_service_is_registered_anew(phase: Phase) -> None:
    assert renewal(phase=phase).steps == RENEW


@pytest.mark.parametrize(
    "phase",
    [
        *(Phase.HELD, Phase.PAUSED, Phase.DRAINING, Phase.DRAINED),
        *(Phase.ORPHAN, Phase.GHOST, Phase.STRAY, Phase.UNKNOWN),
    ],
)
def test_what_a_person_or_nobody_wants_at_work_is_not_put_to_work(phase: Phase) -> None:
    change = renewal(phase=phase)
    assert (change.verb, change.steps) == (Verb.KEEP, ())
    assert "keeps its credentials" in change.reason
    assert change.hint


@pytest.mark.parametrize("host", TOLD)
def test_a_host_that_cannot_be_logged_into_keeps_its_credentials_and_is_told(host: Any) -> None:
    change = renewal(host=host)
    assert change.steps == ()
    assert "fleet rotate runners ci-build-1" in change.hint


def test_without_waiting_only_a_busy_machine_is_left_for_later() -> None:
    assert renewal(wait=False).steps == RENEW
    assert renewal(wait=False, phase=Phase.BUSY, jobs=(job(),)).steps == ()


def test_busy_machines_come_last() -> None:
    busy = replace(MACHINE, phase=Phase.BUSY)
    idle = replace(MACHINE, name="ci-build-2")
    assert [change.machine for change in plan_renewals([busy, idle], wait=True)] == ["ci-build-2", "ci-build-1"]


def test_a_machine_without_a_runner_has_no_credentials() -> None:
    assert renewal(runner=None, runners=()).reason == "has no runner yet"
