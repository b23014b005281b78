"""``siphonwatch check``."""

from __future__ import annotations

from pathlib import Path

import click
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--most", type=click.IntRange(min=1), default=100_000, show_default=True, help="records looked at, at most")
@configured("format", "mapping")
def check(settings: Config, paths: tuple[Path, ...], most: int) -> None:
    """Say how a log would be read: what is recognised, refused and missing. Judges nobody."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.formats import configured_decoder
    from siphonwatch.streams.replay import check as checking

    found = checking.check(list(paths), configured_decoder(settings), most)
    tables.checked(found, checking.cannot_know(settings.format))
    if not found.requests:
        raise SystemExit(1)
