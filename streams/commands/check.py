"""``siphonwatch check``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.commands.replay import CUT
from siphonwatch.streams.common.config import Config


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--most", type=click.IntRange(min=1), default=100_000, show_default=True, help="records looked at, at most")
@click.option("--suggest", is_flag=True, help="propose a --mapping file for a log of an unknown format, made from a sample of it")
@configured("format", "mapping", "account_fields")
def check(settings: Config, paths: tuple[str, ...], most: int, suggest: bool) -> None:
    """Say how a log would be read: what is recognised, refused and missing. Judges nobody.

    Log files, folders of them, or (with the extra ``remote``) s3://, gs:// and az:// addresses. Ends with 1 where nothing
    could be read, with 3 where a file broke off.
    """
    from siphonwatch.streams.commands import checking
    from siphonwatch.streams.formats import configured_decoder
    from siphonwatch.streams.replay import check as looking

    if suggest:
        from siphonwatch.streams.replay import suggest as suggesting

        click.echo(suggesting.suggest(paths))
        return
    found = looking.check(paths, configured_decoder(settings), most)
    checking.checked(found, looking.cannot_know(settings.format))
    if not found.requests:
        raise SystemExit(1)
    if found.lost:
        raise SystemExit(CUT)
