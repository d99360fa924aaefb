"""The pictures in ``docs/pictures`` are of the program as it is, and need nothing from elsewhere."""

import re
from xml.etree import ElementTree as ET

import pytest

from tests.pictures import FOLDER, PICTURES, drawn


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_of_the_program_as_it_is(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text("utf-8") == drawn(name), "out of date: make pictures"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_same_each_time(name: str) -> None:
    assert drawn(name) == drawn(name)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_sound_and_loads_nothing(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text("utf-8")
    ET.fromstring(text)  # noqa: S314 - our own file
    assert "@import" not in text
    assert "@font-face" not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_there_is_no_picture_that_nothing_draws() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(PICTURES)
