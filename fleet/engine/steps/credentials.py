"""A runner's own credentials, read from its host. They open nothing but that runner's record."""

import json

from fleet.core.errors import HostError, HostLocked
from fleet.core.orders import Credentials
from fleet.core.secret import Secret
from fleet.core.setup import RUNNER_FILE
from fleet.engine.work import Work


def credentials(work: Work) -> Credentials | None:
    """What ``.runner`` holds, or None when the host does not answer or has none. Raises HostLocked."""
    try:
        data = json.loads(work.host().run(f"cat {RUNNER_FILE} 2>/dev/null").out)
        return Credentials(int(data["id"]), str(data["uuid"]), Secret(str(data["token"])))
    except HostLocked:
        raise
    except (HostError, ValueError, KeyError):
        return None
