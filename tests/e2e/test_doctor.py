"""``fleet doctor`` on a lab: all is well; and each system that is wrong is named, and hides no other."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.keyboard import Fleet

pytestmark = pytest.mark.e2e


def _grades(fleet: Fleet, **env: str) -> tuple[int, dict[str, set[str]]]:
    typed = fleet.type("doctor", "--json", **env)
    checks: list[dict[str, Any]] = typed.json["checks"]
    areas = {check["area"] for check in checks}
    return typed.code, {area: {check["grade"] for check in checks if check["area"] == area} for area in areas}


def test_a_good_inventory_has_no_error_and_nothing_is_made(fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of()
    code, grades = _grades(fleet)
    assert code == 0
    assert all("error" not in found for found in grades.values())
    assert {"inventory", "gitea", "hetzner", "types", "clock", "ssh", "cron"} <= grades.keys()
    assert fleet.left() == []
    assert not list(fleet.person.folder.glob("config/**/*.ed25519"))


@pytest.mark.parametrize(
    ("env", "area"), [({"HCLOUD_TOKEN": "wrong"}, "hetzner"), ({"FLEET_GITEA_TOKEN": "wrong"}, "gitea")]
)
def test_a_wrong_token_is_an_error_of_its_own_system_alone(
    fleet_of: Callable[..., Fleet], env: dict[str, str], area: str
) -> None:
    code, grades = _grades(fleet_of(), **env)
    assert code == 1
    assert [one for one, found in grades.items() if "error" in found] == [area]


def test_a_token_that_may_only_read_is_found_out(fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of()
    code, grades = _grades(fleet, FLEET_GITEA_TOKEN=fleet.lab.gitea_readonly_token)
    assert (code, "error" in grades["gitea"]) == (1, True)


def test_each_problem_of_an_inventory_is_a_line(fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of()
    fleet.write('name = "Ci"\ngitea.url = "ftp://x"\n[pools.build]\n')
    typed = fleet.type("doctor")
    assert typed.code == 1
    assert "name" in typed.out
    assert "gitea.url" in typed.out
