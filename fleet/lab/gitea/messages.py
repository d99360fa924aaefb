"""The runner protocol's messages, built from a table.

The field numbers are those of ``runner/v1/messages.proto`` and ``ping/v1/messages.proto`` of
code.gitea.io/actions-proto-go 0.6.0. Inside the stand-in a message is its protojson form, a plain dict:
64-bit numbers are strings, bytes are base64, enums are names, zero values are left out.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import DESCRIPTOR as STRUCT_FILE
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE

Json = dict[str, Any]

# name=number, then the type where it is not a string: `*` repeated, `:type`, `:map<type>`.
TABLE: Mapping[str, Mapping[str, str]] = {
    "ping.v1": {
        "PingRequest": "data=1",
        "PingResponse": "data=1",
    },
    "runner.v1": {
        "Runner": "id=1:int64 uuid=2 token=3 name=4 status=5:RunnerStatus agent_labels=6* custom_labels=7* "
        "version=8 labels=9* ephemeral=10:bool",
        "RegisterRequest": "name=1 token=2 agent_labels=3* custom_labels=4* version=5 labels=6* "
        "ephemeral=7:bool capabilities=8*",
        "RegisterResponse": "runner=1:Runner",
        "DeclareRequest": "version=1 labels=2* capabilities=3*",
        "DeclareResponse": "runner=1:Runner",
        "TaskNeed": "outputs=1:map<string> result=2:Result",
        "Task": "id=1:int64 workflow_payload=2:bytes context=3:Struct secrets=4:map<string> machine=5 "
        "needs=6:map<TaskNeed> vars=7:map<string>",
        "FetchTaskRequest": "tasks_version=1:int64",
        "FetchTaskResponse": "task=1:Task tasks_version=2:int64",
        "StepState": "id=1:int64 result=2:Result started_at=3:Timestamp stopped_at=4:Timestamp "
        "log_index=5:int64 log_length=6:int64",
        "TaskState": "id=1:int64 result=2:Result started_at=3:Timestamp stopped_at=4:Timestamp steps=5*:StepState",
        "UpdateTaskRequest": "state=1:TaskState outputs=2:map<string>",
        "UpdateTaskResponse": "state=1:TaskState sent_outputs=2*",
        "LogRow": "time=1:Timestamp content=2",
        "UpdateLogRequest": "task_id=1:int64 index=2:int64 rows=3*:LogRow no_more=4:bool",
        "UpdateLogResponse": "ack_index=1:int64",
    },
}
ENUMS: Mapping[str, str] = {
    "Result": "RESULT_UNSPECIFIED RESULT_SUCCESS RESULT_FAILURE RESULT_CANCELLED RESULT_SKIPPED",
    "RunnerStatus": "RUNNER_STATUS_UNSPECIFIED RUNNER_STATUS_IDLE RUNNER_STATUS_ACTIVE RUNNER_STATUS_OFFLINE",
}
WELL_KNOWN = {"Struct": ".google.protobuf.Struct", "Timestamp": ".google.protobuf.Timestamp"}
SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bool": FieldDescriptorProto.TYPE_BOOL,
}


class UnreadableError(ValueError):
    """The body is no message of this name."""


def from_json(name: str, text: bytes) -> Json:
    """The message in its normal form; unknown fields are dropped, as connect-go does."""
    try:
        return _plain(json_format.Parse(text or b"{}", MESSAGES[name](), ignore_unknown_fields=True))
    except json_format.ParseError as error:
        raise UnreadableError(str(error)) from error


def from_binary(name: str, data: bytes) -> Json:
    """The message in its normal form."""
    message = MESSAGES[name]()
    try:
        message.ParseFromString(data)
    except Exception as error:
        raise UnreadableError(f"{name}: {error}") from error
    return _plain(message)


def to_json(name: str, value: Json) -> Json:
    """The normal form of a message that may hold zero values; ValueError where a field is not its own."""
    return _plain(json_format.ParseDict(value, MESSAGES[name]()))


def to_binary(name: str, value: Json) -> bytes:
    """The same message as bytes."""
    return json_format.ParseDict(value, MESSAGES[name]()).SerializeToString()


def _plain(message: Message) -> Json:
    return dict(json_format.MessageToDict(message))


def _build() -> dict[str, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    for known in (TIMESTAMP_FILE, STRUCT_FILE):
        pool.AddSerializedFile(known.serialized_pb)
    for package in TABLE:
        pool.AddSerializedFile(_file(package).SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for package, messages in TABLE.items()
        for name in messages
    }


def _file(package: str) -> FileDescriptorProto:
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.extend([TIMESTAMP_FILE.name, STRUCT_FILE.name])
    for name, values in ENUMS.items() if package == "runner.v1" else ():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in TABLE[package].items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            _add_field(message, package, field)
    return file


def _add_field(message: DescriptorProto, package: str, text: str) -> None:
    left, _, kind = text.partition(":")
    name, _, number = left.partition("=")
    repeated = number.endswith("*")
    field = message.field.add(name=name, number=int(number.rstrip("*")))
    field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if kind.startswith("map<"):
        entry = _add_map_entry(message, package, name, kind.removeprefix("map<").removesuffix(">"))
        field.label = FieldDescriptorProto.LABEL_REPEATED
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry
    else:
        _set_type(field, package, kind or "string")


def _add_map_entry(message: DescriptorProto, package: str, field: str, kind: str) -> str:
    name = "".join(part.title() for part in field.split("_")) + "Entry"
    entry = message.nested_type.add(name=name, options=descriptor_pb2.MessageOptions(map_entry=True))
    for number, (key, key_kind) in enumerate((("key", "string"), ("value", kind)), start=1):
        part = entry.field.add(name=key, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        _set_type(part, package, key_kind)
    return f".{package}.{message.name}.{name}"


def _set_type(field: FieldDescriptorProto, package: str, kind: str) -> None:
    if kind in SCALARS:
        field.type = SCALARS[kind]
        return
    field.type = FieldDescriptorProto.TYPE_ENUM if kind in ENUMS else FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = WELL_KNOWN.get(kind, f".{package}.{kind}")


MESSAGES = _build()
