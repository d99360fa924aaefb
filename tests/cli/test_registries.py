"""Passwords of registries, as commands fetch them, and what doctor says of them."""

from pathlib import Path

import pytest

from fleet.cli import doctor, wiring
from fleet.core.errors import CredentialsError
from fleet.core.inventory import Inventory
from fleet.core.secret import Secret
from fleet.edges.inventory import load


def inventory_in(folder: Path, lines: str) -> Inventory:
    file = folder / "inventory.toml"
    file.write_text(f'name = "ci"\ngitea.url = "https://gitea.example"\n{lines}\n[pools.a]\n')
    return load(file)


LINES = '[registries."registry.example"]\nuser = "ci"\npassword = { env = "REGISTRY_PASSWORD" }'
KEY = 'registries."registry.example".password'


def test_a_password_is_fetched_by_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "s3cret")
    inventory = inventory_in(tmp_path, LINES)
    assert wiring.secrets_for_hosts(inventory) == {KEY: Secret("s3cret")}
    (check,) = doctor.AREAS["secrets"](inventory)
    assert KEY in check.text
    assert "s3cret" not in f"{check}"


def test_a_password_that_is_nowhere_is_told_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    inventory = inventory_in(tmp_path, LINES)
    with pytest.raises(CredentialsError, match=rf"{KEY} is missing: REGISTRY_PASSWORD is set neither"):
        list(doctor.AREAS["secrets"](inventory))


def test_without_registries_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert list(doctor.AREAS["secrets"](inventory_in(tmp_path, ""))) == []
