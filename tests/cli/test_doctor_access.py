"""What ``fleet doctor`` says of the way to machines, and of what their pools name."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from fleet.cli import doctor
from fleet.core.belongings import Belongings
from fleet.core.doctor import Check, Grade
from fleet.core.errors import Refused
from fleet.core.inventory import Inventory, SshSettings
from fleet.edges import operator
from fleet.edges.hetzner import HetznerCloud
from tests.fakes.cloud import FakeCloud
from tests.fakes.operator import FakeOperator
from tests.fakes.world import FakeWorld, build_inventory, build_pool


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> FakeOperator:
    """The computer that doctor runs on."""
    made = FakeOperator()
    monkeypatch.setattr(operator, "OperatorHere", lambda url: made)
    return made


def looked(inventory: Inventory, there: Belongings | None = None) -> list[Check]:
    world = FakeWorld()
    world.project.belongings = there or Belongings()
    return list(doctor._given(inventory, cast(HetznerCloud, FakeCloud(world.project))))


def test_pools_that_name_nothing_are_not_spoken_of(here: FakeOperator) -> None:
    assert looked(build_inventory()) == []


def test_each_problem_is_a_line_with_what_to_do(here: FakeOperator) -> None:
    here.only_ipv4 = frozenset({"git.example"})
    wrong = build_inventory(replace(build_pool(), ipv4=False, firewalls=("office",)))
    found = looked(wrong, Belongings(firewalls={"offices": 3}))
    assert {check.grade for check in found} == {Grade.ERROR}
    assert [check.text.partition(":")[0] for check in found] == ["pools.build.firewalls[0]", "pools.build.ipv4"]
    assert found[0].fix == "did you mean offices?"


def test_what_is_there_is_good(here: FakeOperator) -> None:
    named = build_inventory(replace(build_pool(), firewalls=("office",)))
    assert [check.grade for check in looked(named, Belongings(firewalls={"office": 3}))] == [Grade.OK]


def test_where_we_come_from_is_said_or_that_nobody_says_it(here: FakeOperator) -> None:
    me = replace(build_inventory(), ssh=SshSettings(allow_from=("me",)))
    assert doctor._me(me).text == '"me" in ssh.allow_from is 198.51.100.7/32, as ann@laptop'
    here.addresses = ()
    with pytest.raises(Refused):
        doctor._me(me)


@pytest.mark.parametrize(("most", "told"), [(1, True), (0, False)])
def test_nothing_is_said_of_the_firewall_where_no_server_may_be_rented(
    most: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    of = build_inventory(replace(build_pool(), min=0, max=most))
    assert any("open to everybody" in check.text for check in doctor._ssh(of)) is told
