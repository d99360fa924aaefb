"""Runs a command as cron would: in cron's shell, in the user's home, with next to no environment."""

import os
import pwd
import subprocess
from dataclasses import dataclass

from fleet.core.errors import Refused

SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit code, and what was said on stderr."""

    code: int
    said: str


def run(command: str, *, seconds: float = SECONDS) -> Ended:
    """Run it to its end; what it prints on stdout is dropped. Raises Refused when it takes longer than that."""
    user = pwd.getpwuid(os.getuid())
    home = user.pw_dir
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=home,
            env={"HOME": home, "LOGNAME": user.pw_name, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"in cron's environment `{command}` took over {seconds:g} s", hint="run it by hand") from None
    return Ended(done.returncode, done.stderr.decode(errors="replace").strip())
