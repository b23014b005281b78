"""``siphonwatch account``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@click.argument("account")
@configured(*STORE)
def account(settings: Config, account: str) -> None:
    """Show an account's features beside the population's, its score, level and reasons."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    desk = open_desk(settings)
    tables.account(desk.account(account), [ruling for ruling in desk.rulings() if desk.named(account) in ruling.accounts])
