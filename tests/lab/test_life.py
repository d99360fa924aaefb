"""A lab says what outlives it."""

import pytest

from fleet.core.errors import FleetError
from fleet.lab import life, look
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab


def lab(kind: str) -> Lab:
    return Lab(
        "x", "/nowhere", 1, "http://hetzner", "t", "http://gitea.example", "t", kind, "gitea/runner", "yours", "m"
    )


def told(monkeypatch: pytest.MonkeyPatch, kind: str, *servers: str) -> list[str]:
    runners = {"runners": [{"name": "ci-build-1"}, {"name": "other-1"}]}
    monkeypatch.setattr(life, "find", lambda name: lab(kind))
    monkeypatch.setattr(life, "is_alive", lambda lab: True)
    monkeypatch.setattr(look, "hetzner", lambda lab, path: {"servers": [{"name": name} for name in servers]})
    monkeypatch.setattr(GiteaClient, "get", lambda self, path: runners)
    for name in ("_end", "_must_have_docker"):
        monkeypatch.setattr(life, name, lambda *_: None)
    monkeypatch.setattr("fleet.lab.vps.remove_all", lambda name: None)
    said: list[str] = []
    life.down("x", said.append)
    return said[:-1]


def test_runners_that_stay_in_somebodys_own_gitea_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = told(monkeypatch, "yours", "ci-build-1", "ci-build-2")
    assert "ci-build-1; `fleet down` goes first" in line
    assert "other" not in line


def test_nothing_is_told_of_a_gitea_that_goes_with_the_lab_or_after_fleet_down(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, "stand-in", "ci-build-1") == []
    assert told(monkeypatch, "yours") == []


def test_a_lab_that_does_not_answer_any_more_is_taken_down_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(lab: Lab) -> list[str]:
        raise FleetError("no answer")

    monkeypatch.setattr(look, "runners_of_servers", away)
    assert told(monkeypatch, "yours", "ci-build-1") == []
