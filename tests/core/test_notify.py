"""What is told of findings: each once when it has come, once when it has gone."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.health import Finding, Severity, Trouble
from fleet.core.notify import MOST, TOLD, Message, News, State, forgotten, news, read_told

NAMES = ("ci-build-1", "ci-build-2")
DISK = Finding(Trouble.OFFLINE, Severity.ERROR, "ci-build-1", "its runner is offline for 20 min", "fleet up")
DRIFT = Finding(Trouble.DRIFT, Severity.WARNING, "ci-build-2", "it is not as the inventory says", "fleet up")
HELD = Finding(Trouble.HELD, Severity.NOTE, "ci-build-2", "held by ann", "fleet release ci-build-2")
LIMIT = Finding(Trouble.LIMIT, Severity.WARNING, "", "no more than 4 machines", "max in the inventory")


class Memory:
    """The fleet's record between passes, and what was told."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.told: list[Message] = []

    def a_pass(
        self,
        *findings: Finding,
        works: bool = True,
        unknown: Iterable[str] = (),
        least: Severity = Severity.WARNING,
        names: tuple[str, ...] = NAMES,
    ) -> News:
        found = news(
            "ci", findings, read_told(self.tags), 1_700_000_000, least=least, unknown=frozenset(unknown), names=names
        )
        self.write(found.quietly)
        if found.message is not None and works:
            self.told.append(found.message)
        if works:
            self.write(found.once_told)
        return found

    def write(self, changes: Mapping[str, str | None]) -> None:
        self.tags |= {key: text for key, text in changes.items() if text is not None}
        for key in [key for key, text in changes.items() if text is None]:
            self.tags.pop(key, None)

    @property
    def appeared(self) -> list[Finding]:
        return [one for message in self.told for one in message.appeared]

    @property
    def gone(self) -> list[tuple[str, str]]:
        return [(one.machine, one.trouble) for message in self.told for one in message.gone]


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_a_finding_is_told_once_when_two_passes_have_seen_it(memory: Memory) -> None:
    for passes, told in ((1, 0), (2, 1), (3, 1), (9, 1)):
        memory = Memory()
        for _ in range(passes):
            memory.a_pass(DISK)
        assert len(memory.appeared) == told


def test_it_is_told_once_that_it_is_gone_when_two_passes_have_missed_it(memory: Memory) -> None:
    for _ in range(3):
        memory.a_pass(DISK)
    memory.a_pass()
    assert memory.gone == []
    for _ in range(3):
        memory.a_pass()
    assert memory.gone == [("ci-build-1", "runner-offline")]
    assert memory.tags == {}


def test_what_one_pass_alone_has_seen_or_missed_is_not_told(memory: Memory) -> None:
    for findings in ((DISK,), (), (DISK,), (), (), (DISK,), (DISK,), (), (DISK,), (), (DISK,)):
        memory.a_pass(*findings)
    assert len(memory.told) == 1


def test_what_is_told_at_once_is_one_message(memory: Memory) -> None:
    memory.a_pass(DISK)
    memory.a_pass(DISK, DRIFT, LIMIT)
    memory.a_pass(DRIFT, LIMIT)
    memory.a_pass(DRIFT, LIMIT)
    assert [(len(one.appeared), len(one.gone)) for one in memory.told] == [(1, 0), (2, 0), (0, 1)]


def test_other_words_for_the_same_trouble_are_the_same_finding(memory: Memory) -> None:
    memory.a_pass(DISK)
    memory.a_pass(Finding(DISK.trouble, Severity.WARNING, DISK.machine, "other words", ""))
    memory.a_pass(DISK)
    assert len(memory.told) == 1


def test_what_was_not_told_because_nobody_could_be_reached_is_tried_again(memory: Memory) -> None:
    memory.a_pass(DISK)
    memory.a_pass(DISK, works=False)
    memory.a_pass(DISK, works=False)
    assert memory.told == []
    memory.a_pass(DISK)
    memory.a_pass(DISK)
    assert len(memory.appeared) == 1
    memory.a_pass()
    memory.a_pass(works=False)
    memory.a_pass()
    memory.a_pass()
    assert len(memory.gone) == 1


