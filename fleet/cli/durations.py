"""``30m``, ``4h``, ``2d``: how long something holds."""

import re

from fleet.core.errors import Refused

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """The seconds in a duration. Raises Refused with the form it must have."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    if match is None:
        raise Refused(f"{text!r} is no duration", hint="a number and s, m, h or d: 30m, 4h, 2d")
    return int(match[1]) * UNITS[match[2]]
