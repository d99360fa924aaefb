"""A child knows the environment, and none of the secrets in it."""

from dataclasses import replace

from fleet.core.inventory import HetznerSettings, SshSettings
from fleet.core.secret import FromCommand, FromEnv, FromFile
from fleet.core.secret_sources import without_secrets
from tests.core.builders import inventory


def test_what_the_inventory_names_is_withheld_and_the_rest_is_there() -> None:
    named = replace(inventory(), ssh=SshSettings(passphrase=FromEnv("PHRASE")))
    environment = {"FLEET_GITEA_TOKEN": "a", "HCLOUD_TOKEN": "b", "PHRASE": "c", "PATH": "/bin", "BW_SESSION": "d"}
    assert without_secrets(environment, named) == {"PATH": "/bin", "BW_SESSION": "d"}


def test_a_variable_that_no_secret_is_in_is_an_ordinary_one() -> None:
    elsewhere = replace(
        inventory(),
        hetzner=HetznerSettings(token=FromFile("token")),
        ssh=SshSettings(passphrase=FromCommand(("pass", "show", "PHRASE"))),
    )
    assert without_secrets({"HCLOUD_TOKEN": "b", "PHRASE": "c"}, elsewhere) == {"HCLOUD_TOKEN": "b", "PHRASE": "c"}
