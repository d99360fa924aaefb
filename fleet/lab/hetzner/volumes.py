"""Volumes: records only; no disk is behind them."""

from fleet.lab.hetzner.actions import Action, Resource
from fleet.lab.hetzner.catalog import location_json
from fleet.lab.hetzner.errors import ApiError, invalid, protected
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import flag, free_name, location, number, record, text
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.state import Server, Volume

SMALLEST, LARGEST = 10, 10_240


def list_volumes(project: Project, request: Request) -> Answer:
    return record_page(request, "volumes", project.records.volumes.values(), volume_json)


def get_volume(project: Project, request: Request) -> Answer:
    return Answer(200, {"volume": volume_json(_volume(project, request))})


def create_volume(project: Project, request: Request) -> Answer:
    body, known = request.body(), project.records.volumes
    name = free_name(known.values(), "volume", text(body, "name", longest=64))
    labels, size = read_labels(body.get("labels")), number(body, "size")
    if not SMALLEST <= size <= LARGEST:
        raise invalid("size", f"must be between {SMALLEST} and {LARGEST}")
    server = _server(project, body) if body.get("server") is not None else None
    place = server.location if server else location(project.locations, body.get("location"))
    form = text(body, "format") if body.get("format") is not None else None
    volume = Volume(project.new_id("volume"), name, project.clock(), labels, size, place, form)
    known[volume.id] = volume
    action = project.act("create_volume", [Resource(volume.id, "volume")])
    following = [_attach(project, volume, server)] if server else []
    now = project.clock()
    answer = {
        "volume": volume_json(volume),
        "action": action.as_json(now),
        "next_actions": [one.as_json(now) for one in following],
    }
    return Answer(201, answer)


def update_volume(project: Project, request: Request) -> Answer:
    volume, body = _volume(project, request), request.body()
    if "name" in body:
        volume.name = free_name(project.records.volumes.values(), "volume", text(body, "name", 64), volume)
    if "labels" in body:
        volume.labels = read_labels(body["labels"])
    return Answer(200, {"volume": volume_json(volume)})


def delete_volume(project: Project, request: Request) -> Answer:
    volume = _volume(project, request)
    if volume.keep:
        raise protected("volume")
    if volume.server is not None:
        raise ApiError(422, "resource_in_use", "volume is attached to a server")
    del project.records.volumes[volume.id]
    return Answer(204)


def attach(project: Project, request: Request) -> Answer:
    volume, server = _volume(project, request), _server(project, request.body())
    if volume.server is not None:
        raise ApiError(422, "volume_already_attached", "volume is already attached to a server")
    if volume.location != server.location:
        raise ApiError(422, "invalid_input", "volume and server must be in the same location")
    return _accepted(project, _attach(project, volume, server))


def detach(project: Project, request: Request) -> Answer:
    volume = _volume(project, request)
    if volume.server is None:
        raise ApiError(422, "invalid_input", "volume is not attached")
    volume.server = None
    return _accepted(project, project.act("detach_volume", [Resource(volume.id, "volume")]))


def change_protection(project: Project, request: Request) -> Answer:
    volume = _volume(project, request)
    volume.keep = flag(request.body(), "delete", volume.keep)
    return _accepted(project, project.act("change_protection", [Resource(volume.id, "volume")]))


def volume_json(volume: Volume) -> Json:
    return {
        "id": volume.id,
        "name": volume.name,
        "created": volume.created.isoformat(),
        "status": "available",
        "server": volume.server,
        "location": location_json(volume.location),
        "size": volume.size,
        "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{volume.id}",
        "protection": {"delete": volume.keep},
        "labels": volume.labels,
        "format": volume.format,
    }


def _attach(project: Project, volume: Volume, server: Server) -> Action:
    volume.server = server.id
    return project.act("attach_volume", [Resource(volume.id, "volume"), Resource(server.id, "server")])


def _accepted(project: Project, action: Action) -> Answer:
    return Answer(201, {"action": action.as_json(project.clock())})


def _server(project: Project, body: Json) -> Server:
    return record(project.records.servers, "server", number(body, "server"))


def _volume(project: Project, request: Request) -> Volume:
    return record(project.records.volumes, "volume", request.ids[0])
