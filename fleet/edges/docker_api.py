"""Asks the Docker of a host, through the ``docker`` library over our own SSH connection, whose host key is pinned.

The library's own SSH transport would make a connection of its own, without our key, pin and time limits. Ours is a
channel to the daemon's socket, which sshd joins to it; where sshd may not, or nobody listens, to
``docker system dial-stdio``, which does the same, takes a program's start longer, and can say why it does not go.
"""

import contextlib
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import docker.errors
import paramiko
import requests
import urllib3
from docker.api import APIClient
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from fleet.core.docker_seen import OF_TASKS, RUNNER, Container, DockerSeen, Made, Published, RunnerContainer
from fleet.core.plain import plain
from fleet.edges import ssh_channel

if TYPE_CHECKING:
    from fleet.edges.ssh_host import SshHost

SOCKET = "/var/run/docker.sock"
DIAL = "exec docker system dial-stdio"

BASE = "http://localhost:2375"

OLDEST = "1.24"
"""The first question is asked before Docker's own version of the API is known: its path names none."""

SERVER = re.compile(r"Docker/(\S+)")

_NO_ANSWER = (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError)
_NO_SENSE = (AttributeError, LookupError, TypeError, ValueError)


def look(host: "SshHost", timeout: float = 15) -> DockerSeen:
    """What Docker says. One that is not there, is down, or takes longer than ``timeout`` seconds is a ``trouble``.

    Raises HostSilent when the connection itself is lost.
    """
    dial = _Dial(host, time.monotonic() + timeout)
    try:
        return _ask(dial)
    except _NO_ANSWER as error:
        host.must_be_connected(DIAL)
        return DockerSeen(trouble=plain(dial.complaint() or _brief(error, timeout)))
    except _NO_SENSE as error:
        return DockerSeen(trouble=f"its answer cannot be read: {error!r}")
    finally:
        dial.end()


def _ask(dial: "_Dial") -> DockerSeen:
    version, api = _versions(_client(dial, OLDEST))
    client = _client(dial, api)
    of_tasks = {"name": OF_TASKS}
    return DockerSeen(
        version=plain(version),
        images=_images(client.images()),
        containers=tuple(_container(one) for one in client.containers(all=True)),
        runner=_runner(client),
        volumes=tuple(map(_volume, client.volumes(of_tasks).get("Volumes") or ())),
        networks=tuple(map(_network, client.networks(filters=of_tasks))),
    )


def _versions(client: APIClient) -> tuple[str, str]:
    """Docker's own, and that of its API. The headers of each answer have them (API page: SystemPing); for the page that
    is about versions Docker starts programs, which takes longer than all else here."""
    answer = client.get(f"{BASE}/_ping")
    answer.raise_for_status()
    named = SERVER.match(answer.headers.get("Server", ""))
    if named and "Api-Version" in answer.headers:
        return named[1], answer.headers["Api-Version"]
    told = client.version(api_version=False)
    return str(told["Version"]), str(told["ApiVersion"])


def _runner(client: APIClient) -> RunnerContainer | None:
    try:
        found = client.inspect_container(RUNNER)
    except docker.errors.NotFound:
        return None
    state = found["State"]
    return RunnerContainer(
        running=state["Status"] in {"running", "paused"},
        exit_code=int(state["ExitCode"]),
        restarts=int(found["RestartCount"]),
        config=_label(found["Config"], "fleet.config"),
        image=plain(str(found["Config"]["Image"])),
        restarting=bool(state.get("Restarting")),
        killed=bool(state.get("OOMKilled")),
        started=_epoch(state.get("StartedAt")),
    )


def _images(found: list[dict[str, Any]]) -> frozenset[str]:
    """Each by its tags and its digests, as a person names them."""
    return frozenset(name for one in found for name in (*(one["RepoTags"] or ()), *(one["RepoDigests"] or ())))


def _container(one: Mapping[str, Any]) -> Container:
    return Container(
        name=_name(one),
        image=plain(str(one["Image"])),
        state=str(one["State"]),
        created=int(one["Created"]),
        project=_label(one, "com.docker.compose.project"),
        config=_label(one, "fleet.config"),
        mounts=tuple(mount["Source"] for mount in one.get("Mounts") or () if mount.get("Source")),
        ports=tuple(
            Published(str(port.get("IP", "")), int(port["PublicPort"]))
            for port in one.get("Ports") or ()
            if port.get("PublicPort") and port.get("Type") == "tcp"
        ),
    )


