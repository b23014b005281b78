"""``siphonwatch account``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError


@click.command()
@click.argument("account", default="")
@click.option("--reference", "number", default="", help="reference number of a refusal, as the customer quotes it")
@configured(*STORE)
def account(settings: Config, account: str, number: str) -> None:
    """Show an account's features beside the population's, its score, level and reasons."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    desk = open_desk(settings)
    if number:
        account = next(iter(desk.referred(number)), "")
        if not account:
            raise UsageError(f"no account that is not clear has the reference {number}: it may be clear again, or --topic is another")
    if not account:
        raise UsageError("name an account, or give --reference")
    tables.account(
        desk.account(account), [ruling for ruling in desk.rulings() if desk.named(account) in (ruling.subject, *ruling.accounts)]
    )
