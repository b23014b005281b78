"""``siphonwatch campaigns`` and ``siphonwatch campaign``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@configured(*STORE)
def campaigns(settings: Config) -> None:
    """List the campaigns: accounts that are judged as one."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    tables.campaigns(open_desk(settings).context.campaigns)


@click.command()
@click.argument("name")
@configured(*STORE)
def campaign(settings: Config, name: str) -> None:
    """Show one campaign, by its name or number: its members, what ties them, its size, start and tokens taken."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    tables.campaign(open_desk(settings).campaign(name))
