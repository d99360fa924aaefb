"""The tables of a machine's life are whole, and their order is what keeps jobs alive."""

import pytest

from fleet.core.lifecycle import (
    BACK,
    EMPTIED,
    INTO_SERVICE,
    LEAVE,
    LEAVE_AS_SURPLUS,
    LEAVE_BY_FORCE,
    MEND,
    OUT_OF_SERVICE,
    Step,
)
from fleet.core.machine import Phase

ALONE = {
    Phase.IDLE,
    Phase.BUSY,
    Phase.PAUSED,
    Phase.HELD,
    Phase.DRAINING,
    Phase.DRAINED,
    Phase.ORPHAN,
    Phase.GHOST,
    Phase.STRAY,
    Phase.UNKNOWN,
}


@pytest.mark.parametrize("table", [INTO_SERVICE, OUT_OF_SERVICE])
def test_every_phase_has_an_entry(table: dict[Phase, tuple[Step, ...]]) -> None:
    assert set(table) == set(Phase)


def test_nothing_is_in_a_table_but_steps() -> None:
    used = [step for table in (INTO_SERVICE, OUT_OF_SERVICE) for steps in table.values() for step in steps]
    assert set(used) <= set(Step)


@pytest.mark.parametrize("table", [INTO_SERVICE, OUT_OF_SERVICE])
def test_no_step_comes_twice(table: dict[Phase, tuple[Step, ...]]) -> None:
    assert all(len(steps) == len(set(steps)) for steps in table.values())


@pytest.mark.parametrize("phase", Phase)
def test_only_a_machine_that_needs_it_is_brought_into_service(phase: Phase) -> None:
    assert (INTO_SERVICE[phase] == ()) == (phase in ALONE)


@pytest.mark.parametrize("phase", Phase)
def test_only_what_is_not_there_or_held_does_not_leave(phase: Phase) -> None:
    assert (OUT_OF_SERVICE[phase] == ()) == (phase in {Phase.ABSENT, Phase.HELD, Phase.UNKNOWN})


@pytest.mark.parametrize("phase", Phase)
def test_nothing_is_removed_on_the_way_into_service(phase: Phase) -> None:
    assert not {Step.DELETE, Step.DEREGISTER, Step.ASK_LEAVE, Step.STOP} & set(INTO_SERVICE[phase])


@pytest.mark.parametrize("phase", Phase)
def test_a_server_is_deleted_last_and_only_after_it_was_found_empty_twice(phase: Phase) -> None:
    steps = OUT_OF_SERVICE[phase]
    if Step.DELETE in steps:
        assert steps == (
            Step.ASK_LEAVE,
            Step.CORDON,
            Step.EMPTY,
            Step.STOP,
            Step.STILL_EMPTY,
            Step.DEREGISTER,
            Step.FORGET_DEVICE,
            Step.DELETE,
        )


def test_a_ghost_has_no_server_to_delete() -> None:
    assert OUT_OF_SERVICE[Phase.GHOST]
    assert not {Step.DELETE, Step.STOP} & set(OUT_OF_SERVICE[Phase.GHOST])


@pytest.mark.parametrize("steps", [LEAVE, EMPTIED])
def test_a_runner_is_stopped_only_cordoned_and_empty(steps: tuple[Step, ...]) -> None:
    before = steps[: steps.index(Step.STOP)]
    assert before[1:] == (Step.CORDON, Step.EMPTY)


def test_the_mark_is_the_first_thing_set_and_the_last_taken_off() -> None:
    assert (LEAVE[0], EMPTIED[0], BACK[-1]) == (Step.ASK_LEAVE, Step.ASK_REPAIR, Step.BACK_AGAIN)


def test_a_runner_is_uncordoned_before_it_starts() -> None:
    assert BACK.index(Step.UNCORDON) < BACK.index(Step.START) < BACK.index(Step.ONLINE)


def test_a_machine_is_in_the_tailnet_before_it_is_set_up_from_there_and_out_before_its_server_goes() -> None:
    for steps in (*INTO_SERVICE.values(), BACK, MEND):
        if Step.SET_UP in steps:
            assert steps[steps.index(Step.SET_UP) - 1] is Step.JOIN_TAILNET
    for steps in (*OUT_OF_SERVICE.values(), LEAVE_BY_FORCE, LEAVE_AS_SURPLUS):
        if Step.DELETE in steps:
            assert steps[-3:] == (Step.DEREGISTER, Step.FORGET_DEVICE, Step.DELETE)
