"""``siphonwatch prior``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def prior(path: Path) -> None:
    """Make the shipped prior again, into PATH."""
    from siphonwatch.streams.training.shipped import make

    made = make(path)
    for name, weight in sorted(made.weights.items(), key=lambda pair: -pair[1]):
        click.echo(f"{weight:7.3f}  {name}")
    click.echo(f"{made.bias:7.3f}  (bias)")
