"""Errors: one tree, drawn at the top of its file; a message and a hint."""

import inspect

import pytest

from fleet.core import errors
from fleet.core.errors import CloudError, FleetError, InventoryError, NoCapacity, Problem, Refused

TREE = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, FleetError)]


@pytest.mark.parametrize("error", TREE)
def test_the_tree_at_the_top_of_the_file_is_the_tree(error: type[FleetError]) -> None:
    drawn = (errors.__doc__ or "").splitlines()
    (line,) = [line for line in drawn if line.lstrip("│├└─ ").split(" ")[0] == error.__name__]
    depth = 0 if error is FleetError else (len(line) - len(line.lstrip("│├└─ "))) // 4
    assert depth == len(error.__mro__) - len(FleetError.__mro__)


def test_a_message_and_a_hint_are_kept() -> None:
    error = FleetError("could not do it", hint="type this")
    assert (str(error), error.message, error.hint) == ("could not do it", "could not do it", "type this")
    assert FleetError("x").hint == ""


def test_a_cloud_error_keeps_hetzners_own_word() -> None:
    error = NoCapacity("none", code="resource_unavailable", hint="wait")
    assert (error.code, error.hint) == ("resource_unavailable", "wait")
    assert CloudError("x").code == ""


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        ([Problem("name", "is missing")], "fleet.toml has 1 problem:\n  name: is missing"),
        (
            [Problem("name", "is missing"), Problem("pools.a.max", "is 0", "1 to 9999")],
            "fleet.toml has 2 problems:\n  name: is missing\n  pools.a.max: is 0 (1 to 9999)",
        ),
    ],
)
def test_an_inventory_error_lists_all_its_problems(problems: list[Problem], text: str) -> None:
    error = InventoryError("fleet.toml", problems)
    assert str(error) == error.message == text
    assert isinstance(error, Refused)


def test_what_a_message_quotes_cannot_command_a_terminal() -> None:
    error = FleetError("it said: \x1b[2Jbad\r\n\tgone\x9b1m\u202e", hint="look at \x1b]8;;x\x07")
    assert str(error) == error.message == "it said: ?[2Jbad?\n\tgone?1m?"
    assert error.hint == "look at ?]8;;x?"


def test_names_of_all_languages_stay_as_they_are() -> None:
    assert FleetError("Grüße 🚀👩\u200d💻 測試 שלום").message == "Grüße 🚀👩\u200d💻 測試 שלום"