def _name(one: Mapping[str, Any]) -> str:
    """Its own: links of other containers are names, too, with a further slash. One that just goes has none."""
    names: list[str] = one.get("Names") or [""]
    return min(names, key=lambda name: name.count("/")).removeprefix("/")


def _label(one: Mapping[str, Any], name: str) -> str:
    return str((one.get("Labels") or {}).get(name, ""))


def _volume(one: Mapping[str, Any]) -> Made:
    return Made(str(one["Name"]), _epoch(one.get("CreatedAt")))


def _network(one: Mapping[str, Any]) -> Made:
    return Made(str(one["Name"]), _epoch(one.get("Created")))


def _epoch(text: object) -> int:
    """0 for what is no time, or lies before all time, as Docker says of what has never been."""
    try:
        return max(int(datetime.fromisoformat(str(text)).timestamp()), 0)
    except ValueError:
        return 0


def _brief(error: Exception, timeout: float) -> str:
    if isinstance(error, requests.Timeout):
        return f"Docker gave no answer in {timeout:g} s"
    return " ".join(str(error).split())[:200]


def _client(dial: "_Dial", version: str) -> APIClient:
    client = APIClient(base_url=BASE, version=version)
    client.trust_env = False  # no password of a file of ours is for the other end of the channel
    client.mount("http://", _Adapter(dial))
    return client


class _Dial:
    """The way to the daemon of one look: a channel that all questions share, as long as the daemon does not end it.

    ``deadline``: ``time.monotonic()``.
    """

    def __init__(self, host: "SshHost", deadline: float) -> None:
        self._host = host
        self._deadline = deadline
        self._channel: paramiko.Channel | None = None
        self.pool = _Pool("localhost", dial=self)

    def left(self) -> float:
        """Seconds until the deadline; never none at all, which would mean no limit."""
        return max(self._deadline - time.monotonic(), 0.01)

    def open(self) -> paramiko.Channel:
        """A channel; the one before has ended."""
        if self._channel is not None:
            ssh_channel.end(self._channel)
        self._channel = self._host.dial_unix(SOCKET, self.left()) or self._host.dial(DIAL, self.left())
        return self._channel

    def complaint(self) -> str:
        """Why the command over there ended; empty when it has not, or without a word."""
        channel = self._channel
        if channel is None or not (channel.closed or channel.eof_received):
            return ""
        with contextlib.suppress(OSError):
            channel.settimeout(1)
            return " ".join(channel.recv_stderr(ssh_channel.CHUNK).decode(errors="replace").split())[:200]
        return ""

    def end(self) -> None:
        """End it, and with it the command over there."""
        self.pool.close()
        if self._channel is not None:
            ssh_channel.end(self._channel)


class _Socket:
    """What is used of a socket, as a channel has it. Closed it is by the dial alone: a connection closes its socket as
    soon as an answer says that it is the last one, and reads the answer only then."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self.sendall = channel.sendall
        self.settimeout = channel.settimeout
        self.makefile = channel.makefile

    @property
    def is_open(self) -> bool:
        return not self._channel.closed

    def close(self) -> None:
        """Nothing yet."""


class _Connection(HTTPConnection):
    """HTTP over the channel. urllib3 asks a socket whether it is readable to know that it is closed; a channel says."""

    def __init__(self, *args: Any, dial: _Dial, **more: Any) -> None:
        super().__init__(*args, **more)
        self._dial = dial

    def connect(self) -> None:
        self.sock: Any = _Socket(self._dial.open())

    @property
    def is_connected(self) -> bool:
        return self.sock is not None and self.sock.is_open


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    """All questions go through the one channel, and all of them together have one time limit."""

    def __init__(self, dial: _Dial) -> None:
        super().__init__()
        self._dial = dial

    def send(self, *args: Any, **more: Any) -> requests.Response:
        return super().send(*args, **{**more, "timeout": self._dial.left()})

    def get_connection_with_tls_context(self, *_args: Any, **_more: Any) -> urllib3.HTTPConnectionPool:
        return self._dial.pool
