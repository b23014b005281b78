"""``siphonwatch simulate``."""

from __future__ import annotations

from pathlib import Path

import click
from siphonwatch.streams.commands.options import Real


@click.command()
@click.argument("to")
@click.option("--accounts", type=click.IntRange(min=1), default=1000, show_default=True, help="how many accounts")
@click.option("--days", type=Real(0.01, 60), default=2.0, show_default=True, help="how long")
@click.option("--prevalence", type=Real(0, 1), default=0.02, show_default=True, help="share of accounts that harvest")
@click.option("--harvests", default="", help="only these kinds, comma separated; all by default")
@click.option("--seed", default=1, show_default=True, help="equal seeds give equal traffic")
@click.option("--start", default="", help="time of the first day, RFC 3339; by default so that it ends now")
@click.option("--rate", type=Real(min=0.001), help="requests a second; as fast as it goes by default")
@click.option("--labels", type=click.Path(path_type=Path), help="write account -> truth to this JSON file")
def simulate(
    to: str, accounts: int, days: float, prevalence: float, harvests: str, seed: int, start: str, rate: float | None, labels: Path | None
) -> None:
    """Write labelled traffic of the project's own making to TO: a .jsonl file, or kafka://HOST:PORT/TOPIC."""
    from siphonwatch.streams.demo import traffic

    click.echo(traffic.write(traffic.world(accounts, days, prevalence, harvests, seed, start), to, rate, labels))
