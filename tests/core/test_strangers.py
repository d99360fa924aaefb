"""Who else may log in on a server is told; whom fleet or the inventory lets in is not."""

from dataclasses import replace
from typing import Any

import pytest

from fleet.core.change import Change, Verb
from fleet.core.inventory import SshSettings
from fleet.core.names import Tag
from fleet.core.plan import plan_up
from fleet.core.ssh_key import fingerprint
from tests.core.builders import (
    HOST_KEY,
    LOGIN,
    catalog,
    facts,
    inventory,
    job,
    public_key,
    runner,
    seen,
    server,
    wanted,
)

ANN = f"{HOST_KEY} ann@laptop"
STRANGER = f'from="10.0.0.0/8" {public_key(bytes(32))} who@where'
NAME = "ci-build-1"


def planned(*logins: str, tags: dict[str, str] | None = None, more: tuple[Any, ...] = (), **changed: Any) -> Change:
    """What ``up`` says of one machine that is as wanted, whose file has these lines."""
    one = replace(server(NAME), tags={**server(NAME).tags, **(tags or {})})
    host = facts(logins=logins, **changed)
    wished = inventory(ssh=SshSettings(authorized_keys=(ANN,)))
    (change,) = plan_up(wished, seen(one, runner(), *more, hosts={NAME: host}), catalog(), {"build": wanted()}).changes
    return change


def test_whom_fleet_and_the_inventory_let_in_is_nobody_to_be_told_of() -> None:
    change = planned(LOGIN, f"{HOST_KEY} another comment", "a line that is no key")
    assert (change.verb, change.reason, change.hint) == (Verb.KEEP, "online, idle, as wanted", "")


def test_a_key_that_nobody_knows_is_told_with_what_to_do() -> None:
    change = planned(LOGIN, STRANGER)
    who = f"{fingerprint(STRANGER)} (who@where)"
    assert (change.verb, change.steps) == (Verb.KEEP, ())
    assert change.reason == f"online, idle, as wanted; lets in a key that is not in the inventory: {who}"
    assert "ssh.authorized_keys" in change.hint


def test_it_is_told_of_a_busy_machine_too() -> None:
    assert "lets in a key that is not in the inventory" in planned(LOGIN, STRANGER, more=(job(),)).reason


@pytest.mark.parametrize("tag", ["", "SHA256.short"])
def test_where_our_own_key_is_not_known_nothing_is_said(tag: str) -> None:
    assert planned(STRANGER, tags={Tag.SSHKEY: tag}).hint == ""


def test_what_is_to_be_repaired_is_said_first() -> None:
    change = planned(LOGIN, STRANGER, guarded=False)
    assert change.verb is Verb.REPAIR
    assert "lets in" not in change.reason
