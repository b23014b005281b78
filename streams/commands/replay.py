"""``siphonwatch replay``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config

if TYPE_CHECKING:
    from siphonwatch.streams.common.hashkey import HashKey
    from siphonwatch.streams.replay.spread import Folding

CUT = 3  # status where a file was not read to its end
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=str)
@click.option("--accounts", type=PATH, help="write one row an account to this CSV file")
@click.option("--findings", type=PATH, help="write every change of a verdict to this JSON Lines file")
@click.option("--queue", type=PATH, help="write whom to look at next, a row a behaviour, to this CSV file")
@click.option("--rulings", type=PATH, help="rulings to be taught by, each from its own time on: `siphonwatch rulings list --json`")
@click.option("--dead-letters", type=PATH, help="write refused records' places and reasons to this file")
@click.option(
    "--keep", type=PATH, help="keep panes and findings in this folder, for `siphonwatch backtest` and `siphonwatch desk --replay`"
)
@click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="processes, or tasks on Ray, that read the log")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="where they run (ray: an extra)")
@click.option("--address", default="", help="of a Ray cluster, as `ray.init` takes it; without it Ray begins one here")
@click.option("--as-live", is_flag=True, help="hash addresses as the live store (--store) does: its verdicts, to the byte")
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="rows of the closing table")
@configured(*STORE, "format", "mapping", "account_fields", "tick_seconds", "prior", "shadow_prior")
def replay(
    settings: Config, paths: tuple[str, ...], accounts: Path | None, findings: Path | None, queue: Path | None, rulings: Path | None,
    dead_letters: Path | None, keep: Path | None, workers: int, engine: str, address: str, as_live: bool, top: int,
) -> None:  # fmt: skip
    """Run old logs through the same detector: log files, folders of them, or (with the extra ``remote``) addresses in a bucket.

    The log may lie in any order. Ends with 3 where a file broke off: what is whole of it was read.
    """
    from siphonwatch.detector.judging.engine import Engine
    from siphonwatch.detector.judging.shadow import difference
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.replay import kept as panes_kept
    from siphonwatch.streams.replay import outcome
    from siphonwatch.streams.replay.run import fold_log, judge
    from siphonwatch.streams.sources import files

    troubles: files.Troubles = []
    found = files.find(paths, troubles)
    made = Engine(prior.load(settings.prior), settings.detection(), queued=False)
    shadow = Engine(prior.load(settings.shadow_prior), settings.detection(), queued=False) if settings.shadow_prior else None
    if rulings:
        made.hear(outcome.read_rulings(rulings))
    with ExitStack() as stack:
        folder = panes_kept.begin(keep) if keep else Path(stack.enter_context(TemporaryDirectory(prefix="siphonwatch-")))
        on_progress, on_judged = stack.enter_context(tables.progress(sum(path.stat().st_size for path in found)))
        keying, keyed = _keyed(settings, as_live)
        alone = not (keep or as_live or settings.privacy_hash_key.get_secret_value())
        key = b"" if alone else keying.key  # alone nothing of them outlives this process, and the same records give the same bytes
        folded = fold_log(found, _folding(settings, engine, address, workers, key), workers, folder, dead_letters is not None, on_progress)
        folded.troubles[:0] = troubles
        if dead_letters:
            _together(sorted(folder.glob("*.letters")), dead_letters)
        result = judge(folded, folder, made, shadow, on_judged)
    if accounts:
        outcome.write_accounts(made, accounts)
    if findings:
        outcome.write_findings(result.findings, findings)
    if queue:
        outcome.write_queue(made, queue)
    if keep:
        from siphonwatch.streams.desk import kept

        panes_kept.keep(folder, folded, made.settings)
        kept.keep(keep, made, result.findings, found, ["siphonwatch", *sys.argv[1:]], keying.kept)
    tables.replayed(result, top, "" if alone else keyed)
    if shadow is not None:
        tables.shadowed(difference(made, shadow))
    if any(trouble.lost for trouble in folded.troubles):
        raise SystemExit(CUT)


def _keyed(settings: Config, as_live: bool) -> tuple[HashKey, str]:
    """What addresses and the like are hashed with, and whose it is in words."""
    from siphonwatch.streams.common.hashkey import HashKey
    from siphonwatch.streams.stores import configured_store

    given = settings.privacy_hash_key.get_secret_value()
    made = HashKey(given)
    if as_live:
        store = configured_store(settings, settings.decision_topic)
        try:
            made.agreed(store)
        finally:
            store.close()
        return made, "the live store's key"
    own = "a key of this replay's own; --as-live or privacy_hash_key takes the deployment's"
    return made, "privacy_hash_key" if given else own


def _folding(settings: Config, engine: str, address: str, workers: int, key: bytes) -> Folding:
    """Where the log is folded."""
    from siphonwatch.streams.formats import maker

    make, detection = maker(settings), settings.detection()
    if engine == "ray":
        from siphonwatch.streams.replay.on_ray import Ray

        return Ray(make, detection, address, key)
    if workers > 1:
        from siphonwatch.streams.replay.processes import Processes

        return Processes(make, detection, workers, key)
    from siphonwatch.streams.replay.spread import Here

    return Here(make(), detection, key)


def _together(parts: list[Path], whole: Path) -> None:
    """One file of the letters of all shares; the shares' own go."""
    with whole.open("wb") as out:
        for part in parts:
            out.write(part.read_bytes())
            part.unlink()
