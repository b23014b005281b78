"""``siphonwatch rule``, ``siphonwatch allow`` and ``siphonwatch rulings``: what analysts decide."""

from __future__ import annotations

import click
import msgspec
from siphonwatch.streams.commands.options import STORE, Real, configured
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.printable import printable

NOTE = click.option("--note", default="", help="why")


@click.command()
@click.argument("subject")
@click.argument("ruling", type=click.Choice(["harvest", "benign"]))
@NOTE
@click.option("--analyst", default="unknown", envvar="USER", help="who rules")
@configured(*STORE)
def rule(settings: Config, subject: str, ruling: str, note: str, analyst: str) -> None:
    """Teach the model: what an account, or a campaign by its name, really was."""
    from siphonwatch.streams.desk import open_desk

    made = open_desk(settings).rule(subject, ruling == "harvest", analyst, note, None)
    click.echo(f"{made.id}: {printable(subject)} is {ruling}; take it back with `siphonwatch rulings undo {made.id}`")


@click.command()
@click.argument("subject")
@click.option("--days", type=Real(0.01, 365), default=30.0, show_default=True, help="for how long")
@click.option("--owner", default="unknown", envvar="USER", help="who answers for it")
@NOTE
@configured(*STORE)
def allow(settings: Config, subject: str, days: float, owner: str, note: str) -> None:
    """Put an account, or a campaign by its name, on the allow list until a day."""
    from siphonwatch.streams.desk import open_desk

    made = open_desk(settings).rule(subject, None, owner, note, days)
    click.echo(f"{made.id}: {printable(subject)} is allowed for {days:g} days; take it back with `siphonwatch rulings undo {made.id}`")


@click.group()
def rulings() -> None:
    """What analysts ruled: list it, take it back."""


@rulings.command("list")
@click.option("--analyst", default="", help="only this analyst's")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line, as `siphonwatch replay --rulings` reads them")
@configured(*STORE)
def list_rulings(settings: Config, analyst: str, as_json: bool) -> None:
    """List rulings and allow-list entries, oldest first."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.desk import open_desk

    given = [ruling for ruling in open_desk(settings).rulings() if not analyst or ruling.analyst == analyst]
    if as_json:
        for ruling in given:
            click.echo(msgspec.json.encode(ruling))
    else:
        tables.rulings(given)


@rulings.command()
@click.argument("ruling", default="")
@click.option("--analyst", default="", help="take back all that this analyst ruled")
@click.option("--by", default="unknown", envvar="USER", help="who takes it back")
@configured(*STORE)
def undo(settings: Config, ruling: str, analyst: str, by: str) -> None:
    """Take a ruling back, or all of one analyst's: nothing of it stays in the model."""
    from siphonwatch.streams.desk import open_desk

    desk = open_desk(settings)
    wanted = [each.id for each in desk.rulings() if each.id == ruling or (analyst and each.analyst == analyst)]
    if not wanted:
        raise UsageError("no such ruling: `siphonwatch rulings list` shows them")
    for each in wanted:
        desk.take_back(each, by)
    click.echo(f"taken back: {', '.join(wanted)}")
