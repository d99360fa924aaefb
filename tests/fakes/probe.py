"""What a ``FakeHost`` says when it is looked at: the answer of the probe, and of its Docker."""

import base64
import json

from fleet.core.docker_seen import CACHE, RUNNER, Container, DockerSeen, Made, RunnerContainer
from tests.fakes.host import DAEMON_FILE, LOGIN_FILES, MEMORY_FILE, RUNNER_FILE, ByHand, FakeHost

Lines = list[tuple[str, str]]


def probe(host: FakeHost, arguments: list[str]) -> str:
    """What ``probe.sh`` prints on this host."""
    lines = [("boot", _boot_state(host)), ("os", "debian"), ("os_version", "13"), ("codename", "trixie")]
    lines += [("arch", "amd64"), ("open_files", "1048576"), ("docker_active", _activity(host))]
    lines += [("clock", str(host.now())), ("bridge", host.bridge if host.disk.docker else "")]
    lines += [("reboot_needed", "yes")] if host.asks_for_reboot else []
    lines += [("disk", f"80000000 {1000 if host.full else host.disk_free} 5000000 4000000 /var/lib/docker")]
    lines += [("memory_size", "8000000"), ("memory_free", "6000000"), ("oom_kills", "0")]
    lines += [("load", "0.10"), ("cores", "4"), ("uptime", "3600")]
    lines += [("guarded", "yes")] if host.guarded else []
    lines += [("socket_lost", "yes")] if host.socket_lost else []
    lines += [("compose", "2.26.1")] if host.disk.docker else []
    lines += [("login", line) for line in host.disk.files.get(LOGIN_FILES[0], "").splitlines()]
    kinds = {"file": _file, "package": _package, "static": _static, "source": _source, "cache": _cache}
    for argument in arguments:
        kind, _, what = argument.partition(":")
        lines += kinds[kind](host, what)
    lines += [("memory", line) for line in host.disk.files.get(MEMORY_FILE, "").splitlines()]
    lines += host.tailscale.probe("/opt/fleet/tailnet" in host.disk.files)
    lines += [("registration", shown) for shown in _record(host, RUNNER_FILE)]
    return "".join(f"{key}\t{value}\n" for key, value in lines)


def docker(host: FakeHost) -> DockerSeen:
    """What its Docker says."""
    disk = host.disk
    if not disk.docker or host.docker_trouble:
        return DockerSeen(trouble=host.docker_trouble or "sh: 1: exec: docker: not found")
    return DockerSeen(
        version="26.1.5",
        images=frozenset(disk.images),
        containers=tuple(_containers(host)),
        runner=_runner(host),
        volumes=tuple(Made(name, int(host.now())) for name in host.left_volumes),
    )


def _containers(host: FakeHost) -> list[Container]:
    found = [Container(name, "node:22", "running", int(host.now())) for name in host.tasks()]
    found += [Container(name, "node:22", "running", 0) for name in host.left_tasks]
    if host.disk.serves_cache:
        found.append(Container(CACHE, "gitea/runner:4.1.0", "running", 0))
    if host.disk.container is not None:
        state = "running" if host.disk.container.running else "exited"
        found.append(Container(RUNNER, host.disk.container.image, state, 0))
    by_hand = host.disk.by_hand
    if by_hand is not None and by_hand.running:
        folder = ByHand.FILE.rpartition("/")[0]
        found.append(Container("hand-made", "gitea/act_runner:0.2.11", "running", 0, "ci", mounts=(folder,)))
    return found


def _runner(host: FakeHost) -> RunnerContainer | None:
    container = host.disk.container
    if container is None:
        return None
    return RunnerContainer(container.running, 0, 0, container.config, container.image, started=1)


def _boot_state(host: FakeHost) -> str:
    if not host.booted:
        return ""
    return "1" if host.cloud_init_exit == 1 else "0"


def _activity(host: FakeHost) -> str:
    return "active" if host.disk.docker and not host.docker_trouble else "inactive"


def _file(host: FakeHost, path: str) -> Lines:
    digest = host.digest(path)
    return [] if digest is None else [("file", f"{digest}  {path}")]


def _package(host: FakeHost, name: str) -> Lines:
    installed = [("package", name)] if name in host.disk.packages else []
    return installed + ([("held", name)] if name in host.disk.held else [])


def _static(host: FakeHost, port: str) -> Lines:
    lines = [("static_port", port)]
    daemon = host.disk.files.get(DAEMON_FILE, "")
    lines += [("daemon", base64.b64encode(daemon.encode()).decode())] if daemon else []
    added = host.disk.files.get("/var/lib/fleet/daemon.json", "")
    return lines + ([("daemon_added", base64.b64encode(added.encode()).decode())] if added else [])


def _source(host: FakeHost, folder: str) -> Lines:
    path = f"{folder}/.runner"
    return [("record", f"{path}|{shown}") for shown in _record(host, path)]


def _cache(host: FakeHost, _where: str) -> Lines:
    return [("cache_answers", "yes" if host.process is not None and not host.cache_silent else "no")]


def _record(host: FakeHost, path: str) -> list[str]:
    """A runner's record without its token, if there is one."""
    content = host.disk.files.get(path)
    if not content:
        return []
    return [base64.b64encode(json.dumps({**json.loads(content), "token": ""}).encode()).decode()]
