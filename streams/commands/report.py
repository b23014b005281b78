"""``siphonwatch report``, ``siphonwatch verify``, ``siphonwatch audit`` and ``siphonwatch forget``: cases, and what was done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError

if TYPE_CHECKING:
    from siphonwatch.streams.stores import Store

PATH = click.Path(path_type=Path)
REPLAY = click.option("--replay", type=PATH, help="of a finished replay: the folder that `replay --keep` wrote")
WHO = click.option("--analyst", default="unknown", envvar="USER", help="who does it, for the audit log")


@click.command()
@click.argument("subject")
@click.option("--to", type=PATH, default=Path(), show_default="here", help="folder that both files are written to")
@REPLAY
@WHO
@configured(*STORE, "prior", "report_key")
def report(settings: Config, subject: str, to: Path, replay: Path | None, analyst: str) -> None:
    """Write a case on an account or a campaign: one HTML file with everything in it, and JSON beside it, both signed."""
    from siphonwatch.streams.desk.case.export import export
    from siphonwatch.streams.desk.web.serve import room

    made = export(room(settings, replay), subject, analyst)
    to.mkdir(parents=True, exist_ok=True)
    for ending, body in (("html", made.html), ("json", made.json)):
        (to / f"{made.name}.{ending}").write_bytes(body)
        click.echo(str(to / f"{made.name}.{ending}"))
    click.echo(f"signed with {made.fingerprint}" + ("" if settings.report_key else ", a key of this report alone: set report_key"))


@click.command()
@click.argument("file", type=PATH)
@click.option("--public-key", type=PATH, help="PEM file of the key that must have signed it; `report_key` has one beside it")
def verify(file: Path, public_key: Path | None) -> None:
    """Check a report's signature: whether it is as it was signed, and by whom."""
    from siphonwatch.streams.desk.case import sign

    if not file.is_file():
        raise UsageError(f"{file} does not exist")
    fingerprint = sign.verify(file.read_bytes(), public_key)
    asked = "" if public_key else "; compare it with the fingerprint that you were told, or give --public-key"
    click.echo(f"unchanged since it was signed with {fingerprint}{asked}")


@click.group()
def audit() -> None:
    """The audit log: list it, check its chain."""


@audit.command("list")
@REPLAY
@configured(*STORE)
def list_audit(settings: Config, replay: Path | None) -> None:
    """Print the audit log as it is kept: one JSON object a line, oldest first."""
    for line in _book(settings, replay).trail():
        click.echo(line)


@audit.command("verify")
@click.option("--head", default="", help="a head that was noted before: it must be one of the log's")
@click.option("--file", "path", type=PATH, help="a log that `audit list` printed, instead of the store's")
@REPLAY
@configured(*STORE)
def verify_audit(settings: Config, head: str, path: Path | None, replay: Path | None) -> None:
    """Check that no line was changed, dropped or reordered."""
    from siphonwatch.streams.desk import audit as log

    if path is not None and not path.is_file():
        raise UsageError(f"--file {path} does not exist")
    lines = path.read_bytes().splitlines() if path else _book(settings, replay).trail()
    click.echo(f"{len(lines):,} lines, unbroken; the head is {log.verify(lines, head)}")


@click.command()
@click.argument("account")
@REPLAY
@WHO
@configured(*STORE)
def forget(settings: Config, account: str, replay: Path | None, analyst: str) -> None:
    """Erase an account from states, verdicts, findings and rulings; what Kafka still holds is told."""
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.desk.desk import Desk

    key = settings.privacy_account_key.get_secret_value()
    desk = Desk(_book(settings, replay), prior.load(settings.prior), settings.detection(), key)
    named = sum(desk.named(account).encode() in line for line in desk.book.trail())
    done = desk.erase(account, analyst)
    found = "its state and verdict" if done.state else "no state (none was there)"
    click.echo(f"erased: {found}, {done.findings} findings and {done.rulings} rulings, or its name in them")
    if named:
        click.echo(f"the audit log names it in {named} lines, which stay: without them its chain would break")
    if replay is None:
        click.echo("the judging lets go of it at its next step")
        click.echo(f"Kafka still holds: its requests in the topic {settings.decision_topic}, until that topic's retention ends;")
        click.echo(
            f"  what was told of it in {settings.verdict_topic or 'no verdict topic'}; a record refused once as a place and a reason"
        )
    click.echo("log files, findings files, and what other systems were sent are theirs to erase")


def _book(settings: Config, replay: Path | None) -> Store:
    from siphonwatch.streams.desk.web.serve import open_book

    return open_book(settings, replay)
