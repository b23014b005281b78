"""What keepers and the judge make of a store that is not as it was written.

Who lives holds everything in memory and writes it back. Who begins takes what decodes. Where accounts are missing then, all
is read again from the log's start if the log still reaches that far, as then nothing is missing in the end; otherwise what is there
is kept, and what is missing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from siphonwatch.detector.judging.accounts import RECORD, shard_of
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level, Verdict
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Fault, Kept, Lead, Store
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()


def report(metrics: Metrics, faults: Sequence[Fault]) -> None:
    """Count what was not as it was written, and say it; of many alike the first key and how many more, as a flushed store harms all."""
    alike: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        metrics.faults.labels(fault.kind, fault.what).inc()
        alike.setdefault((fault.kind, fault.what), []).append(fault.key)
    for (kind, what), keys in alike.items():
        more = {"more": len(keys) - 1} if len(keys) > 1 else {}
        log.error("the store is not as it was written", kind=kind, what=what, key=keys[0], **more)


def context_of(store: Store, lead: Lead, settings: Settings) -> tuple[Context | None, list[Fault]]:
    """The context of a lead, nothing where it does not decode: it is set aside then, as is what does not decode in the outbox."""
    faults = list(lead.faults)
    for told in [told for told in lead.outbox if not _told(told)]:
        faults.append(store.set_aside("outbox", told))
        lead.outbox.remove(told)
    if lead.context is None:
        return None, faults
    try:
        return snapshot.unpack_context(lead.context, settings), faults
    except UsageError:
        raise
    except Exception as error:  # whatever was written there, nobody here did
        log.error("the judging's context does not decode", why=type(error).__name__)
        return None, [*faults, store.set_aside("context")]


def _told(value: bytes) -> bool:
    try:
        finding.decode(value)
        return True
    except ValueError:
        return False


@dataclass(slots=True)
class Restored:
    """What became of a shard's accounts as they were put into memory."""

    lost: bool = False  # some are missing, or the context is, without which they mean nothing
    derived: set[int] = field(default_factory=set)  # shards of which something was missing that follows from the accounts
    faults: list[Fault] = field(default_factory=list)


def restore(store: Store, kept: Kept, shard: Shard, settings: Settings, first: bool) -> Restored:
    """Put what is kept into ``shard``, without what does not decode, which is set aside; ``first``: it holds nothing yet."""
    made = Restored(bool(kept.lost), set(kept.derived), list(kept.faults))
    context = None
    if kept.context is not None:
        try:
            context = snapshot.unpack_context(kept.context, settings)
        except UsageError:
            raise
        except Exception:  # the judge finds it too, and says so
            made.lost = True
    good = []
    for at, (account, value) in enumerate(zip(kept.accounts, kept.values, strict=True)):
        if _decodes(value):
            good.append(at)
        else:
            made.faults.append(store.set_aside("account", account))
            made.lost = True
    if context is None:
        made.lost = made.lost or bool(good)
        return made
    if first:
        shard.scorer.turned(context)
    shard.accounts.positions([kept.accounts[at] for at in good])  # room for all of them at once
    for start in range(0, len(good), snapshot.TOGETHER):
        some = good[start : start + snapshot.TOGETHER]
        snapshot.put_accounts(shard.accounts, [kept.accounts[at] for at in some], [kept.values[at] for at in some])
        for at in some:
            kept.values[at] = b""  # accounts are in memory once, not twice
    shard.verdicts |= {name: one for name, one in kept.verdicts.items() if name in shard.accounts.index}
    if made.derived or made.lost:
        shard.verdicts |= again(shard, context.closed, {shard_of(kept.accounts[at]) for at in good})
    return made


def _decodes(value: bytes) -> bool:
    try:
        return len(state.from_bytes([value[: snapshot.STATE_BYTES]])) == 1 and len(value) == snapshot.STATE_BYTES + RECORD.itemsize
    except state.StateError:
        return False


def again(shard: Shard, tick: int, numbers: set[int]) -> dict[str, Verdict]:
    """Verdicts on accounts of the shards ``numbers`` that are not clear and have none any more, as they look at the end of ``tick``."""
    _, records = shard.accounts.known()
    ids = shard.accounts.ids
    lost = [at for at in np.flatnonzero(records["level"] > 0).tolist() if ids[at] not in shard.verdicts and shard_of(ids[at]) in numbers]
    at = (tick + 1) * shard.settings.tick_ms + shard.settings.lateness_ms
    found = shard.reasons(np.array(lost, dtype=np.int64))
    described = [shard.describe(position, Level.CLEAR, at, tick, why) for position, why in zip(lost, found, strict=True)]
    return {one.account_id: one for one in described}
