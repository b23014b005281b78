"""``siphonwatch train``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=str)
@click.option("--labels", type=PATH, required=True, help="banned accounts, one a line; or a JSON object: account -> harvest or benign")
@click.option("--to", type=PATH, default=Path("prior.json"), show_default=True, help="the prior is written here")
@click.option(
    "--weight", type=click.IntRange(1, 10), default=2, show_default=True, help="hands that your log counts as, beside the three that ship"
)
@click.option("--most", type=click.IntRange(min=1), default=2_000_000, show_default=True, help="requests read, at most")
@configured("format", "mapping", "account_fields")
def train(settings: Config, paths: tuple[str, ...], labels: Path, to: Path, weight: int, most: int) -> None:
    """Make a prior of your own from a log and the accounts that you banned; name it with the setting `prior`, or `shadow_prior` first."""
    from siphonwatch.streams.formats import configured_decoder
    from siphonwatch.streams.training import provider

    said = provider.labels(labels)
    made, banned, others = provider.train(provider.read(paths, configured_decoder(settings), most), said, weight)
    to.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    click.echo(f"{to}: made from {banned:,} banned and {others:,} other accounts beside the shipped examples")
    click.echo(f"compare it before you switch: siphonwatch replay LOG --shadow-prior {to}")
