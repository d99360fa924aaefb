"""The inventory's ``[upkeep]``: what it becomes, and every mistake."""

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import Reboot, Upkeep
from fleet.edges.inventory import parse

AGE_LIKE = 'like "3h", "90m" or "1h30m", or a number of seconds'


def upkeep(lines: str = "") -> Upkeep:
    text = f'name = "ci"\ngitea.url = "https://gitea.example"\n[upkeep]\n{lines}\n[pools.a]\n'
    return parse(text, "i.toml").upkeep


def test_an_empty_table_and_none_are_the_same() -> None:
    assert upkeep() == Upkeep()
    assert parse('name = "ci"\ngitea.url = "https://gitea.example"\n[pools.a]', "i.toml").upkeep == Upkeep()


def test_ages_are_text_or_seconds() -> None:
    read = upkeep('clean_after = "12h"\nimages_after = 600\nbuild_cache_after = "1h30m"')
    assert (read.clean_after, read.images_after, read.build_cache_after) == (43200, 600, 5400)


def test_percents_are_read() -> None:
    read = upkeep("disk_warning = 70\ndisk_full = 71")
    assert (read.disk_warning, read.disk_full) == (70, 71)


def test_updates_can_be_left_to_the_image() -> None:
    assert (upkeep().updates, upkeep("updates = false").updates) == (True, False)


def test_reboots_can_be_left_to_a_person() -> None:
    assert (upkeep().reboot, upkeep('reboot = "never"').reboot) == (Reboot.WHEN_IDLE, Reboot.NEVER)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('clean_after = "soon"', f'upkeep.clean_after: "soon" is no time ({AGE_LIKE})'),
        ("images_after = 59", "upkeep.images_after: 59 is out of range (one minute to 8760h, a year)"),
        ("build_cache_after = true", f"upkeep.build_cache_after: is no time ({AGE_LIKE})"),
        ("disk_warning = 0", "upkeep.disk_warning: 0 is out of range (1 to 99)"),
        ("disk_full = 100", "upkeep.disk_full: 100 is out of range (1 to 99)"),
        ("disk_full = 80", "upkeep.disk_full: 80 is not above disk_warning (more than 80)"),
        ('disk_full = "92%"', "upkeep.disk_full: must be a whole number, not text"),
        ('updates = "no"', "upkeep.updates: must be true or false, not text"),
        ('reboot = "now"', 'upkeep.reboot: "now" is unknown (known: when-idle, never)'),
        ("clean_afer = 60", 'upkeep.clean_afer: is an unknown key (did you mean "clean_after"?)'),
    ],
)  # fmt: skip
def test_a_mistake_is_told(line: str, problem: str) -> None:
    with pytest.raises(InventoryError) as error:
        upkeep(line)
    assert [str(one) for one in error.value.problems] == [problem]
