"""Every key of the inventory that takes a secret takes where it is, and refuses the secret itself."""

import pytest

from fleet.core.errors import InventoryError
from fleet.edges import inventory
from tests.edges.secret_keys import secret_keys

LITERAL = "s3cr3t-of-tests"
PLAIN = 'name = "ci"\ngitea.url = "https://gitea.example"\n'
POOL = "\n[pools.build]\n"

NAMED = {
    "registries.password": '[registries."registry.example"]\nuser = "ci"\npassword = {}\n',
    "notify.token": '[notify]\nurl = {{ env = "A_URL" }}\ntoken = {}\n',
}
"""Keys of tables with names of their own, and one that goes with another: how it is written."""


def written(key: str, value: str) -> str:
    line = NAMED[key].format(value) if key in NAMED else f"{key} = {value}\n"
    return f"{PLAIN}{line}{POOL}"


def test_there_are_some() -> None:
    assert {"gitea.token", "hetzner.token", "ssh.passphrase", *NAMED} <= set(secret_keys())


@pytest.mark.parametrize("key", secret_keys())
def test_a_literal_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InventoryError) as caught:
        inventory.parse(written(key, f'"{LITERAL}"'), "inventory.toml")
    said = [str(problem) for problem in caught.value.problems]
    assert any("holds the secret itself" in line for line in said), said
    assert LITERAL not in str(caught.value)


@pytest.mark.parametrize("key", secret_keys())
@pytest.mark.parametrize("source", ['{ env = "A_NAME" }', '{ file = "a/path" }', '{ command = ["pass", "show", "x"] }'])
def test_each_way_to_say_where_it_is_is_taken(key: str, source: str) -> None:
    inventory.parse(written(key, source), "inventory.toml")


@pytest.mark.parametrize("key", secret_keys())
def test_half_a_source_is_refused_and_what_may_be_a_secret_in_it_is_not_repeated(key: str) -> None:
    with pytest.raises(InventoryError) as caught:
        inventory.parse(written(key, f'{{ value = "{LITERAL}" }}'), "inventory.toml")
    assert LITERAL not in str(caught.value)
