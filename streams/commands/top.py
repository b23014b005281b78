"""``siphonwatch top``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True, help="how many")
@configured(*STORE)
def top(settings: Config, count: int) -> None:
    """Show the accounts of strongest evidence."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    tables.top(open_desk(settings).top(count))
