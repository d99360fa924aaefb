"""The tailnet of an inventory opened as commands do it, with the real edge, against stand-ins."""

from pathlib import Path

import pytest

from fleet.cli import doctor, wiring
from fleet.core.doctor import Grade
from fleet.core.errors import CredentialsError
from fleet.core.inventory import Inventory
from fleet.edges.inventory import load
from tests.cli.terminal import typed
from tests.tailnets.headscale import Headscale
from tests.tailnets.records import Records
from tests.tailnets.serving import served


def inventory_in(folder: Path, lines: str) -> Inventory:
    file = folder / "inventory.toml"
    file.write_text(f'name = "ci"\ngitea.url = "https://gitea.example"\n{lines}\n[pools.a]\n')
    return load(file)


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_TAILNET_KEY", raising=False)


def test_without_a_tailnet_none_is_opened_and_doctor_says_nothing(tmp_path: Path) -> None:
    inventory = inventory_in(tmp_path, "")
    assert wiring.open_tailnet(inventory) is None
    assert list(doctor.AREAS["tailnet"](inventory)) == []


def test_a_secret_that_is_nowhere_is_told_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"tailnet\.token is missing: FLEET_TAILNET_KEY"):
        wiring.open_tailnet(inventory_in(tmp_path, "[tailnet]"))


def test_doctor_tells_what_it_is_and_for_which_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    monkeypatch.setenv("FLEET_TAILNET_KEY", records.secret)
    with served(Headscale(records)) as site:
        (check,) = doctor.AREAS["tailnet"](inventory_in(tmp_path, f'tailnet.url = "{site.url}"'))
    assert (check.area, check.grade) == ("tailnet", Grade.OK)
    assert check.text == "Headscale 0.29.2: the secret may mint keys for tag:ci"


def test_a_wrong_secret_is_an_error_of_its_area(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_TAILNET_KEY", "wrong")
    with served(Headscale(Records())) as site:
        inventory = inventory_in(tmp_path, f'tailnet.url = "{site.url}"')
        (check,) = doctor._looked("tailnet", doctor.AREAS["tailnet"](inventory))
    assert check.grade is Grade.ERROR
    assert "does not accept the secret of $FLEET_TAILNET_KEY" in check.text
    assert check.fix.endswith("headscale apikeys create")


def test_a_lab_with_a_tailnet_needs_its_programs(tmp_path: Path) -> None:
    (tmp_path / "headscale").touch()
    result = typed("lab", "up", "--name", "nowhere", "--tailnet", str(tmp_path))
    assert result.exit_code == 2
    assert "does not have tailscale, tailscaled" in result.stderr
    assert "tools/ensure-tailnet" in result.stderr
