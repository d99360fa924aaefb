"""The commands that the engine sends to a host: each has a name, and does to a ``FakeHost`` what it says."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from fleet.core.orders import Result
from fleet.core.probe_answer import read_memory
from fleet.core.setup.trust import UPDATE_STORE
from fleet.engine.steps import freeze
from tests.fakes.host import GUARD_UNIT, LOGIN_FILES, RUNNER_FILE, FakeHost
from tests.fakes.probe import probe
from tests.fakes.tailscale import ARCHIVE_KEY, read_flags


class UnknownCommand(BaseException):
    """A test that meets a command the model does not know has failed, whoever catches exceptions on the way."""


@dataclass(frozen=True, slots=True)
class Shell:
    """One command, ready to be run. ``name`` is what the log of calls says."""

    name: str
    run: Callable[[], Result]


Action = Callable[[FakeHost, "re.Match[str]", str], Result]

DONE = Result(0, "", "")

_PUT = (
    r"umask 022; mkdir -p \$\(dirname (?P<path>\S+)\); umask 077; cat >(?P=path)\.new"
    r" && chmod (?P<mode>[0-7]{3}) (?P=path)\.new && mv (?P=path)\.new (?P=path)"
)
_IN_PLACE = r"mv (?P<path>\S+)\.new (?P=path) && \{ (?P<then>.+) \|\| \{ rm (?P=path); exit 1; \}; \}"
_INSTALL = r"sh -s -- /opt/fleet/bin/apt-install (?P<packages>.+)"
_INSTALL_TAILSCALE = rf"sh -s -- /opt/fleet/bin/tailscale-install {ARCHIVE_KEY}"
_JOIN = (
    r"mkdir -p /opt/fleet && : >/opt/fleet/tailnet && cat \|"
    r" tailscale up --auth-key=file:/dev/stdin (?P<flags>--timeout=60s --reset .+)"
)
_SET = r"tailscale set (?P<flags>.+)"
_LOG_OUT = r"systemd-run --quiet --collect sh -c 'sleep 1; tailscale logout && rm -f /opt/fleet/tailnet'"
_RESOLVER = r"systemctl daemon-reload && systemctl enable --quiet fleet-dns && systemctl restart fleet-dns"
_NAMES = (
    r"systemctl daemon-reload && systemctl enable --now --quiet fleet-names\.timer"
    r" && /opt/fleet/bin/tailnet-names keep (?P<names>.*) && /opt/fleet/bin/tailnet-names check (?P=names)"
)
_FORGET_NAMES = (
    r"\{ \[ ! -e /opt/fleet/bin/tailnet-names \] \|\| mv /opt/fleet/bin/tailnet-names"
    r" /opt/fleet/bin/tailnet-names\.going; \} && /opt/fleet/bin/tailnet-names\.going forget"
    r" && rm -f /opt/fleet/bin/tailnet-names\.going"
)
_AWAY = r"\{ \[ ! -e (?P<path>\S+) \] \|\| mv (?P=path) (?P=path)\.going; \} && (?P<then>.+) && rm -f (?P=path)\.going"
_PROXY = r"systemctl daemon-reload && \{ ! systemctl --quiet is-active docker \|\| systemctl restart docker; \}"
_WAIT = r"! command -v cloud-init >/dev/null \|\| timeout \d+ cloud-init status --wait >/dev/null"
_COMPOSE = (
    r"docker compose -f /opt/fleet/compose\.yaml up --detach --quiet-pull --remove-orphans"
    r" (?P<force>--force-recreate)? 2>&1"
)
_KEEPS = (
    r"\{ \[ ! -e (?P<path>\S+) \] \|\| cp -p (?P=path) (?P=path)\.before-fleet; \} && mv (?P=path)\.new (?P=path)"
    r" && \{ (?P<then>.+) \|\| \{ mv (?P=path)\.before-fleet (?P=path) \|\| rm (?P=path); exit 1; \}; \}"
    r" && rm -f (?P=path)\.before-fleet"
)
_ADD = (
    r"mkdir -p /var/lib/fleet && printf '%s\\n' (?P<added>'.*'|\{\}) >/var/lib/fleet/daemon\.json"
    r" && /opt/fleet/bin/docker-restart"
)
_TAKE_OFF = (
    r"\[ ! -e (?P<path>\S+) \] \|\| mv (?P=path) (?P=path)\.going; \{ .+; \} >/dev/null 2>&1; rm -f (?P=path)\.going"
)
_MEMORY = r"sh -s -- (?P<folder>/var/lib/fleet(?:/record)?) (?P<words>.+)"
_DOWN = (
    r"\[ ! -e /opt/fleet/compose\.yaml \] \|\| docker compose -f /opt/fleet/compose\.yaml"
    r" down --volumes --remove-orphans 2>&1"
)
_STOP_BY_HAND = r"docker update --restart=no hand-made >/dev/null && docker kill --signal TERM hand-made >/dev/null"
_INSPECT_BY_HAND = r"docker container inspect --format '\{\{\.State\.Running\}\}' hand-made"
_INSPECT = r"docker container inspect --format '\{\{\.State\.Running\}\}' fleet-runner"


_words = lru_cache(None)(shlex.split)  # the same few commands come a hundred thousand times


def read(host: FakeHost, command: str, stdin: str, stack: Mapping[str, str]) -> Shell:
    """What this command is. Raises UnknownCommand."""
    if command.startswith("sh -s -- ") and stdin == stack["probe.sh"]:
        return Shell("host.probe", lambda: Result(0, probe(host, _words(command)[3:]), ""))
    if command.startswith("sh -s -- ") and stdin == stack["login-key.sh"]:
        words = _words(command)[3:]
        return Shell(f"host.{words[0]} key", lambda: _login_key(host, *words))
    if (found := re.fullmatch(_INSTALL, command)) and stdin == stack["run-setup.sh"]:
        packages = set(found["packages"].split())
        return Shell("host.install", lambda: _install(host, packages, stack))
    if re.fullmatch(_INSTALL_TAILSCALE, command) and stdin == stack["run-setup.sh"]:
        return Shell("host.install tailscale", lambda: _install_tailscale(host, stack))
    if found := re.fullmatch(_IN_PLACE, command) or re.fullmatch(_KEEPS, command):
        path, then = found["path"], read(host, found["then"], "", stack)
        return Shell(f"{then.name} with its file", lambda: _in_place(host, path, then))
    if (found := re.fullmatch(_MEMORY, command)) and stdin == stack["memory.sh"]:
        folder, words = found["folder"], _words(found["words"])
        return Shell("host.remember", lambda: _remember(host, folder, words))
    for name, pattern, action in _COMMANDS:
        if match := re.fullmatch(pattern, command):
            return Shell(name, partial(action, host, match, stdin))
    if away := re.fullmatch(_AWAY, command):
        after = read(host, away["then"], "", stack)
        return Shell(f"{after.name} without its file", lambda: _away(host, away["path"], after))
    raise UnknownCommand(command)


def _install(host: FakeHost, packages: set[str], stack: Mapping[str, str]) -> Result:
    assert host.disk.files["/opt/fleet/bin/apt-install"] == stack["apt-install.sh"]
    assert host.disk.modes["/opt/fleet/bin/apt-install"] == 0o755
    if host.breaks_apt:
        return Result(100, "E: Unable to locate package docker.io\n", "")
    host.install(packages)
    return DONE


def _install_tailscale(host: FakeHost, stack: Mapping[str, str]) -> Result:
    assert host.disk.files["/opt/fleet/bin/tailscale-install"] == stack["tailscale-install.sh"]
    assert host.disk.files["/opt/fleet/bin/apt-install"] == stack["apt-install.sh"]
    if host.breaks_apt:
        return Result(1, "", "curl: (6) Could not resolve host: pkgs.tailscale.com\n")
    host.tailscale.installed = True
    return DONE


def _join_tailnet(host: FakeHost, match: "re.Match[str]", stdin: str) -> Result:
    host.disk.files["/opt/fleet/tailnet"] = ""
    wrong = host.tailscale.up(read_flags(match["flags"]), stdin)
    return Result(1, "", f"{wrong}\n") if wrong else DONE


def _set_tailnet(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.tailscale.set(read_flags(match["flags"]))
    return DONE


def _log_out(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.tailscale.log_out()
    host.disk.files.pop("/opt/fleet/tailnet", None)
    return DONE


def _forget_names(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    del host.disk.files["/opt/fleet/bin/tailnet-names"]
    return DONE


def _login_key(host: FakeHost, what: str, first: str, new: str = "") -> Result:
    path = LOGIN_FILES[0]
    lines = host.disk.files.get(path, "").splitlines()
    has = {" ".join(line.split()[:2]) for line in lines}
    if what == "drop" and " ".join(new.split()[:2]) not in has:
        return Result(1, "", "the new key is not there")
    kept = [line for line in lines if line.split()[:2] != first.split()[:2]]
    host.disk.files[path] = "".join(f"{line}\n" for line in (kept if what == "drop" else [*kept, first]))
    return DONE


def _put(host: FakeHost, match: "re.Match[str]", stdin: str) -> Result:
    host.disk.files[match["path"]] = stdin
    host.disk.modes[match["path"]] = int(match["mode"], 8)
    return DONE


def _in_place(host: FakeHost, path: str, then: Shell) -> Result:
    """The file goes where it belongs, and away again when what must follow it fails."""
    host.disk.files[path] = host.disk.files.pop(f"{path}.new")
    host.disk.modes[path] = host.disk.modes.pop(f"{path}.new")
    result = then.run()
    if result.status != 0:
        del host.disk.files[path]
    return result


def _away(host: FakeHost, path: str, then: Shell) -> Result:
    """The file goes; while what must follow has not been done, a mark of it stays."""
    going = f"{path}.going"
    if path in host.disk.files:
        host.disk.files[going] = host.disk.files.pop(path)
    result = then.run()
    if result.status == 0:
        del host.disk.files[going]
    return result


def _remove(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.disk.files.pop(match["path"], None)
    return DONE


def _restart_active_docker(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    if host.disk.docker:
        host.restart_docker()
    return DONE


def _wait_for_boot(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.wait_for_boot()
    return Result(host.cloud_init_exit, "", "")


def _say_boot(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return Result(host.cloud_init_exit, "status: error\nFailed to run module scripts_user\n", "")


def _enable_docker(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.start_docker()
    return DONE


def _restart_docker(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.restart_docker()
    return DONE


def _load_guard(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    if GUARD_UNIT not in host.disk.files or "nftables" not in host.disk.packages:
        return Result(1, "", "Job for fleet-guard.service failed")
    host.guarded = True
    return DONE


def _hold(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.disk.held |= set(match["packages"].split())
    return DONE


def _pull(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.disk.images.add(match["image"])
    return DONE if host.disk.docker else Result(1, "", "Cannot connect to the Docker daemon")


def _compose(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    return DONE if host.compose_up(force=bool(match["force"])) else Result(1, "no configuration file provided\n", "")


def _terminate(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return DONE if host.terminate() else Result(1, "", "container is not running")


def _freeze(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return DONE if host.freeze(freeze.THAWED_AFTER) else Result(1, "", "Container fleet-runner is not running")


def _thaw(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.thaw()
    return DONE


def _end_frozen(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return DONE if host.end_frozen() else Result(1, "it is not frozen any more\n", "")


def _remove_tasks(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.left_tasks = tuple(name for name in host.left_tasks if name not in match["names"].split())
    return DONE


def _inspect(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    container = host.disk.container
    if container is None:
        return Result(1, "", "No such container: fleet-runner")
    return Result(0, f"{str(container.running).lower()}\n", "")


def _log(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return Result(0, host.log() + "\n", "")


def _cat_runner(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    content = host.disk.files.get(RUNNER_FILE)
    return Result(1, "", "") if content is None else Result(0, content, "")


def _serve(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    assert {"/opt/fleet/cache/compose.yaml", "/opt/fleet/cache/config.yaml"} <= host.disk.files.keys()
    host.disk.serves_cache = True
    return DONE


def _cat(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    content = host.disk.files.get(match["path"])
    return Result(1, "", "No such file") if content is None else Result(0, content, "")


def _remember(host: FakeHost, folder: str, words: list[str]) -> Result:
    path = f"{folder}/memory"
    known = read_memory(host.disk.files.get(path, ""))
    known |= dict(word.split("=", 1) for word in words)
    text = "".join(f"{key}={value}\n" for key, value in known.items() if value)
    host.disk.files[path] = text
    return Result(0, text, "")


def _compose_down(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.remove_container()
    return DONE


def _remove_folder(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    for path in [one for one in host.disk.files if one.startswith(f"{match['path']}/")]:
        del host.disk.files[path]
    return DONE


def _add_settings(host: FakeHost, match: "re.Match[str]", _stdin: str) -> Result:
    host.disk.files["/var/lib/fleet/daemon.json"] = _words(match["added"])[0]
    host.restart_docker()
    return DONE


def _stop_by_hand(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.end_by_hand()
    return DONE


def _inspect_by_hand(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    assert host.disk.by_hand is not None
    return Result(0, f"{str(host.disk.by_hand.running).lower()}\n", "")


def _clean(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    assert host.disk.modes["/opt/fleet/bin/clean"] == 0o755
    host.full = False
    return DONE


def _reboot(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    host.reset()
    return DONE


def _boot_id(host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return Result(0, f"boot {host.boots}\n", "")


def _nothing(_host: FakeHost, _match: "re.Match[str]", _stdin: str) -> Result:
    return DONE


_COMMANDS: tuple[tuple[str, str, Action], ...] = (
    ("host.put", _PUT, _put),
    ("host.true", "true", _nothing),
    ("host.clean", r"/opt/fleet/bin/clean --now", _clean),
    ("host.reboot", r"systemd-run --quiet --collect sh -c 'sleep 1; systemctl reboot'", _reboot),
    ("host.which boot", r"cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat", _boot_id),
    ("host.wait for cloud-init", _WAIT, _wait_for_boot),
    ("host.read cloud-init", r"cloud-init status --long; tail -n 5 /var/log/cloud-init-output\.log", _say_boot),
    ("host.reload ssh", r"systemctl reload ssh", _nothing),
    ("host.load sysctl", r"sysctl --quiet --load=/etc/sysctl\.d/6[01]-fleet(-cache)?\.conf", _nothing),
    (
        "host.restart cache",
        r"! docker container inspect fleet-cache .+ docker restart fleet-cache >/dev/null",
        _nothing,
    ),
    ("host.serve cache", r"docker compose --file /opt/fleet/cache/compose\.yaml up .+", _serve),
    ("host.reload guard", r"! systemctl is-active --quiet fleet-guard \|\| systemctl reload fleet-guard", _nothing),
    ("host.enable guard", r"systemctl daemon-reload && systemctl enable --quiet fleet-guard", _nothing),
    ("host.filter docker", r"systemctl daemon-reload && \{ .+ set-property --runtime docker \".+\"; \}", _nothing),
    ("host.load guard", r"systemctl restart fleet-guard", _load_guard),
    ("host.join tailnet", _JOIN, _join_tailnet),
    ("host.set tailnet", _SET, _set_tailnet),
    ("host.log out of tailnet", _LOG_OUT, _log_out),
    ("host.start resolver", _RESOLVER, _nothing),
    ("host.keep names", _NAMES, _nothing),
    ("host.forget names", _FORGET_NAMES, _forget_names),
    ("host.turn updates on", r"\{ dpkg-query --show unattended-upgrades .+ apt-daily-upgrade\.timer", _nothing),
    ("host.limit journal", r"systemctl restart systemd-journald", _nothing),
    ("host.enable clean-up", r"systemctl daemon-reload && systemctl enable --now --quiet fleet-clean\.timer", _nothing),
    ("host.reload units", r"systemctl daemon-reload", _nothing),
    ("host.update certificates", re.escape(UPDATE_STORE), _nothing),
    ("host.tell docker of the proxy", _PROXY, _restart_active_docker),
    (
        "host.enable docker",
        r"systemctl reset-failed docker.socket docker 2>/dev/null; systemctl enable --now --quiet docker",
        _enable_docker,
    ),
    ("host.restart docker", r"systemctl restart docker", _restart_docker),
    ("host.remove file", r"rm -f (?P<path>\S+)", _remove),
    ("host.hold", r"apt-mark hold (?P<packages>.+) >/dev/null", _hold),
    ("host.pull", r"docker (--config /opt/fleet/docker )?pull --quiet (?P<image>\S+)", _pull),
    ("host.compose up", _COMPOSE, _compose),
    ("host.remove tasks", r"docker rm --force --volumes (?P<names>GITEA-ACTIONS-TASK-.+) >/dev/null", _remove_tasks),
    ("host.stop runner", r"docker kill --signal TERM fleet-runner >/dev/null", _terminate),
    ("host.freeze runner", re.escape(freeze.FREEZE), _freeze),
    ("host.thaw runner", re.escape(freeze.THAW), _thaw),
    ("host.end frozen runner", re.escape(freeze.END), _end_frozen),
    ("host.is running", _INSPECT, _inspect),
    ("host.read log", r"docker logs --tail 8 fleet-runner 2>&1", _log),
    ("host.recall", r"cat (?P<path>/var/lib/fleet(?:/record)?/memory) 2>/dev/null", _cat),
    ("host.read the other .runner", r"cat (?P<path>/srv/ci/data/\.runner)", _cat),
    ("host.stop the other runner", _STOP_BY_HAND, _stop_by_hand),
    ("host.is the other running", _INSPECT_BY_HAND, _inspect_by_hand),
    ("host.restart docker beside", r"/opt/fleet/bin/docker-restart", _restart_docker),
    ("host.compose down", _DOWN, _compose_down),
    ("host.take file off", _TAKE_OFF, _remove),
    ("host.restart docker with ours", _ADD, _add_settings),
    ("host.remove folder", r"rm -rf (?P<path>/opt/fleet|/var/lib/fleet)", _remove_folder),
    ("host.read .runner", rf"cat {re.escape(RUNNER_FILE)} 2>/dev/null", _cat_runner),
)
