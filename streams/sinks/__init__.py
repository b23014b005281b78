"""Where findings and dead letters go: logs, Kafka, a file, a webhook."""

from __future__ import annotations

from streams.sinks.base import Sink, Sinks
from streams.sinks.file import FileSink
from streams.sinks.kafka import KafkaSink
from streams.sinks.log import LogSink
from streams.sinks.ocsf import ocsf
from streams.sinks.webhook import WebhookSink

FORMS = {"native": lambda finding: finding, "ocsf": ocsf}  # how a finding is written

__all__ = ["FORMS", "FileSink", "KafkaSink", "LogSink", "Sink", "Sinks", "WebhookSink", "ocsf"]
