"""``siphonwatch replay``."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.deadletters import DeadLetter

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--accounts", type=PATH, help="write one row an account to this CSV file")
@click.option("--findings", type=PATH, help="write every change of a verdict to this JSON Lines file")
@click.option("--dead-letters", type=PATH, help="write refused records' places and reasons to this file")
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="rows of the closing table")
@configured("format", "mapping", "tick_seconds")
def replay(
    settings: Config, paths: tuple[Path, ...], accounts: Path | None, findings: Path | None, dead_letters: Path | None, top: int
) -> None:
    """Run old logs through the same detector: log files, or folders of them."""
    from siphonwatch.detector.judging.engine import Engine
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.formats import configured_decoder
    from siphonwatch.streams.replay import outcome
    from siphonwatch.streams.replay.run import replay as run
    from siphonwatch.streams.sources import files

    found = files.find(list(paths))
    # records live as long as their batch: the collector would walk over them again and again for nothing
    gc.disable()
    with ExitStack() as stack:
        letters = stack.enter_context(dead_letters.open("w", encoding="utf-8")) if dead_letters else None

        def on_dead(letter: DeadLetter) -> None:
            if letters is not None:
                letters.write(msgspec.json.encode(letter).decode() + "\n")

        on_progress = stack.enter_context(tables.progress(sum(path.stat().st_size for path in found)))
        result = run(found, Engine(prior.load(), settings.detection()), configured_decoder(settings), on_progress, on_dead)
    if accounts:
        outcome.write_accounts(result.engine, accounts)
    if findings:
        outcome.write_findings(result.findings, findings)
    tables.replayed(result, top)