def test_of_a_machine_that_cannot_be_looked_at_nothing_is_gone(memory: Memory) -> None:
    for _ in range(2):
        memory.a_pass(DISK)
    for _ in range(4):
        memory.a_pass(unknown=["ci-build-1"])
    assert memory.gone == []
    for _ in range(2):
        memory.a_pass()
    assert len(memory.gone) == 1


@pytest.mark.parametrize(("least", "told"), [(Severity.ERROR, 1), (Severity.WARNING, 2), (Severity.NOTE, 3)])
def test_only_what_is_grave_enough_is_told(memory: Memory, least: Severity, told: int) -> None:
    for _ in range(2):
        memory.a_pass(HELD, DRIFT, DISK, least=least)
    assert len(memory.appeared) == told


def test_the_gravest_are_told_first(memory: Memory) -> None:
    for _ in range(2):
        memory.a_pass(DRIFT, DISK)
    assert memory.appeared == [DISK, DRIFT]


def test_a_finding_of_a_machine_that_nobody_knows_any_longer_is_gone_too(memory: Memory) -> None:
    for _ in range(2):
        memory.a_pass(DISK)
    for _ in range(2):
        memory.a_pass(names=())
    assert memory.gone == [("", "")]
    assert "no longer known" in memory.told[-1].text


def test_never_more_than_so_many_are_remembered_and_none_of_them_is_called_gone(memory: Memory) -> None:
    many = [Finding(Trouble.DRIFT, Severity.WARNING, f"ci-build-{n}", "drift", "") for n in range(1, 100)]
    for _ in range(3):
        memory.a_pass(*many)
    memory.a_pass(DISK, *many)
    memory.a_pass(DISK, *many)
    assert len(memory.tags) == len(memory.appeared) == MOST
    assert memory.gone == []


@given(st.lists(st.tuples(st.sets(st.sampled_from([DISK, DRIFT, LIMIT])), st.booleans()), max_size=30))
def test_whatever_happens_each_is_told_and_called_gone_in_turn(passes: list[tuple[set[Finding], bool]]) -> None:
    memory = Memory()
    for findings, works in passes:
        memory.a_pass(*findings, works=works)
    for finding in (DISK, DRIFT, LIMIT):
        name = (finding.machine, finding.trouble.value)
        story = []
        for message in memory.told:
            story += ["come"] * (finding in message.appeared)
            story += ["gone"] * (name in [(one.machine, one.trouble) for one in message.gone])
        assert story == (["come", "gone"] * len(story))[: len(story)]


def test_what_hetzner_takes_as_tags_is_written(memory: Memory) -> None:
    memory.a_pass(DISK, DRIFT)
    assert all(len(key) == len(TOLD) + 8 for key in memory.tags)
    assert set(memory.tags.values()) == {"seen.1700000000"}


def test_tags_that_cannot_be_read_are_not_there() -> None:
    assert read_told({"told-1": "told.17", "told-2": "", "told-3": "x.1", "last-pass": "17"}) == {"1": State.TOLD}


def test_where_nobody_is_told_any_longer_all_is_forgotten() -> None:
    assert forgotten({"1": State.TOLD, "2": State.SEEN}) == {"told-1": None, "told-2": None}


def test_the_text_is_for_a_person_and_the_rest_for_programs(memory: Memory) -> None:
    for findings in ((DRIFT,), (DRIFT, DISK), (DISK,), (DISK,)):
        memory.a_pass(*findings)
    first, second, third = memory.told
    assert first.text.splitlines()[0] == "fleet ci: 1 new"
    assert second.text == ("fleet ci: 1 new\nerror ci-build-1: its runner is offline for 20 min\n  -> fleet up")
    assert third.text == "fleet ci: 1 gone\ngone: ci-build-2 drift"
    assert second.data == {
        "text": second.text,
        "fleet": "ci",
        "appeared": [
            {
                "trouble": "runner-offline",
                "severity": "error",
                "machine": "ci-build-1",
                "sentence": "its runner is offline for 20 min",
                "hint": "fleet up",
            }
        ],
        "gone": [],
    }
