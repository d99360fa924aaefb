"""A ``docker`` for tests: it notes its arguments, and runs what ``exec`` is given on this machine.

``/var/run/act`` and ``/workspace`` of a container are folders below FAKE_DOCKER_ROOT and its name.
"""

import json
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    root = os.environ["FAKE_DOCKER_ROOT"]
    with Path(root, "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    if arguments[0] == os.environ.get("FAKE_DOCKER_FAILS"):
        sys.stderr.write("no such image\n")
        return 1
    if arguments[0] == "exec":
        execute(arguments[1:], root)
    return 0


def execute(arguments: list[str], root: str) -> None:
    """Replaces this process by the command; options stand before the container's name."""
    options = []
    while arguments[0].startswith("--"):
        name, joined, value = arguments.pop(0).partition("=")
        if name == "--workdir" and not joined:
            value = arguments.pop(0)
        options.append((name, value))
    home = Path(root, arguments[0])

    def local(text: str) -> str:
        return text.replace("/var/run/act", f"{home}/act").replace("/workspace", f"{home}/workspace")

    env = {name: local(value) for name, value in os.environ.items()}
    env |= {value.partition("=")[0]: local(value.partition("=")[2]) for _, value in options if "=" in value}
    for name, value in options:
        if name == "--workdir":
            os.chdir(local(value))
    command = [local(word) for word in arguments[1:]]
    os.execvpe(command[0], command, env)  # noqa: S606 - the tests' own commands


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
