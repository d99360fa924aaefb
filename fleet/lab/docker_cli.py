"""The `docker` command line, as functions. A thin wrapper: no library, no state."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

TIMEOUT = 120.0
"""Seconds one command may take where the caller names no other limit."""

LAST_LINES = 12


class DockerError(Exception):
    """A docker command failed: what was run, and the last lines of what it said."""

    def __init__(self, args: Sequence[str], said: str) -> None:
        self.command = "docker " + " ".join(args)
        self.said = "\n".join(said.strip().splitlines()[-LAST_LINES:])
        super().__init__(f"{self.command}: {self.said or 'failed without a word'}")

    @property
    def not_found(self) -> bool:
        """True if the container, image or network is not there (each Docker version words it differently)."""
        said = self.said.lower()
        return any(words in said for words in ("no such", "not found", "does not exist"))


def run(args: Sequence[str], *, stdin: str | bytes | None = None, timeout: float = TIMEOUT) -> str:
    """Run `docker ARGS`; return its output without the last newline. Raise DockerError if it fails."""
    return run_bytes(args, stdin=stdin, timeout=timeout).decode(errors="replace").rstrip("\n")


def run_bytes(args: Sequence[str], *, stdin: str | bytes | None = None, timeout: float = TIMEOUT) -> bytes:
    """As `run`, for output that is not text."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    # Without given input the command reads nothing: it must never wait for a person's terminal.
    source: dict[str, object] = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            ["docker", *args], capture_output=True, env=_environment(), timeout=timeout, check=False, **source
        )
    except subprocess.TimeoutExpired as late:
        raise DockerError(args, f"no answer within {timeout:g} seconds") from late
    except FileNotFoundError as missing:
        raise DockerError(args, "there is no docker command here; type: tools/ensure-docker") from missing
    if done.returncode:
        raise DockerError(args, (done.stderr + done.stdout).decode(errors="replace"))
    output: bytes = done.stdout
    return output


@contextmanager
def reading(args: Sequence[str]) -> Iterator[IO[bytes]]:
    """The output of `docker ARGS` as a stream, for what is too big to hold. Raise DockerError if it fails."""
    with subprocess.Popen(
        ["docker", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield process.stdout
            process.stdout.read()
            said = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise DockerError(args, said.decode(errors="replace"))


def _environment() -> dict[str, str]:
    # The builder inside the engine is always there; buildx is a package of its own that may be missing.
    return {**os.environ, "DOCKER_BUILDKIT": "0"}
