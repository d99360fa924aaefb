"""What can be done to a server that exists."""

from collections.abc import Callable

from fleet.lab.hetzner.actions import Action, Failure, Resource
from fleet.lab.hetzner.errors import protected
from fleet.lab.hetzner.exchange import Answer, Request
from fleet.lab.hetzner.fields import flag, record
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.server_create import START_SHARE, make_host, never_boots
from fleet.lab.hetzner.server_order import find_image, read_user_data
from fleet.lab.hetzner.servers import unlocked
from fleet.lab.hetzner.state import Server


def power_on(project: Project, request: Request) -> Answer:
    server = _server(project, request)
    return _accepted(project, _power(project, server, "start_server", "starting", on=True))


def power_off(project: Project, request: Request) -> Answer:
    server = _server(project, request)
    return _accepted(project, _power(project, server, "stop_server", "stopping", on=False))


def shutdown(project: Project, request: Request) -> Answer:
    """Here every server obeys, so off is what follows."""
    server = _server(project, request)
    return _accepted(project, _power(project, server, "shutdown_server", "stopping", on=False))


def reboot(project: Project, request: Request) -> Answer:
    return _reset(project, request, "reboot_server")


def reset(project: Project, request: Request) -> Answer:
    return _reset(project, request, "reset_server")


def rebuild(project: Project, request: Request) -> Answer:
    """A new disk from an image; new `user_data` where it is given, else the old one counts again."""
    server, body = _server(project, request), request.body()
    if server.keep_disk:
        raise protected("server")
    image = find_image(project, body.get("image"), server.type.architecture)
    user_data = read_user_data(body) if "user_data" in body else server.user_data
    server.image, server.user_data = image, user_data
    server.status = "rebuilding"
    again = server.hosted
    work = None if never_boots(project, server) else lambda: make_host(project, server, again=again)
    action = _change(project, server, "rebuild_server", project.create_seconds, work, "running")
    return Answer(201, {"action": action.as_json(project.clock()), "root_password": None})


def change_protection(project: Project, request: Request) -> Answer:
    server, body = _server(project, request), request.body()
    server.keep = flag(body, "delete", server.keep)
    server.keep_disk = flag(body, "rebuild", server.keep_disk)
    return _accepted(project, project.act("change_protection", [Resource(server.id, "server")]))


def _reset(project: Project, request: Request, command: str) -> Answer:
    server = _server(project, request)

    def work() -> None:
        with project.host_lock(server.id):
            project.hypervisor.reset(server.id)

    seconds = project.create_seconds * START_SHARE
    job = work if server.hosted else None
    return _accepted(project, _change(project, server, command, seconds, job, "running"))


def _power(project: Project, server: Server, command: str, meanwhile: str, *, on: bool) -> Action:
    def work() -> None:
        with project.host_lock(server.id):
            project.hypervisor.power(server.id, on)

    server.status = meanwhile
    seconds, end = project.create_seconds * START_SHARE, "running" if on else "off"
    return _change(project, server, command, seconds, work if server.hosted else None, end)


def _change(
    project: Project,
    server: Server,
    command: str,
    seconds: float,
    work: Callable[[], None] | None,
    end: str,
) -> Action:
    """An action after which the server's status is `end`, or `off` where it failed."""

    def then(failure: Failure | None) -> None:
        server.status = "off" if failure else end

    resources = [Resource(server.id, "server")]
    return project.act(command, resources, seconds=seconds, work=work, then=then)


def _accepted(project: Project, action: Action) -> Answer:
    return Answer(201, {"action": action.as_json(project.clock())})


def _server(project: Project, request: Request) -> Server:
    return unlocked(project, record(project.records.servers, "server", request.ids[0]))
