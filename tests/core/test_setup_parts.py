"""Parts of set-up joined, and files that must be gone again."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.setup import GoneFile, Part, Run, changes, drift, probe_arguments
from fleet.core.setup.part import joined, joined_settings
from fleet.core.yaml_text import Plain
from tests.core.builders import facts, wanted

RULES = GoneFile("/etc/x.conf", then="true", what="forget x")


def test_lists_of_the_daemons_settings_are_joined_each_entry_once() -> None:
    one, other = Part(daemon={"dns": ["1.1.1.1", "9.9.9.9"]}), Part(daemon={"dns": ["9.9.9.9", "8.8.8.8"], "mtu": 1280})
    assert joined((one, other)).daemon == {"dns": ["1.1.1.1", "9.9.9.9", "8.8.8.8"], "mtu": 1280}


def test_tables_of_the_daemons_settings_are_joined_and_what_is_no_list_is_replaced() -> None:
    one: dict[str, Plain] = {"a": {"b": ["x"], "c": 1}, "d": 1}
    other: dict[str, Plain] = {"a": {"b": ["y"], "e": 2}, "d": 2}
    assert joined_settings(one, other) == {"a": {"b": ["x", "y"], "c": 1, "e": 2}, "d": 2}


def test_a_file_that_must_be_gone_is_no_drift_where_it_is_not() -> None:
    assert drift(facts(), replace(wanted(), gone=(RULES,))) == ()


@pytest.mark.parametrize("path", ["/etc/x.conf", "/etc/x.conf.going"])
def test_a_file_that_must_be_gone_is_removed_where_it_is_or_was_about_to_go(path: str) -> None:
    want = replace(wanted(), gone=(RULES,))
    there = replace(facts(), files={**facts().files, path: "abc"})
    (change,) = changes(there, want)
    assert isinstance(change, Run)
    assert change.what == "forget x"
    assert f"file:{path}" in probe_arguments(want)


def test_what_restarts_something_when_it_goes_is_drift_that_restarts() -> None:
    want = replace(wanted(), gone=(replace(RULES, restarts=True),))
    there = replace(facts(), files={**facts().files, RULES.path: "abc"})
    assert [one.restarts for one in drift(there, want)] == [True]


@pytest.mark.parametrize("then", ["", "test ! -e FILE"])
@pytest.mark.parametrize("begun", [False, True])
def test_the_command_removes_the_file_and_then_does_what_follows(tmp_path: Path, then: str, begun: bool) -> None:
    gone = GoneFile(str(tmp_path / "x"), then=then.replace("FILE", str(tmp_path / "x")))
    Path(gone.going if begun and then else gone.path).write_text("x")
    assert _run(gone) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_leaves_the_mark_that_it_has_to_be_done_again(tmp_path: Path) -> None:
    gone = GoneFile(str(tmp_path / "x"), then="false")
    Path(gone.path).write_text("x")
    assert _run(gone) != 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.going"]


def _run(gone: GoneFile) -> int:
    there = replace(facts(), files={**facts().files, gone.path: "abc"})
    (change,) = changes(there, replace(wanted(), gone=(gone,)))
    assert isinstance(change, Run)
    return subprocess.run(["sh", "-c", change.command], check=False).returncode
