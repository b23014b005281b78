"""``siphonwatch run``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config


@click.command()
@configured(
    "source", "store", "format", "mapping", "group", "prefix", "findings", "verdict_topic", "dead_letter_topic", "http_host", "http_port",
    "tick_seconds", "batch", "idle_seconds", "log_level",
)  # fmt: skip
def run(settings: Config) -> None:
    """Watch a live log: one worker of a group; start as many as the topic has partitions."""
    from siphonwatch.streams.worker.run import serve

    serve(settings)
