"""``siphonwatch run``: a worker put together from its configuration."""

from __future__ import annotations

import gc

from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.common.http import HttpServer, application
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.formats import configured_decoder
from siphonwatch.streams.sinks import Sink, Sinks, open_sink, with_desk
from siphonwatch.streams.sinks.file import FileSink
from siphonwatch.streams.sinks.forms import form_of
from siphonwatch.streams.sinks.kafka import KafkaSink
from siphonwatch.streams.sinks.log import LogSink
from siphonwatch.streams.sinks.webhook import WebhookSink
from siphonwatch.streams.sources import Source, SourceOptions, open_source
from siphonwatch.streams.stores import Store, configured_store
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.worker import Worker


def sinks(config: Config, metrics: Metrics) -> Sinks:
    """Where this configuration sends findings and dead letters."""
    chosen: list[Sink] = [LogSink()]
    form = form_of({"format": [config.findings_format], "desk": [config.desk_url]}, "native")
    if config.findings:
        chosen.append(FileSink(config.findings, form))
    source, webhook = config.source.get_secret_value(), config.webhook_url.get_secret_value()
    if webhook:
        chosen.append(WebhookSink(webhook, config.webhook_secret.get_secret_value(), form, metrics.webhook_lost.inc))
    if source.startswith("kafka://") and config.verdict_topic and config.dead_letter_topic:
        chosen.append(KafkaSink(source, config.verdict_topic, config.dead_letter_topic))
    chosen += [open_sink(with_desk(url.strip(), config.desk_url)) for url in config.sinks.get_secret_value().split(",") if url.strip()]
    return Sinks(*chosen)


def assemble(config: Config, source: Source, store: Store, to: Sinks, metrics: Metrics) -> Worker:
    """A worker."""
    return Worker(
        source,
        store,
        configured_decoder(config),
        to,
        metrics,
        prior.load(config.prior),
        config.detection(),
        config.idle_seconds,
        shadow=prior.load(config.shadow_prior) if config.shadow_prior else None,
        hash_key=HashKey(config.privacy_hash_key.get_secret_value()),
    )


def serve(config: Config) -> None:
    """Work until a signal says stop."""
    if not config.source.get_secret_value():
        raise UsageError("--source is missing: write --source kafka://HOST:PORT/TOPIC")
    source = open_source(config.source.get_secret_value(), SourceOptions(config.group, config.batch, config.session_seconds))
    store = configured_store(config, source.name)
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
