"""Calls an address after a good pass, for a watcher that raises an alarm when the calls stop."""

import requests

SECONDS = 10


def call(url: str) -> bool:
    """Whether the address answered with success. Its silence is the watcher's alarm, so it is no error here."""
    try:
        return requests.get(url, timeout=SECONDS).ok
    except requests.RequestException:
        return False
