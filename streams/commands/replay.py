"""``siphonwatch replay``."""

from __future__ import annotations

import gc
import sys
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.deadletters import DeadLetter

CUT = 3  # status where a file was not read to its end
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=str)
@click.option("--accounts", type=PATH, help="write one row an account to this CSV file")
@click.option("--findings", type=PATH, help="write every change of a verdict to this JSON Lines file")
@click.option("--queue", type=PATH, help="write whom to look at next, a row a behaviour, to this CSV file")
@click.option("--rulings", type=PATH, help="rulings to be taught by, each from its own time on: `siphonwatch rulings list --json`")
@click.option("--dead-letters", type=PATH, help="write refused records' places and reasons to this file")
@click.option("--keep", type=PATH, help="keep what the replay found in this folder, for `siphonwatch desk --replay`")
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="rows of the closing table")
@configured("format", "mapping", "account_fields", "tick_seconds", "prior", "shadow_prior")
def replay(
    settings: Config, paths: tuple[str, ...], accounts: Path | None, findings: Path | None, queue: Path | None, rulings: Path | None,
    dead_letters: Path | None, keep: Path | None, top: int,
) -> None:  # fmt: skip
    """Run old logs through the same detector: log files, folders of them, or (with the extra ``remote``) addresses in a bucket.

    Ends with 3 where a file broke off: what is whole of it was read.
    """
    from siphonwatch.detector.judging.engine import Engine
    from siphonwatch.detector.judging.shadow import difference
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.formats import configured_decoder
    from siphonwatch.streams.replay import outcome
    from siphonwatch.streams.replay.order import in_time
    from siphonwatch.streams.replay.run import replay as run
    from siphonwatch.streams.sources import files

    troubles: files.Troubles = []
    reads = configured_decoder(settings)
    found = in_time(files.find(paths, troubles), reads)
    # records live as long as their batch: the collector would walk over them again and again for nothing
    gc.disable()
    with ExitStack() as stack:
        letters = stack.enter_context(dead_letters.open("w", encoding="utf-8")) if dead_letters else None

        def on_dead(letter: DeadLetter) -> None:
            if letters is not None:
                letters.write(msgspec.json.encode(letter).decode() + "\n")

        on_progress = stack.enter_context(tables.progress(sum(path.stat().st_size for path in found)))
        engine = Engine(prior.load(settings.prior), settings.detection())
        shadow = Engine(prior.load(settings.shadow_prior), settings.detection()) if settings.shadow_prior else None
        if rulings:
            engine.hear(outcome.read_rulings(rulings))
        result = run(found, engine, reads, on_progress, on_dead, shadow)
    result.troubles[:0] = troubles
    if accounts:
        outcome.write_accounts(result.engine, accounts)
    if findings:
        outcome.write_findings(result.findings, findings)
    if queue:
        outcome.write_queue(result.engine, queue)
    if keep:
        from siphonwatch.streams.desk import kept

        kept.keep(keep, result.engine, result.findings, found, ["siphonwatch", *sys.argv[1:]])
    tables.replayed(result, top)
    if shadow is not None:
        tables.shadowed(difference(engine, shadow))
    if any(trouble.lost for trouble in result.troubles):
        raise SystemExit(CUT)
