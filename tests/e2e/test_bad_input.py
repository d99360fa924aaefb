"""What a person can get wrong, or the cloud refuse: one clear message, the right exit code, nothing billed."""

import re
from collections.abc import Callable, Iterator

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, Typed, cancel_faults, hetzner_post, order_fault

pytestmark = pytest.mark.e2e

FAILED, UNTOUCHED = 1, 2

Make = Callable[..., Fleet]

TEN_MISTAKES = """\
name = "Not-A-Name"
gitea.url = "ftp://gitea"
gitea.scope = "everywhere"
hetzner.endpoint = "nowhere"
colour = "red"
[pools.build]
min = 3
max = 2
capacity = 0
labels = ["ubuntu:floppy://x"]
cache_port = 80
job_timeout = "soon"
"""


@pytest.fixture
def hetzner(lab: Lab) -> Iterator[Lab]:
    """The lab, in which faults may be ordered."""
    yield lab
    cancel_faults(lab)


def _refused(fleet: Fleet, typed: Typed, *words: str, code: int) -> None:
    """It ended with this code, in these words, once; and nothing was made."""
    _said(typed, *words, code=code)
    assert fleet.servers() == []
    assert fleet.runners() == []


def _said(typed: Typed, *words: str, code: int) -> None:
    assert typed.code == code, typed.said
    assert "Traceback" not in typed.said
    assert len(re.findall(r"^fleet: ", typed.err, re.MULTILINE)) == (1 if code == UNTOUCHED else 0), typed.err
    for word in words:
        assert word in typed.said, typed.said


def test_a_wrong_hetzner_token(fleet_of: Make) -> None:
    fleet = fleet_of()
    typed = fleet.type("up", "--yes", HCLOUD_TOKEN="wrong" * 12 + "abcd")
    _refused(fleet, typed, "HCLOUD_TOKEN", "not valid", "what to do: ", code=UNTOUCHED)
    assert "wrongwrong" not in typed.said


def test_a_wrong_gitea_token(fleet_of: Make) -> None:
    fleet = fleet_of()
    typed = fleet.type("up", "--yes", FLEET_GITEA_TOKEN="0123456789" * 4)
    _refused(fleet, typed, "FLEET_GITEA_TOKEN", "write:admin", "what to do: ", code=UNTOUCHED)
    assert "0123456789" not in typed.said


def test_a_gitea_token_without_the_scope(fleet_of: Make, lab: Lab) -> None:
    fleet = fleet_of()
    typed = fleet.type("up", "--yes", FLEET_GITEA_TOKEN=lab.gitea_readonly_token)
    _refused(fleet, typed, "admin", "what to do: ", code=UNTOUCHED)
    assert lab.gitea_readonly_token not in typed.said


def test_a_gitea_that_does_not_answer(fleet_of: Make, lab: Lab) -> None:
    fleet = fleet_of()
    fleet.write(fleet.inventory.read_text().replace(lab.gitea, "http://127.0.0.1:9"))
    _refused(fleet, fleet.type("up", "--yes"), "http://127.0.0.1:9", "what to do: ", code=UNTOUCHED)


def test_a_hetzner_that_does_not_answer(fleet_of: Make, lab: Lab) -> None:
    fleet = fleet_of()
    fleet.write(fleet.inventory.read_text().replace(lab.hetzner, "http://127.0.0.1:9/v1"))
    _refused(fleet, fleet.type("up", "--yes"), "http://127.0.0.1:9", "what to do: ", code=UNTOUCHED)


def test_a_server_type_that_does_not_exist(fleet_of: Make) -> None:
    fleet = fleet_of('types = ["cx32x"]')
    _refused(fleet, fleet.type("up", "--yes"), "pools.build.types", "cx32x", code=UNTOUCHED)


def test_no_capacity_anywhere(fleet_of: Make, hetzner: Lab) -> None:
    order_fault(hetzner, kind="no_capacity")
    fleet = fleet_of('types = ["cx33", "cpx32"]\nlocations = ["hel1", "nbg1"]')
    words = ("cx33 in hel1", "cx33 in nbg1", "cpx32 in hel1", "cpx32 in nbg1", "pools.build.types")
    _refused(fleet, fleet.type("up", "--yes"), *words, code=FAILED)


def test_a_full_quota_is_not_tried_elsewhere(fleet_of: Make, hetzner: Lab) -> None:
    order_fault(hetzner, kind="quota", limit=0)
    fleet = fleet_of()
    typed = fleet.type("up", "--yes")
    _refused(fleet, typed, "limit", code=FAILED)
    assert "in nbg1" not in typed.err.replace("cx33 in hel1", "")


def test_a_namesake_that_is_not_ours_is_left_alone(fleet_of: Make, lab: Lab) -> None:
    fleet = fleet_of()
    order = {"name": f"{fleet.name}-build-1", "server_type": "cx23", "image": "debian-13", "location": "hel1"}
    made = hetzner_post(lab, "/servers", {**order, "start_after_create": False})["server"]
    _said(fleet.type("up", "--yes"), str(made["id"]), "rename or delete", code=FAILED)
    fleet.type("down", "--yes")
    assert [one["id"] for one in fleet.servers()] == [made["id"]]
    assert fleet.runners() == []


def test_all_mistakes_of_an_inventory_are_told_at_once(fleet_of: Make) -> None:
    fleet = fleet_of()
    fleet.write(TEN_MISTAKES)
    typed = fleet.type("up", "--yes")
    keys = ("name:", "gitea.url:", "gitea.scope:", "hetzner.endpoint:", "colour:", "pools.build.max")
    more = ("pools.build.capacity:", "pools.build.labels", "pools.build.cache_port:", "pools.build.job_timeout:")
    _refused(fleet, typed, "10 problems", *keys, *more, code=UNTOUCHED)


def test_no_inventory(person: Person) -> None:
    _said(person.type("up", "--yes"), "inventory.toml", "what to do: ", code=UNTOUCHED)


def test_an_inventory_that_was_named_and_is_not_there(person: Person) -> None:
    _said(person.type("plan", "--inventory", "none.toml"), "none.toml", "--inventory", code=UNTOUCHED)


@pytest.mark.parametrize("variable", ["HCLOUD_TOKEN", "FLEET_GITEA_TOKEN"])
def test_a_token_that_is_not_set(fleet_of: Make, variable: str) -> None:
    fleet = fleet_of()
    _refused(fleet, fleet.type("up", "--yes", **{variable: ""}), variable, "what to do: ", code=UNTOUCHED)


def test_without_a_terminal_and_without_yes_nothing_is_made(fleet_of: Make) -> None:
    fleet = fleet_of()
    _refused(fleet, fleet.type("up"), "--yes", fleet.name, "1 machine", "€", code=UNTOUCHED)


def test_a_pool_that_is_not_there(fleet_of: Make) -> None:
    fleet = fleet_of()
    _refused(fleet, fleet.type("up", "bild", "--yes"), "bild", "build", code=UNTOUCHED)
