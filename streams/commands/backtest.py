"""``siphonwatch backtest``."""

from __future__ import annotations

from pathlib import Path

import click
from siphonwatch.streams.commands.options import configured
from siphonwatch.streams.common.config import Config

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="change a setting of detection, as `flag_odds=1.0`; may be repeated"
)
@click.option("--rulings", type=PATH, help="rulings to be taught by, each from its own time on")
@click.option("--accounts", type=PATH, help="write one row an account, as the change would have it, to this CSV file")
@click.option("--findings", type=PATH, help="write every change of a verdict to this JSON Lines file")
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="accounts shown of each kind of change")
@configured("prior")
def backtest(
    settings: Config, folder: Path, given: tuple[str, ...], rulings: Path | None, accounts: Path | None, findings: Path | None, top: int
) -> None:
    """Judge what `siphonwatch replay --keep FOLDER` kept again, under other settings, prior or rulings, and say what would change."""
    from siphonwatch.detector.judging.engine import Engine
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.desk import kept as finished
    from siphonwatch.streams.replay import kept, outcome
    from siphonwatch.streams.replay.run import judge

    before = finished.verdicts(folder)
    panes, folded, judged_with = kept.load(folder)
    engine = Engine(prior.load(settings.prior), kept.changed(judged_with, given), queued=False)
    if rulings:
        engine.hear(outcome.read_rulings(rulings))
    result = judge(folded, panes, engine)
    if accounts:
        outcome.write_accounts(engine, accounts)
    if findings:
        outcome.write_findings(result.findings, findings)
    tables.backtested(before, result, top)
