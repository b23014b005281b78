"""OTLP's protobuf messages, as much of them as is read: built at run time, in a pool of their own.

The `opentelemetry-proto` package would bring them too, but Envoy's stubs (xds-protos) install an older copy of the same modules over it.
Field numbers: https://github.com/open-telemetry/opentelemetry-proto, v1.9, read 2026-11-24.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "siphonwatch.otlp"

# message -> (number, name, type); "*" before a type repeats it, a capital names another message
SCHEMA: dict[str, tuple[tuple[int, str, str], ...]] = {
    "AnyValue": (
        (1, "string_value", "string"), (2, "bool_value", "bool"), (3, "int_value", "int64"), (4, "double_value", "double"),
        (5, "array_value", "ArrayValue"), (6, "kvlist_value", "KeyValueList"), (7, "bytes_value", "bytes"),
    ),
    "ArrayValue": ((1, "values", "*AnyValue"),),
    "KeyValueList": ((1, "values", "*KeyValue"),),
    "KeyValue": ((1, "key", "string"), (2, "value", "AnyValue")),
    "Resource": ((1, "attributes", "*KeyValue"),),
    "Status": ((2, "message", "string"), (3, "code", "int32")),
    "Event": ((1, "time_unix_nano", "fixed64"), (2, "name", "string"), (3, "attributes", "*KeyValue")),
    "Span": (
        (1, "trace_id", "bytes"), (2, "span_id", "bytes"), (5, "name", "string"), (7, "start_time_unix_nano", "fixed64"),
        (8, "end_time_unix_nano", "fixed64"), (9, "attributes", "*KeyValue"), (11, "events", "*Event"), (15, "status", "Status"),
    ),
    "ScopeSpans": ((2, "spans", "*Span"),),
    "ResourceSpans": ((1, "resource", "Resource"), (2, "scope_spans", "*ScopeSpans")),
    "Traces": ((1, "resource_spans", "*ResourceSpans"),),
    "LogRecord": (
        (1, "time_unix_nano", "fixed64"), (5, "body", "AnyValue"), (6, "attributes", "*KeyValue"), (9, "trace_id", "bytes"),
        (10, "span_id", "bytes"), (11, "observed_time_unix_nano", "fixed64"), (12, "event_name", "string"),
    ),
    "ScopeLogs": ((2, "log_records", "*LogRecord"),),
    "ResourceLogs": ((1, "resource", "Resource"), (2, "scope_logs", "*ScopeLogs")),
    "Logs": ((1, "resource_logs", "*ResourceLogs"),),
}  # fmt: skip
ONEOF = "AnyValue"  # whose fields exclude each other, so that a value of 0 or '' is told from none


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="siphonwatch/otlp.proto", package=PACKAGE, syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    for message, rows in SCHEMA.items():
        made = file.message_type.add(name=message)
        if message == ONEOF:
            made.oneof_decl.add(name="value")
        for number, name, kind in rows:
            plain = kind.lstrip("*")
            one = made.field.add(name=name, number=number, label=field.LABEL_REPEATED if kind[0] == "*" else field.LABEL_OPTIONAL)
            if plain[0].isupper():
                one.type, one.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{plain}"
            else:
                one.type = getattr(field, f"TYPE_{plain.upper()}")
            if message == ONEOF:
                one.oneof_index = 0
    return file


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_file().SerializeToString())

Traces, Logs = _class("Traces"), _class("Logs")
