"""The runner protocol's messages: JSON and binary say the same."""

import base64
from typing import Any

import pytest

from fleet.lab.gitea import messages

RUNNER = {
    "id": "9007199254740993",
    "uuid": "u",
    "token": "t",
    "name": "n",
    "status": "RUNNER_STATUS_ACTIVE",
    "agentLabels": ["a"],
    "customLabels": ["c"],
    "version": "v1",
    "labels": ["x", "y"],
    "ephemeral": True,
}
STEP = {
    "id": "1",
    "result": "RESULT_SKIPPED",
    "startedAt": "2026-11-23T15:21:47Z",
    "stoppedAt": "2026-11-23T15:21:47.500Z",
    "logIndex": "3",
    "logLength": "4",
}
STATE = {**STEP, "result": "RESULT_FAILURE", "steps": [STEP]}
del STATE["logIndex"], STATE["logLength"]
NEED = {"outputs": {"a": "b"}, "result": "RESULT_SUCCESS"}
TASK = {
    "id": "7",
    "workflowPayload": base64.b64encode(b"on: push").decode(),
    "context": {"actor": "acme", "event": {"deep": [1.0, None, True]}},
    "secrets": {"S": "1"},
    "machine": "m",
    "needs": {"first": NEED},
    "vars": {"V": "2"},
}
ROW = {"time": "2026-11-23T15:21:47Z", "content": "hällo"}
# Every message with every field set.
FULL: dict[str, Any] = {
    "PingRequest": {"data": "x"},
    "PingResponse": {"data": "Hello, x!"},
    "Runner": RUNNER,
    "RegisterRequest": {
        "name": "n",
        "token": "t",
        "agentLabels": ["a"],
        "customLabels": ["c"],
        "version": "v",
        "labels": ["x"],
        "ephemeral": True,
        "capabilities": ["cancelling"],
    },
    "RegisterResponse": {"runner": RUNNER},
    "DeclareRequest": {"version": "v", "labels": ["x"], "capabilities": ["cancelling"]},
    "DeclareResponse": {"runner": RUNNER},
    "TaskNeed": NEED,
    "Task": TASK,
    "FetchTaskRequest": {"tasksVersion": "5"},
    "FetchTaskResponse": {"task": TASK, "tasksVersion": "6"},
    "StepState": STEP,
    "TaskState": STATE,
    "UpdateTaskRequest": {"state": STATE, "outputs": {"a": "b"}},
    "UpdateTaskResponse": {"state": STATE, "sentOutputs": ["a"]},
    "LogRow": ROW,
    "UpdateLogRequest": {"taskId": "7", "index": "2", "rows": [ROW, ROW], "noMore": True},
    "UpdateLogResponse": {"ackIndex": "4"},
}


def test_every_message_of_the_table_is_tried_here() -> None:
    assert set(FULL) == set(messages.MESSAGES)


@pytest.mark.parametrize("name", FULL)
def test_a_full_message_survives_json_and_binary(name: str) -> None:
    assert messages.to_json(name, FULL[name]) == FULL[name]
    assert messages.from_binary(name, messages.to_binary(name, FULL[name])) == FULL[name]


def test_the_bytes_are_those_of_the_real_field_numbers() -> None:
    encoded = messages.to_binary("UpdateLogRequest", {"taskId": "7", "index": "2", "noMore": True})
    assert encoded == bytes([1 << 3, 7, 2 << 3, 2, 4 << 3, 1])
    assert messages.to_binary("Runner", {"ephemeral": True}) == bytes([10 << 3, 1])


def test_zero_values_are_left_out_and_unknown_fields_dropped() -> None:
    text = b'{"taskId": 7, "index": "0", "noMore": false, "colour": "red"}'
    assert messages.from_json("UpdateLogRequest", text) == {"taskId": "7"}


@pytest.mark.parametrize("body", [b"[", b'{"taskId": "seven"}'])
def test_json_that_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(messages.UnreadableError):
        messages.from_json("UpdateLogRequest", body)


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(messages.UnreadableError):
        messages.from_binary("UpdateLogRequest", b"\xff\xff")
