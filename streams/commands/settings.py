"""``siphonwatch settings``: what can be set, made from the one place where it is defined."""

from __future__ import annotations

from collections.abc import Iterator

import click
from siphonwatch.streams.common.config import Config

HEADER = ("| setting | default | what it does |", "| --- | --- | --- |")


def markdown() -> str:
    """The table of the configuration page."""
    return "\n".join([*HEADER, *(f"| `{name}` | {f'`{default}`' if default else ''} | {what} |" for name, default, what in rows())])


def rows() -> Iterator[tuple[str, str, str]]:
    """(setting, default, what it does) of each setting; secrets have no default to show."""
    for name, field in Config.model_fields.items():
        default = "" if field.default is None else str(field.default)
        yield name, default, str(field.description)


@click.command()
@click.option("--markdown", "as_markdown", is_flag=True, help="as the configuration page has it")
def settings(as_markdown: bool) -> None:
    """Show every setting, its default, and what it does."""
    if as_markdown:
        click.echo(markdown())
        return
    for name, default, what in rows():
        click.echo(f"{name:<26} {default:<26} {what}")
