"""What a static host remembers from one run to the next, in a small file on it: what tags are to a server.

The file has a lock of its own, held for a moment: a person's word (``fleet hold``) does not wait for a change.
"""

import shlex
from collections.abc import Mapping

from fleet.core.errors import CommandFailed
from fleet.core.probe_answer import read_memory
from fleet.core.setup import MEMORY
from fleet.engine.ports import Host


def read(host: Host, folder: str = MEMORY) -> Mapping[str, str]:
    """All of it, as it is now. Raises HostError."""
    return read_memory(host.run(f"cat {folder}/memory 2>/dev/null").out)


def change(host: Host, script: str, changes: Mapping[str, str | None], folder: str = MEMORY) -> Mapping[str, str]:
    """Change these keys and no others (None removes), all or nothing; what is remembered then.

    ``script``: the shipped ``memory.sh``. Raises HostError, CommandFailed.
    """
    words = shlex.join([folder, *(f"{key}={value or ''}" for key, value in changes.items())])
    result = host.run(f"sh -s -- {words}", stdin=script.encode(), timeout=30)
    if result.status != 0:
        raise CommandFailed(f"could not write {folder}/memory (exit {result.status}): {result.err.strip()}")
    return read_memory(result.out)
