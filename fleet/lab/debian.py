"""Where the lab's Debian comes from: a hub that answers, or else the package archive by way of mmdebstrap.

The archive, and the proxy to reach it, are those that apt uses on this machine where it is a Debian that
has them; otherwise Debian's own address. Only plain http is taken over: packages are signed, and the
machine's private certificates would be missing inside.
"""

import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.lab import docker_cli
from fleet.lab.docker_cli import DockerError

SUITE = "trixie"
HUB_IMAGE = "debian:13-slim"
HUB_SECONDS = 20.0
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEFAULT_ARCHIVE = "http://deb.debian.org/debian"
DEFAULT_SECURITY = "http://deb.debian.org/debian-security"
BOOTSTRAP_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Archive:
    """Where packages come from, and the lines of apt's configuration that say how to get there."""

    main: str
    security: str
    proxies: tuple[str, ...] = ()

    def sources(self) -> str:
        """The text of a `.sources` file."""
        main = _stanza(self.main, f"{SUITE} {SUITE}-updates")
        return f"{main}\n{_stanza(self.security, f'{SUITE}-security')}"

    def apt_conf(self) -> str:
        """The text of a file for `apt.conf.d`: no translations, the machine's proxies."""
        return "\n".join(('Acquire::Languages "none";', 'Acquire::Retries "2";', *self.proxies)) + "\n"


def archive() -> Archive:
    """The archive to use on this machine: its own where that has our suite, else Debian's."""
    main, security = (_configured(label) for label in ("Debian", "Debian-Security"))
    if main and security and _serves(main, SUITE) and _serves(security, f"{SUITE}-security"):
        return Archive(main, security, _proxies())
    return Archive(DEFAULT_ARCHIVE, DEFAULT_SECURITY, _proxies())


def make_root(tag: str, source: Archive, say: Callable[[str], None]) -> None:
    """Make the image `tag`: a small Debian and nothing else. Raise DockerError if there is no way to one."""
    if _pulled(tag):
        say(f"{HUB_IMAGE} came from the hub")
        return
    say(f"no hub gave {HUB_IMAGE}: making Debian {SUITE} from {source.main}")
    if shutil.which("mmdebstrap") is None:
        raise DockerError(("pull", HUB_IMAGE), "no hub answers, and mmdebstrap is not here; type: tools/ensure-docker")
    with tempfile.TemporaryDirectory(prefix="fleet-lab-") as folder:
        tarball = Path(folder, "root.tar")
        _bootstrap(tarball, source)
        docker_cli.run(("import", str(tarball), tag), timeout=BOOTSTRAP_SECONDS)


def _pulled(tag: str) -> bool:
    try:
        docker_cli.run(("pull", "--quiet", HUB_IMAGE), timeout=HUB_SECONDS)
    except DockerError:
        return False
    docker_cli.run(("tag", HUB_IMAGE, tag))
    return True


def _bootstrap(tarball: Path, source: Archive) -> None:
    sources = Path(tarball.parent, "debian.sources")
    sources.write_text(source.sources())
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", "--format=tar"]
    command += [f"--aptopt={line}" for line in source.apt_conf().splitlines()]
    # Removed at the end, not left out by dpkg: that makes mmdebstrap filter each package, which is slow.
    unwanted = " ".join(f'"$1"/usr/share/{name}/*' for name in ("doc", "info", "locale", "man"))
    command += [f"--customize-hook=rm -rf {unwanted}"]
    command += [SUITE, str(tarball), str(sources)]
    if os.geteuid() != 0:
        command.insert(1, "--mode=unshare")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=BOOTSTRAP_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise DockerError(("import", tarball.name), f"mmdebstrap could not make {SUITE}:\n{done.stderr}")


def _stanza(uri: str, suites: str) -> str:
    return f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n"


def _configured(label: str) -> str | None:
    wanted = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Label: {label}")
    addresses = (line.rstrip("/") for line in _output(wanted).splitlines())
    return next((address for address in addresses if address.startswith("http://")), None)


def _serves(uri: str, suite: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/dists/{suite}/InRelease", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _proxies() -> tuple[str, ...]:
    lines = _output(("apt-config", "dump")).splitlines()
    return tuple(line for line in lines if re.match(r'Acquire::https?::Proxy(::\S+)? ".+";', line))


def _output(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
