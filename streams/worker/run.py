"""``siphonwatch run``: a worker put together from its configuration."""

from __future__ import annotations

import gc

from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.http import HttpServer, application
from siphonwatch.streams.common.metrics import Metrics
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.sinks import FORMS, FileSink, KafkaSink, LogSink, Sink, Sinks, WebhookSink
from siphonwatch.streams.sources import Source, open_source
from siphonwatch.streams.stores import Store, open_store
from siphonwatch.streams.worker.worker import Worker


def sinks(config: Config, metrics: Metrics) -> Sinks:
    """Where this configuration sends findings and dead letters."""
    chosen: list[Sink] = [LogSink()]
    form = FORMS[config.findings_format]
    if config.findings:
        chosen.append(FileSink(config.findings, form))
    if config.webhook_url:
        chosen.append(WebhookSink(config.webhook_url, config.webhook_secret.get_secret_value(), form, metrics.webhook_lost.inc))
    if config.source.startswith("kafka://") and config.verdict_topic and config.dead_letter_topic:
        chosen.append(KafkaSink(config.source, config.verdict_topic, config.dead_letter_topic))
    return Sinks(*chosen)


def assemble(config: Config, source: Source, store: Store, to: Sinks, metrics: Metrics) -> Worker:
    """A worker."""
    reads = decoder(config.format, config.mapping, config.privacy_account_key.get_secret_value())
    return Worker(source, store, reads, to, metrics, prior.load(), config.detection(), idle_after=config.idle_seconds)


def serve(config: Config) -> None:
    """Work until a signal says stop."""
    if not config.source:
        raise UsageError("--source is missing: write --source kafka://HOST:PORT/TOPIC")
    source = open_source(config.source, config.group, config.batch, config.session_seconds)
    store = open_store(config.store, source.name, config.prefix, int(config.ttl_days * 86_400))
    metrics = Metrics()
    worker = assemble(config, source, store, sinks(config, metrics), metrics)
    stop_on_signals(worker.stop)
    http = (
        HttpServer(application(metrics.registry, lambda: worker.health), config.http_host, config.http_port) if config.http_port else None
    )
    if http:
        http.start()
    # a batch makes hundreds of thousands of short-lived objects: without this the collector walks over all that lives, again
    # and again, in the middle of batches
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    try:
        worker.run()
    finally:
        if http:
            http.stop()
