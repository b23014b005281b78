"""``siphonwatch formats``."""

from __future__ import annotations

import click


@click.command()
def formats() -> None:
    """List the log formats that are read, who the account is in each, and what each can never know."""
    from siphonwatch.streams.commands import checking
    from siphonwatch.streams.formats import known

    checking.listed(known().values())
