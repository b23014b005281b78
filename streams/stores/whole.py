"""A store filled at once with a judging that happened elsewhere: a replay that is looked at, a store that is migrated."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base import Judging, ShardJudging, Store


def by_shard(
    accounts: Sequence[tuple[str, bytes, float]], dropped: Sequence[str], verdicts: Mapping[str, Verdict | None], height: float
) -> dict[int, ShardJudging]:
    """What changes in each shard, of those in which anything does."""
    found: dict[int, ShardJudging] = {}

    def of(account: str) -> ShardJudging:
        return found.setdefault(shard_of(account), ShardJudging(height=height))

    for one in accounts:
        of(one[0]).accounts.append(one)
    for account in dropped:
        of(account).dropped.append(account)
    for account, verdict in verdicts.items():
        of(account).verdicts[account] = verdict
    return found


def write(
    store: Store, context: bytes, accounts: Sequence[tuple[str, bytes, float]] = (), verdicts: Mapping[str, Verdict | None] | None = None,
    findings: Sequence[tuple[str, bytes]] = (), height: float = 0.0, dropped: Sequence[str] = (), closed: int = UNSEALED,
) -> None:  # fmt: skip
    """One judging by one who judges and keeps all shards. What was there and is not named stays."""
    mark, name = secrets.token_hex(8), "whole"
    fences = store.hold(name, [], range(SHARDS))
    store.load(fences)
    changes = by_shard(accounts, dropped, verdicts or {}, height)
    store.stage(mark, fences, changes)
    lead = store.lead()
    marks = [mark if shard in changes else before for shard, before in enumerate(lead.shards)]
    judging = Judging(mark, context, list(findings), closed=closed, shards=marks, moves=store.owners().moves)
    store.judged(lead.fence, judging)
    store.apply(mark, fences, changes)
    store.announce(lead.fence)
