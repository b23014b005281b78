"""``siphonwatch demo``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import Real


@click.command()
@click.option(
    "--seconds", type=Real(min=0), default=0.0, envvar="DEMO_SECONDS", show_default=True, help="end after so long; 0 runs until stopped"
)
@click.option("--http-port", type=click.IntRange(0, 65535), default=9108, show_default=True, help="port of /metrics")
@click.option("--seed", default=11, show_default=True, help="of the simulated traffic")
def demo(seconds: float, http_port: int, seed: int) -> None:
    """Run the live pipeline with embedded parts: a Redis-protocol server and the simulator."""
    from siphonwatch.streams.common import logs
    from siphonwatch.streams.demo.demo import demo as play

    logs.configure("error")
    play(seconds, http_port, seed)
