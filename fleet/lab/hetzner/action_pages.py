"""Actions, as the API lists them: all by id, or those of one kind, or those of one resource."""

from collections.abc import Callable, Iterable

from fleet.lab.hetzner.actions import Action
from fleet.lab.hetzner.errors import ApiError, invalid, not_found
from fleet.lab.hetzner.exchange import Answer, Request
from fleet.lab.hetzner.pages import in_order, page
from fleet.lab.hetzner.project import Project

Handler = Callable[[Project, Request], Answer]


def list_by_id(project: Project, request: Request) -> Answer:
    """Listing without ids was removed on 30 January 2025."""
    if "id" not in request.query:
        raise ApiError(410, "deprecated_api_endpoint", "listing all actions was removed, filter by id")
    return _list(project, request, project.actions.values())


def get_any(project: Project, request: Request) -> Answer:
    return _one(project, request.ids[0])


def list_of_kind(kind: str) -> Handler:
    def answer(project: Project, request: Request) -> Answer:
        found = [action for action in project.actions.values() if _is_of(action, kind)]
        return _list(project, request, found)

    return answer


def list_of_one(kind: str) -> Handler:
    def answer(project: Project, request: Request) -> Answer:
        found = [action for action in project.actions.values() if action.about(kind, request.ids[0])]
        if not found:
            raise not_found(kind, request.ids[0])
        return _list(project, request, found)

    return answer


def get_of_one(kind: str) -> Handler:
    def answer(project: Project, request: Request) -> Answer:
        number = request.ids[1]
        if number not in project.actions or not project.actions[number].about(kind, request.ids[0]):
            raise not_found("action", number)
        return _one(project, number)

    return answer


def _list(project: Project, request: Request, actions: Iterable[Action]) -> Answer:
    ids, states = request.query.get("id"), request.query.get("status")
    if ids is not None and not all(number.isdecimal() for number in ids):
        raise invalid("id", "must be a number")
    found = [
        action
        for action in actions
        if (ids is None or str(action.id) in ids) and (states is None or action.status() in states)
    ]
    now = project.clock()
    ordered = in_order(request, found, ("id", "command", "started"))
    return page(request, "actions", ordered, lambda action: action.as_json(now))


def _one(project: Project, number: int) -> Answer:
    if number not in project.actions:
        raise not_found("action", number)
    return Answer(200, {"action": project.actions[number].as_json(project.clock())})


def _is_of(action: Action, kind: str) -> bool:
    return any(resource.type == kind for resource in action.resources)
