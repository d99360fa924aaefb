"""The runner protocol on the wire: Connect unary calls, JSON or binary, as connect-go speaks them."""

import gzip
import json
import zlib

from fleet.lab.gitea import messages
from fleet.lab.gitea.http import Answer, Request
from fleet.lab.gitea.messages import Json, UnreadableError
from fleet.lab.gitea.protocol import Protocol, RpcError

PREFIX = "/api/actions"
PING = f"{PREFIX}/ping.v1.PingService/Ping"
SERVICE = f"{PREFIX}/runner.v1.RunnerService/"
JSON_KIND, BINARY_KIND = "application/json", "application/proto"
# The Connect protocol's codes for HTTP.
STATUS = {"unauthenticated": 401, "invalid_argument": 400, "unimplemented": 501, "already_exists": 409}


def answer(protocol: Protocol, request: Request, *, proper_codes: bool) -> Answer:
    """Any request below ``/api/actions``."""
    if request.method != "POST":
        return Answer(405, headers={"Allow": "POST"})
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in {JSON_KIND, BINARY_KIND}:
        return Answer(415, headers={"Accept-Post": f"{BINARY_KIND}, {JSON_KIND}"})
    try:
        method = _method(request.path)
        value = _ping(_read(request, kind, "PingRequest")) if method == "Ping" else None
        if value is None:
            value = _call(protocol, request, method, _read(request, kind, f"{method}Request"))
    except UnreadableError as error:
        return _failure("invalid_argument", f"unmarshal message: {error}")
    except RpcError as error:
        return refusal(error, proper_codes=proper_codes)
    return _write(kind, f"{method}Response", value)


def _method(path: str) -> str:
    if path == PING:
        return "Ping"
    method = path.removeprefix(SERVICE)
    if f"{method}Request" not in messages.MESSAGES or method == "Ping":
        raise RpcError(f"{path} is not implemented", "Unimplemented")
    return method


def _ping(request: Json) -> Json:
    return {"data": f"Hello, {request.get('data', '')}!"}


def _call(protocol: Protocol, request: Request, method: str, message: Json) -> Json:
    uuid, token = request.headers.get("x-runner-uuid", ""), request.headers.get("x-runner-token", "")
    return protocol.call(method, message, uuid, token, request.here)


def _read(request: Request, kind: str, name: str) -> Json:
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableError(f"gzip: {error}") from error
    return messages.from_json(name, body) if kind == JSON_KIND else messages.from_binary(name, body)


def _write(kind: str, name: str, value: Json) -> Answer:
    if kind == BINARY_KIND:
        return Answer(200, messages.to_binary(name, value), BINARY_KIND)
    return Answer(200, json.dumps(messages.to_json(name, value)).encode(), JSON_KIND)


def refusal(error: RpcError, *, proper_codes: bool) -> Answer:
    """Gitea does not translate gRPC's errors: they arrive as "unknown" with the code in the text."""
    if not error.code:
        return _failure("unknown", error.message)
    if error.code == "Unimplemented":
        return _failure("unimplemented", error.message)
    if proper_codes:
        words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in error.code)
        return _failure(words.lstrip("_"), error.message)
    return _failure("unknown", f"rpc error: code = {error.code} desc = {error.message}")


def _failure(code: str, message: str) -> Answer:
    body = json.dumps({"code": code, "message": message}).encode()
    return Answer(STATUS.get(code, 500), body, JSON_KIND)
