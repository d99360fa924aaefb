"""These facts, these commands: one file of ``tests/cases/setup`` each."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.core.errors import StepFailed
from fleet.core.facts import HostFacts
from fleet.core.inventory import DockerSettings, DockerSource, Pool
from fleet.core.setup import HostChange, HostWanted, PutFile, Run, changes, daemon_file
from tests.core.builders import ROOT, pool, wanted

CASES = sorted((ROOT / "tests" / "cases" / "setup").glob("*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_these_facts_lead_to_these_commands(case: Path) -> None:
    data: dict[str, Any] = json.loads(case.read_text("utf-8"))
    want = wanted(_pool(data.get("pool", {})))
    facts = _facts(data["facts"], want)
    if "refused" in data:
        with pytest.raises(StepFailed) as refused:
            changes(facts, want)
        assert refused.value.message == data["refused"]
    else:
        assert [_plain(change) for change in changes(facts, want)] == data["changes"]


def test_there_are_cases() -> None:
    assert len(CASES) >= 19


def _pool(data: dict[str, Any]) -> Pool:
    """A pool's own keys as in the inventory; lists are tuples here."""
    docker = data.get("docker")
    lists: dict[str, Any] = {key: tuple(value) for key, value in data.items() if key != "docker"}
    if docker is None:
        return pool(**lists)
    return pool(
        docker=DockerSettings(source=DockerSource(docker["source"]), version=docker.get("version", "")),
        **lists,
    )


def _facts(data: dict[str, Any], want: HostWanted) -> HostFacts:
    """``files``: "wanted" for all as they should be; those in ``older`` have another content."""
    plain: dict[str, Any] = {
        key: value for key, value in data.items() if key not in {"files", "older", "packages", "held", "images"}
    }
    sets: dict[str, Any] = {key: frozenset(data.get(key, ())) for key in ("packages", "held", "images")}
    files: dict[str, str] = {}
    if data.get("files") == "wanted":
        files = {file.path: file.digest for file in (*want.files, daemon_file(HostFacts(), want))}
    return HostFacts(**plain, **sets, files=files | dict.fromkeys(data.get("older", ()), "older"))


def _plain(change: HostChange) -> dict[str, Any]:
    """A change as a case writes it: marks that are not set, and the usual mode, are left out."""
    marks = {"restarts": True} if change.restarts else {}
    match change:
        case PutFile(file=file):
            return {"put": file.path, **_mode(file.path, file.mode), **marks}
        case Run(command=command, as_unit=as_unit):
            return {"run": command, **({"as_unit": True} if as_unit else {}), **marks}


USUAL = {"/root/.ssh/authorized_keys2": 0o600, "/opt/fleet/config.yaml": 0o600}


def _mode(path: str, mode: int) -> dict[str, str]:
    usual = 0o755 if path.startswith("/opt/fleet/bin/") else USUAL.get(path, 0o644)
    return {} if mode == usual else {"mode": f"{mode:04o}"}
