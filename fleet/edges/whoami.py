"""Who runs this process, as the system knows them."""

import os
import pwd
import socket


def user() -> str:
    """Containers run as numbers without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def user_at_computer() -> str:
    """``ann@laptop``."""
    return f"{user()}@{socket.gethostname()}"
