"""What a judge makes of a store that is not as it was written.

A judge that lives holds everything in memory and writes it back. One that begins takes what decodes. Where something is missing then, all
is read again from the log's start if the log still reaches that far, as then nothing is missing in the end; otherwise what is there
is kept, and what is missing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from siphonwatch.detector.judging.accounts import RECORD
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level, Verdict
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Fault, Judging, Lead, Progress, Store
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()

ACCOUNTS = ("accounts", "account", "context")  # what only the log can give back
DERIVED = ("verdicts", "verdict", "standings", "ranking")  # what follows from the accounts


def report(metrics: Metrics, faults: Sequence[Fault]) -> None:
    """Say and count what was not as it was written."""
    for fault in faults:
        metrics.faults.labels(fault.kind, fault.what).inc()
        log.error("the store is not as it was written", kind=fault.kind, what=fault.what, key=fault.key)


@dataclass(slots=True)
class Restored:
    """An engine from what a store holds."""

    engine: Engine
    lost: bool = False  # accounts or the context are missing
    empty: bool = False  # all accounts are, or the context, without which they mean nothing
    derived: bool = False  # verdicts were missing, and are made again
    faults: list[Fault] = field(default_factory=list)


def restore(store: Store, lead: Lead, progress: Sequence[Progress], prior: Prior, settings: Settings) -> Restored:
    """The engine of a lead, without what does not decode, which is set aside."""
    faults = list(lead.faults)
    context = None
    if lead.context is not None:
        try:
            context = snapshot.unpack_context(lead.context, settings)
        except UsageError:
            raise
        except Exception as error:  # whatever was written there, nobody here did
            log.error("the judging's context does not decode", why=type(error).__name__)
            faults.append(store.set_aside("context"))
    for told in [told for told in lead.outbox if not _told(told)]:
        faults.append(store.set_aside("outbox", told))
        lead.outbox.remove(told)
    kept = [_decodes(value) for value in lead.values]
    faults += [store.set_aside("account", account) for account, good in zip(lead.accounts, kept, strict=True) if not good]
    begun = bool(lead.accounts) or any(max(each.sealed, each.dropped) >= 0 for each in progress)
    if context is None and begun and not any(fault.what == "context" for fault in faults):
        faults.append(Fault("missing", "context", "judge"))
    good = [at for at, each in enumerate(kept) if each]
    made = Restored(Engine(prior, settings, context or Context(height=settings.flag_odds)), faults=faults)
    made.lost = any(fault.what in ACCOUNTS for fault in faults)
    made.empty = made.lost and (context is None or not good)
    made.derived = any(fault.what in DERIVED for fault in faults)
    if context is not None and good:
        for start in range(0, len(good), snapshot.TOGETHER):
            some = good[start : start + snapshot.TOGETHER]
            snapshot.put_accounts(made.engine, [lead.accounts[at] for at in some], [lead.values[at] for at in some])
            for at in some:
                lead.values[at] = b""  # accounts are in memory once, not twice
        made.engine.verdicts = {name: one for name, one in lead.verdicts.items() if name in made.engine.accounts.index}
        if made.derived or made.lost:
            made.engine.verdicts |= again(made.engine)
    return made


def _decodes(value: bytes) -> bool:
    try:
        return len(state.from_bytes([value[: snapshot.STATE_BYTES]])) == 1 and len(value) == snapshot.STATE_BYTES + RECORD.itemsize
    except state.StateError:
        return False


def _told(value: bytes) -> bool:
    try:
        finding.decode(value)
        return True
    except ValueError:
        return False


def again(engine: Engine) -> dict[str, Verdict]:
    """Verdicts on accounts that are not clear and have none any more, as the accounts look now."""
    _, records = engine.accounts.known()
    lost = [at for at in np.flatnonzero(records["level"] > 0).tolist() if engine.accounts.ids[at] not in engine.verdicts]
    tick = engine.context.closed
    at = (tick + 1) * engine.settings.tick_ms + engine.settings.lateness_ms
    found = engine.shard.reasons(np.array(lost, dtype=np.int64))
    described = [engine.shard.describe(position, Level.CLEAR, at, tick, why) for position, why in zip(lost, found, strict=True)]
    return {one.account_id: one for one in described}


def everything(engine: Engine, store: Store, findings: list[tuple[str, bytes]], read: list[int]) -> Judging:
    """All that an engine knows, as one judging."""
    engine.take_changes()
    return Judging(
        context=snapshot.pack_context(engine),
        accounts=snapshot.pack_accounts(engine, sorted(engine.accounts.ids)),
        dropped=[],
        verdicts={**dict.fromkeys(sorted(store.standings().keys() - engine.verdicts.keys())), **engine.verdicts},
        findings=findings,
        height=engine.context.height,
        placed=engine.teaching.take_placed(),
        closed=engine.context.closed,
        read=read,
        whole=True,
    )
