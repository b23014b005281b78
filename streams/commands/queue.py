"""``siphonwatch queue``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@click.option("--count", type=click.IntRange(1, 200), default=10, show_default=True, help="how many cards")
@configured(*STORE)
def queue(settings: Config, count: int) -> None:
    """Show whom to look at next: one account for each behaviour, the strongest and the most unsure in turn."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    tables.queue(open_desk(settings).queue[:count])
