"""Names that RFC 1123 allows for hosts."""

import re

PART = r"[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){PART}(?:\.{PART})*")


def is_hostname(text: str) -> bool:
    return bool(HOSTNAME.fullmatch(text))
