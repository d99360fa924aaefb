"""What others have written, harmless on a terminal: names of jobs come from whoever may push a workflow."""

import re

_ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, line separators, and what turns the direction of text around."""


def plain(text: str) -> str:
    """The text with a ``?`` for each character that a terminal would obey instead of showing it."""
    return _ACTS.sub("?", text)
