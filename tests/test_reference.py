"""What is written from the program is as the program is."""

import pytest

from tests.reference.pages import FILES
from tests.reference.places import ROOT


@pytest.mark.parametrize("path", FILES)
def test_the_reference_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == FILES[path](), "type `make reference`"
