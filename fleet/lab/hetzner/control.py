"""The lab's own paths, `/_lab/...`: order faults, move time, count requests, look inside. No token is asked for."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta

from fleet.lab.hetzner.errors import ApiError, invalid
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.faults import KINDS
from fleet.lab.hetzner.project import Project


@dataclass(frozen=True, slots=True)
class Logged:
    """A request that was answered; the path has its query."""

    method: str
    path: str
    status: int


def answer_control(project: Project, log: Iterable[Logged], forget_log: Callable[[], None], request: Request) -> Answer:
    """Raises ApiError."""
    match request.path.removesuffix("/").split("/")[2:], request.method:
        case ["state"], "GET":
            return Answer(200, _state(project))
        case ["log"], "GET":
            return Answer(200, {"requests": [asdict(entry) for entry in log]})
        case ["log"], "DELETE":
            forget_log()
        case ["faults"], "GET":
            return Answer(200, {"faults": project.faults.as_json(), "kinds": dict(KINDS)})
        case ["faults"], "POST":
            return Answer(201, {"fault": _order(project, request.body())})
        case ["faults"], "DELETE":
            project.faults.cancel()
        case ["faults", number], "DELETE" if number.isdecimal():
            project.faults.cancel(int(number))
        case ["age"], "POST":
            project.age(_span(request.body()))
        case _:
            raise ApiError(404, "not_found", "the lab knows /_lab/state, /_lab/log, /_lab/faults and /_lab/age")
    return Answer(204)


def _order(project: Project, body: Json) -> Json:
    wish = dict(body)
    kind = wish.pop("kind", None)
    try:
        return asdict(project.faults.order(kind, **wish))
    except (TypeError, ValueError) as error:
        raise invalid("fault", str(error)) from None


def _span(body: Json) -> timedelta:
    match body:
        case {"seconds": int() | float() as seconds}:
            return timedelta(seconds=seconds)
        case _:
            raise invalid("seconds", "is a number")


def _state(project: Project) -> Json:
    records = project.records
    return {
        "time": project.clock().isoformat(),
        "servers": [
            {
                "id": server.id,
                "name": server.name,
                "status": server.status,
                "server_type": server.type.name,
                "location": server.location.name,
                "labels": server.labels,
                "hosted": server.hosted,
            }
            for server in records.servers.values()
        ],
        "counts": {
            "servers": len(records.servers),
            "ssh_keys": len(records.ssh_keys),
            "firewalls": len(records.firewalls),
            "primary_ips": len(records.primary_ips),
            "volumes": len(records.volumes),
            "networks": len(records.networks),
            "placement_groups": len(records.placement_groups),
            "running_actions": sum(action.finished is None for action in project.actions.values()),
        },
        "faults": project.faults.as_json(),
    }
