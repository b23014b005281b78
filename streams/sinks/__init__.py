"""Where findings and dead letters go: logs, Kafka, a file, a webhook."""

from __future__ import annotations

from siphonwatch.streams.sinks.base import Sink, Sinks
from siphonwatch.streams.sinks.file import FileSink
from siphonwatch.streams.sinks.kafka import KafkaSink
from siphonwatch.streams.sinks.log import LogSink
from siphonwatch.streams.sinks.ocsf import ocsf
from siphonwatch.streams.sinks.webhook import WebhookSink

FORMS = {"native": lambda finding: finding, "ocsf": ocsf}  # how a finding is written

__all__ = ["FORMS", "FileSink", "KafkaSink", "LogSink", "Sink", "Sinks", "WebhookSink", "ocsf"]
